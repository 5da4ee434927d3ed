package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// newOrg makes the commands about the organizations of a person.
func newOrg() *cobra.Command {
	c := &cobra.Command{
		Use:   "org",
		Short: "see and switch organizations",
		Long: `See the organizations that you belong to, and choose the one that a profile is
for. What an organization is depends on the provider: one of WorkOS or Auth0, a
tenant of Entra ID, a realm of Keycloak, an authorization server of Okta.`,
		Example: "  sso-exec org list\n  sso-exec org use org_01HACME --profile corp",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknown(cmd, "command", args[0])
		},
	}
	c.AddCommand(newOrgList(), newOrgUse())
	return c
}

const toolOrg = "org"

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
	o := newOptions(toolOrg)
	c := &cobra.Command{
		Use:   "list",
		Short: "show the organizations that are known",
		Long: `Show the organizations of who is signed in that are known here: those that a
sign-in offered, and those that tokens were got for.`,
		Example: "  sso-exec org list\n  sso-exec org list --profile corp -o json",
		Args:    noArgs,
	}
	var output string
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return withFlags(o, c, func(context.Context) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		if o.cacheDir == "" || o.store == "none" {
			return &session.LoginRequiredError{Reason: "nothing is kept here"}
		}
		st, err := o.organizations()
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(st)
		}
		columns, style := outputStyle()
		_, err = os.Stdout.WriteString(o.orgText(st, sheet{&strings.Builder{}, style, columns}))
		return err
	})
}

// organizations tells what is known of the organizations of a profile's session.
func (o *options) organizations() (organizationsStatus, error) {
	st := organizationsStatus{Profile: o.profile, Issuer: o.issuer, Pinned: o.organization, Organizations: []organizationStatus{}}
	s, err := newSession(o, nil)
	if err != nil {
		return st, err
	}
	list, err := s.Organizations()
	absent := errors.Is(err, cache.ErrNotExist) || errors.Is(err, cache.ErrCorrupt)
	if err != nil && !absent {
		return st, err
	}
	st.Current = cmp.Or(s.Organization(), o.organization)
	until := map[string]time.Time{}
	if e, err := s.Stored(); err == nil {
		st.Account = cmp.Or(e.Session.Account, e.Session.Subject)
		for _, t := range e.Tokens {
			if t.ExpiresAt.After(until[t.Organization]) {
				until[t.Organization] = t.ExpiresAt
			}
		}
	}
	list = union(list, o.organizationsOfOthers())
	if absent && len(list) == 0 {
		return st, &session.LoginRequiredError{Reason: "nobody has signed in here yet"}
	}
	if o.organization != "" {
		list = union(list, []cache.Organization{{ID: o.organization}})
	}
	for _, k := range list {
		st.Organizations = append(st.Organizations, organizationStatus{k.ID, k.Name, k.ID == st.Current, seconds(until[k.ID])})
	}
	slices.SortStableFunc(st.Organizations, func(a, b organizationStatus) int {
		return strings.Compare(strings.ToLower(cmp.Or(a.Name, a.ID)), strings.ToLower(cmp.Or(b.Name, b.ID)))
	})
	return st, nil
}

// organizationsOfOthers are those of other sessions of the same client: where each
// organization is a sign-in, or an issuer, of its own.
func (o *options) organizationsOfOthers() (list []cache.Organization) {
	if o.cacheDir == "" || o.store == "none" {
		return nil
	}
	entries, _, _ := openCache(o).List() // what is wrong with others is status's to say
	rule := o.dialect().Organization
	for _, e := range entries {
		r := e.Session
		issuer := o.issuer
		if rule.Issuer != nil && r.Organization != "" {
			issuer = rule.Issuer(o.issuer, r.Organization)
		}
		if r.Organization != "" && r.Issuer == issuer && r.ClientID == o.clientID && r.Identity == o.identity && r.Label == o.session {
			list = union(list, r.Organizations, []cache.Organization{{ID: r.Organization}})
		}
	}
	return list
}

// union puts lists together; of one organization the first name counts.
func union(lists ...[]cache.Organization) (all []cache.Organization) {
	for _, k := range slices.Concat(lists...) {
		at := slices.IndexFunc(all, func(a cache.Organization) bool { return a.ID == k.ID })
		if at < 0 {
			all = append(all, k)
		} else {
			all[at].Name = cmp.Or(all[at].Name, k.Name)
		}
	}
	return all
}

// orgWord is what the provider calls an organization.
func (o *options) orgWord() string { return cmp.Or(o.dialect().Organization.Word, "organization") }

// orgText is the list for people: one a line, the current one marked.
func (o *options) orgText(st organizationsStatus, t sheet) string {
	t.title(cmp.Or(st.Profile, hostOf(st.Issuer)) + ": " + orUnknown(st.Account))
	say := func(s string) { t.b.WriteString(wrap(s, t.columns) + "\n") }
	word := o.orgWord()
	if len(st.Organizations) == 0 {
		how := "Where the provider has several, it asks which at the sign-in: sso-exec login. Or name one"
		if o.dialect().Organization.Issuer != nil {
			how = fmt.Sprintf("Each %s is an issuer of its own, and not listed anywhere. Name one", word)
		}
		say(fmt.Sprintf("No %s is known here. %s: sso-exec org use ID", word, how))
		return t.b.String()
	}
	width := 0
	for _, k := range st.Organizations {
		width = max(width, len(k.ID))
	}
	for _, k := range st.Organizations {
		mark, name := " ", orgName(k.Name)
		if k.Current {
			mark, name = "*", strings.TrimSpace(name+" (current)")
		}
		id := orgName(k.ID)
		if 4+width+2+len(name) > t.columns {
			fmt.Fprintf(t.b, "  %s %s\n", mark, id)
			for _, line := range wrapWords(name, t.columns-6) {
				if line != "" {
					fmt.Fprintf(t.b, "      %s\n", line)
				}
			}
			continue
		}
		fmt.Fprintln(t.b, strings.TrimRight(fmt.Sprintf("  %s %-*s  %s", mark, width, id, name), " "))
	}
	say("These are known from sign-ins and tokens; there may be more.")
	return t.b.String()
}

// orgName makes a name or an ID fit for a line.
func orgName(s string) string { return oneLine(strings.TrimSpace(s)) }

// orgTitle names an organization for a person: by its name and its ID.
func orgTitle(id, name string) string {
	if name == "" || name == id {
		return orgName(id)
	}
	return orgName(name) + " (" + orgName(id) + ")"
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
		return "", "", false, fault.InUsage(fmt.Errorf("several organizations are named %q", word), "name it by its ID: "+strings.Join(ids, ", "))
	case word == "" || word != oneLine(word) || strings.ContainsAny(word, " \t"):
		return "", "", false, fault.InUsage(fmt.Errorf("no organization %q is known%s", word, config.Suggest(word, names)), "see: sso-exec org list")
	}
	return word, "", false, nil
}
