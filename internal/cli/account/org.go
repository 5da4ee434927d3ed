package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// NewOrg makes the commands about the organizations of a person.
func NewOrg() *cobra.Command {
	return command.OfOthers(&cobra.Command{
		Use:   "org",
		Short: "see and switch organizations",
		Long: `See the organizations that you belong to, and choose the one that a profile is
for. What an organization is depends on the provider: one of WorkOS or Auth0, a
tenant of Entra ID, a realm of Keycloak, an authorization server of Okta.`,
		Example: "  sso-exec org list\n  sso-exec org use org_01HACME --profile corp",
	}, "command", newOrgList(), newOrgUse())
}

// organizationsStatus is what org list -o json shows. Fields are only ever added;
// docs/organizations.md explains them.
type organizationsStatus struct {
	Profile       string               `json:"profile"`
	Account       string               `json:"account"`
	Issuer        string               `json:"issuer"`
	Pinned        string               `json:"pinned"`  // by the profile, a flag or a variable
	Current       string               `json:"current"` // that the next token is for
	Organizations []organizationStatus `json:"organizations"`
}

type organizationStatus struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Current bool      `json:"current"`
	Until   time.Time `json:"accessUntil,omitzero"` // of the token for it that is stored
}

// newOrgList makes the command that lists organizations.
func newOrgList() *cobra.Command {
	o := settings.For(settings.ToolOrg)
	c := &cobra.Command{
		Use:   "list",
		Short: "show the organizations that are known",
		Long: `Show the organizations of who is signed in that are known here: those that a
sign-in offered, and those that tokens were got for.`,
		Example: "  sso-exec org list\n  sso-exec org list --profile corp -o json",
		Args:    command.NoArgs,
	}
	var output string
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return command.WithFlags(o, c, func(context.Context) error {
		if err := command.CheckOutput(output); err != nil {
			return err
		}
		if o.Storage.CacheDir == "" || o.Storage.Store == "none" {
			return &session.LoginRequiredError{Reason: "nothing is kept here"}
		}
		st, err := organizations(o)
		if err != nil {
			return err
		}
		if output == "json" {
			return talk.PrintJSON(st)
		}
		columns, style := talk.OutputStyle()
		_, err = os.Stdout.WriteString(orgText(o, st, talk.Sheet{Text: &strings.Builder{}, Style: style, Columns: columns}))
		return err
	})
}

// organizations tells what is known of the organizations of a profile's session.
func organizations(o *settings.Resolved) (organizationsStatus, error) {
	st := organizationsStatus{Profile: o.Source.Profile, Issuer: o.Provider.Issuer, Pinned: o.Provider.Organization,
		Organizations: []organizationStatus{}}
	s, err := acquire.Open(o, acquire.Caller{})
	if err != nil {
		return st, err
	}
	list, err := s.Organizations()
	absent := errors.Is(err, cache.ErrNotExist) || errors.Is(err, cache.ErrCorrupt)
	if err != nil && !absent {
		return st, err
	}
	st.Current = cmp.Or(s.Organization(), o.Provider.Organization)
	until := map[string]time.Time{}
	if e, err := s.Stored(); err == nil {
		st.Account = cmp.Or(e.Session.Account, e.Session.Subject)
		for _, t := range e.Tokens {
			if t.ExpiresAt.After(until[t.Organization]) {
				until[t.Organization] = t.ExpiresAt
			}
		}
	}
	list = lookup.Union(list, lookup.OrganizationsOfOthers(o))
	if absent && len(list) == 0 {
		return st, &session.LoginRequiredError{Reason: "nobody has signed in here yet"}
	}
	if o.Provider.Organization != "" {
		list = lookup.Union(list, []cache.Organization{{ID: o.Provider.Organization}})
	}
	for _, k := range list {
		st.Organizations = append(st.Organizations,
			organizationStatus{k.ID, k.Name, k.ID == st.Current, talk.Seconds(until[k.ID])})
	}
	sort.SliceStable(st.Organizations, func(i, j int) bool {
		a, b := st.Organizations[i], st.Organizations[j]
		return strings.ToLower(cmp.Or(a.Name, a.ID)) < strings.ToLower(cmp.Or(b.Name, b.ID))
	})
	return st, nil
}

