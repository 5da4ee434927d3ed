package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is about the organizations of one session. Where the provider does
// not bind the refresh token to one, a single session serves all: it rotates in
// one place, under one lock, and each organization has access tokens of its own.

// OrganizationRequiredError says that the provider wants an organization to be
// named, and that nobody did. It comes with the provider's list, which may be
// empty.
type OrganizationRequiredError struct {
	Organizations []flows.Organization
	Why           string // nobody could be asked; may be empty
}

func (e *OrganizationRequiredError) Error() string {
	return "the provider asks for which organization the sign-in is"
}

// Is tells the kind of the failure.
func (e *OrganizationRequiredError) Is(kind error) bool { return kind == fault.SignIn }

// OrganizationError says that the provider refused tokens for an organization.
// The session goes on, and so does what is there for others.
type OrganizationError struct {
	Organization string
	SignIn       bool // a person's sign-in to that organization may do
	Err          error
}

func (e *OrganizationError) Error() string {
	return fmt.Sprintf("organization %s: %v", flows.Clean(e.Organization, 100), e.Err)
}
func (e *OrganizationError) Unwrap() error { return e.Err }

// organization returns the one that this run's tokens are for: the one that was
// asked for. Where one session serves several and none was asked for, it is the
// one that the stored tokens are for, so that another profile's switch is not
// ours as well, else the one that was signed in to.
func (s *Session) organization(rec *cache.Session) string {
	if asked := s.SignIn.Organization; asked != "" || !s.Dialect.Organization.Switch {
		return asked
	}
	if t, err := s.Store.Tokens(s.keys()); err == nil && t.Organization != "" {
		return t.Organization
	}
	return rec.Organization
}

// refusesOrganization sorts the refusal of a refresh: whether it is about the
// organization alone that was asked for. That is no end of the session, whatever
// its code, nor of other organizations' tokens.
func (s *Session) refusesOrganization(refusal *flows.OAuthError, organization string) error {
	if organization == "" || !s.Dialect.Organization.Switch {
		return nil
	}
	signIn := slices.Contains(s.Dialect.StepUp, refusal.Code) || slices.Contains(wantPerson, refusal.Code)
	about := func(text string) bool { return strings.Contains(strings.ToLower(text), "organization") }
	if !signIn && refusal.Code != "access_denied" && !about(refusal.Code) && !about(refusal.Description) {
		return nil
	}
	return &OrganizationError{organization, signIn, refusal}
}

// wantPerson are codes by which any provider may say that it has rules of its own
// for an organization, which only a sign-in can meet (OpenID Connect Core
// §3.1.2.6).
var wantPerson = []string{"organization_selection_required", "interaction_required", "login_required",
	"consent_required", "account_selection_required"}

// chooseOrganization has a person choose one of those that the provider names.
// It is asked for once: a provider that asks again has not heard the answer.
func (s *Session) chooseOrganization(ctx context.Context, asking Ask, e *flows.OrganizationChoiceError) error {
	list := e.Organizations[:min(len(e.Organizations), maxOrganizations)]
	s.offered = list
	if asked := s.SignIn.Organization; asked != "" {
		return &OrganizationRequiredError{list,
			fmt.Sprintf("organization %s was named, but the provider still asks", flows.Clean(asked, 100))}
	}
	if len(list) == 0 || s.Person.ChooseOrganization == nil {
		return &OrganizationRequiredError{list, ""}
	}
	id, err := s.Person.ChooseOrganization(ctx, asking, list)
	if err == nil {
		s.SignIn.Organization = id
	}
	return err
}

// maxOrganizations bounds what is kept of a provider's list.
const maxOrganizations = 1000

// know adds organizations to those that are known of a session. A name that is
// known stays where there is no newer one.
func know(rec *cache.Session, list ...flows.Organization) (news bool) {
	for _, o := range list {
		at := slices.IndexFunc(rec.Organizations, func(k cache.Organization) bool { return k.ID == o.ID })
		switch {
		case o.ID == "":
		case at < 0 && len(rec.Organizations) < maxOrganizations:
			rec.Organizations, news = append(rec.Organizations, cache.Organization(o)), true
		case at >= 0 && o.Name != "" && rec.Organizations[at].Name != o.Name:
			rec.Organizations[at].Name, news = o.Name, true
		}
	}
	return news
}

// remember keeps organizations that a refresh or the provider's list told of,
// under the session's lock.
func (s *Session) remember(rec *cache.Session, list ...flows.Organization) {
	if know(rec, list...) {
		s.keep("the session's organizations", s.Store.Amend(s.sessionKey(), func(now *cache.Session) { know(now, list...) }))
	}
}

// inherit takes over what is known of the session before, if it was the same
// person's.
func (s *Session) inherit(rec, old *cache.Session) {
	if old != nil {
		rec.Inherit(old)
		if old.Subject == rec.Subject {
			rec.Organizations = slices.Clone(old.Organizations)
		}
	}
	know(rec, s.offered...)
	know(rec, flows.Organization{ID: rec.Organization})
}

// Organizations lists those that are known of the person who is signed in: what a
// sign-in offered, and what tokens were got for. No provider here tells its list
// to a client of a person's.
func (s *Session) Organizations() ([]cache.Organization, error) {
	e, err := s.Stored()
	if err != nil {
		return nil, err
	}
	return e.Session.Organizations, nil
}

// Organization returns the one that the next token is for, as far as that is
// known; empty: none was asked for, and none is stored.
func (s *Session) Organization() string {
	e, err := s.Stored()
	if err != nil {
		return s.SignIn.Organization
	}
	return cmp.Or(s.organization(e.Session), e.Session.Organization)
}

// signInTo reports whether a refusal is one that a sign-in to the organization
// may fix.
func signInTo(err error) (reason string, ok bool) {
	if refused, ok := errors.AsType[*OrganizationError](err); ok && refused.SignIn {
		return refused.Error(), true
	}
	return "", false
}
