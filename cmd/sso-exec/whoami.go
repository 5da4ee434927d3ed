package main

import (
	"context"
	"encoding/base64"
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
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
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
	Organizations []knownOrganization        `json:"organizations"`
	Flow          string                     `json:"flow"`
	SignedInAt    time.Time                  `json:"signedInAt"`
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

// newWhoami makes the command that shows the identity.
func newWhoami() *cobra.Command {
	o := newOptions(toolWhoami)
	c := &cobra.Command{
		Use:   toolWhoami + " [PROFILE|ID]",
		Short: "show who you are to the provider",
		Long: `Show the identity that the session's last ID token tells, and whom its tokens
are for; without a profile and an issuer, of the only session that is stored.
The provider is not asked. The token itself is not shown: see sso-exec token.`,
		Example: "  sso-exec whoami\n  sso-exec whoami corp -o json",
		Args:    cobra.MaximumNArgs(1),
	}
	var output string
	c.Flags().StringVarP(&output, "output", "o", "text", "text, or json with all claims")
	return withSettings(o, c, func(_ context.Context, ids []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		e, of, err := o.whose(ids)
		if err != nil {
			return err
		}
		who := identityOf(e)
		if output == "json" {
			return printJSON(who)
		}
		columns, style := outputStyle()
		_, err = os.Stdout.WriteString(whoamiText(who, sheet{&strings.Builder{}, style, columns}, of.command("token", "--token-type=id")))
		return err
	})
}

// Who takes a token: whoever it is for, or the provider and whom that names for it.
const (
	byAudience = "audience"
	byProvider = "provider"
)

func whoTakes(t tokenStatus) string {
	switch {
	case t.Type == credential.IDToken:
		return "every Kubernetes cluster and AWS account that trusts this provider and this audience"
	case t.TakenBy == byAudience:
		return "the APIs that it was asked for"
	}
	return "the provider's own APIs, and those that it was set up for"
}

// whose returns the session that is meant, and its settings: the one of an ID, the one
// that flags or a profile name, else the only one that is stored.
func (o *options) whose(ids []string) (cache.Entry, *options, error) {
	alone := len(ids) == 0 && o.issuer == "" && o.needsProvider()
	if !alone && len(ids) == 0 {
		if err := o.check(); err != nil {
			return cache.Entry{}, o, err
		}
	}
	if o.cacheDir == "" || o.store == "none" {
		return cache.Entry{}, o, &session.LoginRequiredError{Reason: "nothing is kept here"}
	}
	if alone || len(ids) > 0 {
		return o.storedOne(ids)
	}
	e, err := openCache(o).Entry(o.request().SessionKey())
	return e, o, signedIn(e, err)
}

// storedOne is whose for a session that no settings name.
func (o *options) storedOne(ids []string) (cache.Entry, *options, error) {
	all, err := storedSessions(o)
	if err == nil && len(ids) > 0 {
		all, err = sessionsByID(all, ids)
	}
	switch {
	case err != nil:
		return cache.Entry{}, o, err
	case len(all) == 0:
		return cache.Entry{}, o, o.check() // no issuer is given
	case len(all) > 1:
		for _, f := range all {
			if f.err == nil {
				fmt.Fprintf(stderr, "  %s: %s at %s, client %s\n", idOf(f.Key), orUnknown(f.Session.Account), hostOf(f.Session.Issuer), f.Session.ClientID)
			}
		}
		return cache.Entry{}, o, fault.InUsage(errors.New("several sessions are stored: which one?"), "give its ID, as above: "+ours("whoami", "ID"))
	}
	return all[0].Entry, optionsFor(o, all[0], nil), signedIn(all[0].Entry, all[0].err)
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
	who := identityStatus{Account: r.Account, Subject: r.Subject, Identity: r.Identity, Issuer: r.Issuer, ClientID: r.ClientID,
		Organization: r.Organization, Organizations: organizationsOf(e), Flow: r.Flow, SignedInAt: seconds(r.SignedInAt), Claims: map[string]json.RawMessage{}, Tokens: []tokenStatus{}}
	for _, t := range e.Tokens {
		if claims := claimsOf(t.IDToken); claims != nil {
			who.Claims = claims
			who.Tokens = append(who.Tokens, tokenStatus{credential.IDToken, texts(claims["aud"]), seconds(t.IDTokenExpiresAt), byAudience, t.Organization})
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
		who.Tokens = append(who.Tokens, tokenStatus{credential.AccessToken, orEmpty(of), seconds(t.ExpiresAt), takenBy, t.Organization})
	}
	return who
}

// claimsOf decodes a JWT's claims, without verifying them.
func claimsOf(token credential.Secret) map[string]json.RawMessage {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims map[string]json.RawMessage
	_ = json.Unmarshal(b, &claims)
	return claims
}

// texts reads a claim that is a string or a list of strings.
func texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	list := []string{}
	_ = json.Unmarshal(raw, &list)
	return list
}

// claimsThatMatter are shown in this order, beside the account.
var claimsThatMatter = []string{"name", "email", "preferred_username", "groups", "roles", "org_id", "tenant", "tid", "acr", "amr"}

func whoamiText(who identityStatus, t sheet, renew string) string {
	t.title(orUnknown(who.Account))
	t.row("identity", kindOf(who.Identity))
	t.row("provider", who.Issuer)
	t.row("client", who.ClientID)
	t.row("subject", who.Subject)
	t.row("organization", organizationRows(who.Organization, who.Organizations)...)
	for _, name := range claimsThatMatter {
		if values := texts(who.Claims[name]); len(values) > 0 && values[0] != who.Account {
			t.row(name, strings.Join(values, ", "))
		}
	}
	t.row("signed in", clock(who.SignedInAt)+" by "+who.Flow)
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
		t.row(label, of+ends(token.Until, time.Now()), in, "accepted by "+whoTakes(token))
	}
	if !slices.ContainsFunc(who.Tokens, func(t tokenStatus) bool { return t.Type == credential.IDToken }) {
		if who.Identity == credential.Service {
			return t.b.String()
		}
		t.row("ID token", "none is stored, so nothing more is known; to renew it, run: "+renew)
	}
	return t.b.String()
}

func ends(until, now time.Time) string {
	switch {
	case until.IsZero():
		return "without a known end"
	case until.Before(now):
		return "ended " + clock(until)
	}
	return fmt.Sprintf("until %s", clock(until))
}