// orgWord is what the provider calls an organization.
func orgWord(o *settings.Resolved) string {
	return cmp.Or(o.Dialect().Organization.Word, "organization")
}

// orgText is the list for people: one a line, the current one marked.
func orgText(o *settings.Resolved, st organizationsStatus, t talk.Sheet) string {
	t.Title(cmp.Or(st.Profile, talk.HostOf(st.Issuer)) + ": " + talk.OrUnknown(st.Account))
	say := func(s string) { t.Text.WriteString(talk.Wrap(s, t.Columns) + "\n") }
	word := orgWord(o)
	if len(st.Organizations) == 0 {
		how, login := "Where the provider has several, it asks which one when you sign in:", "  sso-exec login\n"
		if o.Dialect().Organization.Issuer != nil {
			how, login = fmt.Sprintf("Each %s is an issuer of its own, and not listed anywhere.", word), ""
		}
		say(fmt.Sprintf("No %s is known here. %s", word, how))
		t.Text.WriteString(login + "To name one:\n  sso-exec org use ID\n")
		return t.Text.String()
	}
	width := 0
	for _, k := range st.Organizations {
		width = max(width, len(k.ID))
	}
	for _, k := range st.Organizations {
		mark, name := " ", talk.OrgName(k.Name)
		if k.Current {
			mark, name = "*", strings.TrimSpace(name+" (current)")
		}
		id := talk.OrgName(k.ID)
		if 4+width+2+len(name) > t.Columns {
			fmt.Fprintf(t.Text, "  %s %s\n", mark, id)
			for _, line := range terminal.Wrap(name, 0, t.Columns-6) {
				fmt.Fprintf(t.Text, "      %s\n", line)
			}
			continue
		}
		fmt.Fprintln(t.Text, strings.TrimRight(fmt.Sprintf("  %s %-*s  %s", mark, width, id, name), " "))
	}
	say("These are known from sign-ins and tokens; there may be more.")
	return t.Text.String()
}

// organizationNamed finds one of the known by its ID, else by its name. One that
// is not known is taken for an ID.
func organizationNamed(list []organizationStatus, word string) (id, name string, isKnown bool, err error) {
	var named []organizationStatus
	var names []string
	for _, k := range list {
		if k.ID == word {
			return k.ID, k.Name, true, nil
		}
		if k.Name != "" && strings.EqualFold(k.Name, word) {
			named = append(named, k)
		}
		names = append(names, k.ID, k.Name)
	}
	switch {
	case len(named) == 1:
		return named[0].ID, named[0].Name, true, nil
	case len(named) > 1:
		var ids []string
		for _, k := range named {
			ids = append(ids, k.ID)
		}
		return "", "", false,
			fault.InUsage(fmt.Errorf("several organizations are named %q", word), "name it by its ID: "+strings.Join(ids, ", "))
	case word == "" || word != talk.OneLine(word) || strings.ContainsAny(word, " \t"):
		return "", "", false,
			fault.InUsage(fmt.Errorf("no organization %q is known%s", word, commandline.Suggest(word, names)),
				"see: sso-exec org list")
	}
	return word, "", false, nil
}

// organizationRows tells the organization that was signed in to first, and then
// those that tokens are stored for.
func organizationRows(signedIn string, known []lookup.KnownOrganization) (rows []string) {
	if signedIn != "" && !slices.ContainsFunc(known, func(k lookup.KnownOrganization) bool { return k.ID == signedIn }) {
		rows = append(rows, talk.OrgName(signedIn))
	}
	for _, k := range known {
		switch {
		case k.ID == signedIn:
			rows = slices.Insert(rows, 0, talk.OrgTitle(k.ID, k.Name))
		case !k.Until.IsZero():
			rows = append(rows, talk.OrgTitle(k.ID, k.Name))
		}
	}
	return rows
}
