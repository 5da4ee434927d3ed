package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// This file is what is said and asked about organizations around a sign-in.

// chooseOrganization has the person choose from the provider's list, where the
// prompt of the sign-in was, if something can be read there.
func (p *prompter) chooseOrganization(ctx context.Context, asking session.Ask, list []flows.Organization) (string, error) {
	if p.on(asking.Prompt).screen == nil || !p.here.Facts.Keyboard {
		return "", &session.OrganizationRequiredError{Organizations: list, Why: "nobody was asked: there is no terminal here to type on"}
	}
	p.replace(asking.Prompt, "sso-exec: you belong to several organizations; the sign-in must be for one")
	q := p.begin(asking)
	var items []string
	for _, o := range list {
		items = append(items, orgTitle(o.ID, o.Name))
	}
	if !q.show(terminal.Choice{Asker: p.asker(asking), Question: "Which organization? Type its number.", Items: items, Until: asking.Until}) {
		return "", &session.OrganizationRequiredError{Organizations: list, Why: "nobody was asked: there is no place for a prompt"}
	}
	for {
		text, err := q.live.ReadAnswer(ctx, "number")
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, io.EOF): // Ctrl-D
			return "", flows.ErrCancelled
		case errors.Is(err, terminal.ErrTooLong):
		case err != nil:
			return "", &session.OrganizationRequiredError{Organizations: list, Why: err.Error()}
		default:
			if o, ok := pick(list, text); ok {
				p.chosen = o
				p.replace(asking.Prompt, "sso-exec: signing in again, for "+orgTitle(o.ID, o.Name))
				return o.ID, nil
			}
		}
		q.live.Note(fmt.Sprintf("That is none of them: type a number from 1 to %d.", len(list)))
	}
}

// pick finds the organization that a person typed: by its number, else by its ID
// or its name.
func pick(list []flows.Organization, text string) (flows.Organization, bool) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(list) {
		return list[n-1], true
	}
	is := func(o flows.Organization) bool {
		return o.ID == text || o.Name != "" && strings.EqualFold(o.Name, text)
	}
	at := slices.IndexFunc(list, is)
	if at < 0 || slices.ContainsFunc(list[at+1:], is) {
		return flows.Organization{}, false
	}
	return list[at], true
}

// toKeep is how to have the next sign-in be for an organization too.
func (o *options) toKeep(id string) string {
	if o.profile == "" {
		return "add " + quote("--organization="+id)
	}
	words := []string{"org", "use"}
	if o.given["profile"] {
		words = append(words, "--profile="+o.profile)
	}
	return "run: " + ours(append(words, positional(id)...)...)
}

// maxListed bounds how many organizations an error lists.
const maxListed = 20

// organizationHints lists the organizations, and says how to name one.
func organizationHints(o *options, e *session.OrganizationRequiredError) (lines []string) {
	if e.Why != "" {
		lines = append(lines, e.Why)
	}
	if len(e.Organizations) == 0 {
		return append(lines, "name it: --organization ID; whoever runs the provider knows the ID")
	}
	lines = append(lines, "you belong to:")
	for _, k := range e.Organizations[:min(len(e.Organizations), maxListed)] {
		lines = append(lines, "  "+orgTitle(k.ID, k.Name))
	}
	if n := len(e.Organizations) - maxListed; n > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", n))
	}
	lines = append(lines, "name one: "+loginCommand(o, "organization")+" --organization=ID")
	if o.profile != "" {
		lines = append(lines, "or for good: "+ours("org", "use", "ID", "--profile="+o.profile))
	}
	return lines
}

// refusedOrganizationHints is what to do about a refused switch.
func refusedOrganizationHints(o *options, e *session.OrganizationError) (lines []string) {
	var refusal *flows.OAuthError
	if errors.As(e.Err, &refusal) {
		if known := o.dialect().Hint(refusal); known != "" {
			lines = append(lines, known)
		}
	}
	return append(lines, "the session goes on for other organizations; see: "+o.command("org", "list"))
}

// knownOrganization is an organization as status and whoami show it.
type knownOrganization struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Until time.Time `json:"accessUntil,omitzero"` // of the newest token for it
}

// organizationsOf are those that are known of a session.
func organizationsOf(e cache.Entry) []knownOrganization {
	all := []knownOrganization{}
	for _, k := range e.Session.Organizations {
		known := knownOrganization{ID: k.ID, Name: k.Name}
		for _, t := range e.Tokens {
			if t.Organization == k.ID && t.ExpiresAt.After(known.Until) {
				known.Until = seconds(t.ExpiresAt)
			}
		}
		all = append(all, known)
	}
	return all
}

// organizationRows tells the organization that was signed in to first, and then
// those that tokens are stored for.
func organizationRows(signedIn string, known []knownOrganization) (rows []string) {
	if signedIn != "" && !slices.ContainsFunc(known, func(k knownOrganization) bool { return k.ID == signedIn }) {
		rows = append(rows, orgName(signedIn))
	}
	for _, k := range known {
		switch {
		case k.ID == signedIn:
			rows = slices.Insert(rows, 0, orgTitle(k.ID, k.Name))
		case !k.Until.IsZero():
			rows = append(rows, orgTitle(k.ID, k.Name))
		}
	}
	return rows
}
