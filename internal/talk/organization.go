package talk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// OrgName makes a name or an ID fit for a line.
func OrgName(s string) string { return OneLine(strings.TrimSpace(s)) }

// OrgTitle names an organization for a person: by its name and its ID.
func OrgTitle(id, name string) string {
	if name == "" || name == id {
		return OrgName(id)
	}
	return OrgName(name) + " (" + OrgName(id) + ")"
}

// This file is what is said and asked about organizations around a sign-in.

// chooseOrganization has the person choose from the provider's list, where the
// prompt of the sign-in was, if something can be read there.
func (p *prompter) chooseOrganization(ctx context.Context, asking session.Ask, list []flows.Organization) (string,
	error) {
	if p.on(asking.Prompt).screen == nil || !p.here.Facts.Keyboard {
		return "", &session.OrganizationRequiredError{Organizations: list,
			Why: "nobody was asked: there is no terminal here to type on"}
	}
	p.replace(asking.Prompt, p.program()+"you belong to several organizations; the sign-in must be for one")
	q := p.begin(asking)
	var items []string
	for _, o := range list {
		items = append(items, OrgTitle(o.ID, o.Name))
	}
	if !q.show(terminal.Choice{Asker: p.who(asking), Question: "Which organization? Type its number.", Items: items,
		Until: asking.Until}) {
		return "", &session.OrganizationRequiredError{Organizations: list,
			Why: "nobody was asked: there is no place for a prompt"}
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
				p.replace(asking.Prompt, p.program()+"signing in again, for "+OrgTitle(o.ID, o.Name))
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
