package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// identityStatus is what whoami -o json shows. Fields are only ever added;
// docs/sessions.md explains them.
type identityStatus struct {
	Account       string                     `json:"account"`
	Subject       string                     `json:"subject"`
	Identity      string                     `json:"identity"`
	Issuer        string                     `json:"issuer"`
	ClientID      string                     `json:"clientId"`
	Organization  string                     `json:"organization"`
	Organizations []lookup.KnownOrganization `json:"organizations"`
	Flow          string                     `json:"flow"`
	SignedInAt    time.Time                  `json:"signedInAt"`
	Role          string                     `json:"role,omitempty"` // of IAM Identity Center, as the profile names it
	Claims        map[string]json.RawMessage `json:"claims"`
	Tokens        []tokenStatus              `json:"tokens"`
}

// tokenStatus is a token that is stored: whom it is for, and who takes it.
type tokenStatus struct {
	Type         string    `json:"type"` // id or access
	Audience     []string  `json:"audience"`
	Until        time.Time `json:"until,omitzero"`
	TakenBy      string    `json:"takenBy"` // audience or provider
	Organization string    `json:"organization,omitempty"`
}

// NewWhoami makes the command that shows the identity.
func NewWhoami() *cobra.Command {
	o := settings.For(settings.ToolWhoami)
	c := &cobra.Command{
		Use:   settings.ToolWhoami + " [PROFILE|ID]",
		Short: "show who you are to the provider",
		Long: `Show who is signed in, as the session's last ID token says, and who accepts its
tokens. Without a profile or an issuer it shows the only stored session. It does
not contact the provider, and does not show the token: see sso-exec token.`,
		Example: "  sso-exec whoami\n  sso-exec whoami corp -o json",
		Args:    cobra.MaximumNArgs(1),
	}
	var output string
	c.Flags().StringVarP(&output, "output", "o", "text", "text, or json with all claims")
	return command.WithSettings(o, c, func(_ context.Context, ids []string) error {
		if err := command.CheckOutput(output); err != nil {
			return err
		}
		e, of, err := whose(o, ids)
		if err != nil {
			return err
		}
		who := identityOf(e)
		who.Role = of.AWS.CenterRole()
		if output == "json" {
			return talk.PrintJSON(who)
		}
		columns, style := talk.OutputStyle()
		_, err = os.Stdout.WriteString(whoamiText(who, talk.Sheet{Text: &strings.Builder{}, Style: style, Columns: columns},
			of.Command("token", "--token-type=id")))
		return err
	})
}

// Who takes a token: whoever it is for, or the provider and whom that names for it.
const (
	byAudience = "audience"
	byProvider = "provider"
)

func whoTakes(who identityStatus, t tokenStatus) string {
	switch {
	case t.Type == credential.IDToken:
		return "every Kubernetes cluster and AWS account that trusts this provider and this audience"
	case t.TakenBy == byAudience:
		return "the APIs that it was asked for"
	case who.ClientID == "" && who.Subject == "": // IAM Identity Center's
		return "the AWS access portal, for the keys of your roles"
	}
	return "the provider's own APIs, and those that it was set up for"
}

// whose returns the session that is meant, and its settings: the one of an ID, the one
// that flags or a profile name, else the only one that is stored.
func whose(o *settings.Resolved, ids []string) (cache.Entry, *settings.Resolved, error) {
	alone := len(ids) == 0 && o.Provider.Issuer == "" && o.NeedsProvider()
	if !alone && len(ids) == 0 {
		if err := o.Check(); err != nil {
			return cache.Entry{}, o, err
		}
	}
	if o.Storage.CacheDir == "" || o.Storage.Store == "none" {
		return cache.Entry{}, o, &session.LoginRequiredError{Reason: "nothing is kept here"}
	}
	if alone || len(ids) > 0 {
		return storedOne(o, ids)
	}
	e, err := lookup.OpenCache(o).Entry(acquire.Request(o).SessionKey())
	hint := elsewhere(o)
	if err = signedIn(e, err); fault.Holds[*session.LoginRequiredError](err) && e.Session == nil && hint != "" {
		err = fault.Hint(err, "to sign in, run: "+settings.LoginCommand(o), hint)
	}
	return e, o, err
}

// elsewhere says where other sessions than that of these settings are; empty: nowhere.
func elsewhere(o *settings.Resolved) string {
	if stored, err := lookup.StoredSessions(o); err != nil || len(stored) == 0 {
		return ""
	}
	return "other sessions are stored here: " + o.Ours("status")
}

// storedOne is whose for a session that no settings name.
func storedOne(o *settings.Resolved, ids []string) (cache.Entry, *settings.Resolved, error) {
	all, err := lookup.StoredSessions(o)
	if err == nil && len(ids) > 0 {
		all, err = lookup.SessionsByID(o, all, ids)
	}
	switch {
	case err != nil:
		return cache.Entry{}, o, err
	case len(all) == 0:
		return cache.Entry{}, o, o.Check() // no issuer is given
	case len(all) > 1:
		by := lookup.KnownProfiles(o)
		for _, f := range all {
			if f.Err == nil {
				fmt.Fprintf(talk.Stderr, "  %s: %s at %s, client %s\n", lookup.IDOf(f.Key), talk.OrUnknown(f.Session.Account),
					talk.HostOf(f.Session.Issuer), f.Session.ClientID)
				for _, p := range by[f.Key] {
					fmt.Fprintf(talk.Stderr, "    profile %s\n", talk.OneLine(p.Source.Profile))
				}
			}
		}
		return cache.Entry{}, o,
			fault.InUsage(errors.New("several sessions are stored: which one?"),
				"give its profile or its ID, as above: "+o.Ours("whoami", "ID"))
	}
	return all[0].Entry, lookup.OptionsFor(o, all[0], nil), signedIn(all[0].Entry, all[0].Err)
}

// signedIn is why a session that was read tells of nobody.
func signedIn(e cache.Entry, err error) error {
	switch {
	case errors.Is(err, cache.ErrNotExist), errors.Is(err, cache.ErrCorrupt):
		return &session.LoginRequiredError{Reason: "nobody has signed in here yet"}
	case err != nil:
		return err
	case !e.Session.EndedAt.IsZero():
		return &session.LoginRequiredError{Reason: "the session has ended"}
	}
	return nil
}

// identityOf reads a stored session's identity. The claims are those of an ID
// token that was verified when it came.
func identityOf(e cache.Entry) identityStatus {
	r := e.Session
	who := identityStatus{Account: r.Account, Subject: r.Subject, Identity: r.Identity, Issuer: r.Issuer,
		ClientID:     r.ClientID,
		Organization: r.Organization, Organizations: lookup.OrganizationsOf(e), Flow: r.Flow,
		SignedInAt: talk.Seconds(r.SignedInAt), Claims: map[string]json.RawMessage{}, Tokens: []tokenStatus{}}
	for _, t := range e.Tokens {
		if claims := acquire.ClaimsOf(t.IDToken); claims != nil {
			who.Claims = claims
			who.Tokens = append(who.Tokens,
				tokenStatus{credential.IDToken, acquire.Texts(claims["aud"]), talk.Seconds(t.IDTokenExpiresAt), byAudience,
					t.Organization})
		}
		if t.AccessToken.IsZero() {
			continue
		}
		// What is in an access token is between the provider and the API (RFC 9068
		// §6): whom it was asked for is known.
		of := slices.Clone(r.Resources)
		if r.Audience != "" {
			of = append(of, r.Audience)
		}
		takenBy := byAudience
		if len(of) == 0 {
			takenBy = byProvider
		}
		who.Tokens = append(who.Tokens,
			tokenStatus{credential.AccessToken, talk.OrEmpty(of), talk.Seconds(t.ExpiresAt), takenBy, t.Organization})
	}
	return who
}

// claimsThatMatter are shown in this order, next to the account.
var claimsThatMatter = []string{"name", "email", "preferred_username", "groups", "roles", "org_id", "tenant", "tid",
	"acr", "amr"}

func whoamiText(who identityStatus, t talk.Sheet, renew string) string {
	t.Title(talk.OrUnknown(who.Account))
	t.Row("identity", kindOf(who.Identity))
	t.Row("provider", who.Issuer)
	t.Row("client", who.ClientID)
	t.Row("subject", who.Subject)
	t.Row("AWS role", who.Role)
	t.Row("organization", organizationRows(who.Organization, who.Organizations)...)
	for _, name := range claimsThatMatter {
		if values := acquire.Texts(who.Claims[name]); len(values) > 0 && values[0] != who.Account {
			t.Row(name, strings.Join(values, ", "))
		}
	}
	t.Row("signed in", talk.Clock(who.SignedInAt)+" by "+who.Flow)
	for _, token := range who.Tokens {
		label := map[string]string{credential.IDToken: "ID token", credential.AccessToken: "access token"}[token.Type]
		of := ""
		if len(token.Audience) > 0 {
			of = "for " + strings.Join(token.Audience, ", ") + ", "
		}
		in := ""
		if token.Organization != "" {
			in = "in organization " + token.Organization
		}
		t.Row(label, of+ends(token.Until, time.Now()), in, "accepted by "+whoTakes(who, token))
	}
	if !slices.ContainsFunc(who.Tokens, func(t tokenStatus) bool { return t.Type == credential.IDToken }) {
		if who.Identity == credential.Service || who.Subject == "" { // of whom nothing is ever told
			return t.Text.String()
		}
		t.Row("ID token", "none is stored, so nothing more is known; to renew it, run: "+renew)
	}
	return t.Text.String()
}

func ends(until, now time.Time) string {
	switch {
	case until.IsZero():
		return "without a known end"
	case until.Before(now):
		return "ended " + talk.Clock(until)
	}
	return fmt.Sprintf("until %s", talk.Clock(until))
}
