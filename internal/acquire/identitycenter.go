package acquire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// centerConfig has a session sign in to IAM Identity Center, if that is the provider.
func centerConfig(o *settings.Resolved, c *session.Config) {
	at := o.Center()
	if at == nil {
		return
	}
	moved := ""
	if at.Moved != nil {
		moved = at.At.OIDC
	}
	c.Grant, c.Other = at.Key(), awsCLI(o)
	c.RegistrationKey = cache.RegistrationKey(at.StartURL, at.Region, o.Target.Scopes, c.RootsHash, moved)
	c.Register = func(ctx context.Context, hc *http.Client) (*cache.Registration, error) {
		issuer, err := identitycenter.Resolve(ctx, hc, at.StartURL)
		if err != nil {
			return nil, err
		}
		r, err := identitycenter.Register(ctx, hc, at.At, issuer, o.Target.Scopes)
		return &cache.Registration{ClientID: r.ClientID, Secret: r.Secret, ExpiresAt: r.ExpiresAt}, err
	}
}

// centerSteps is the step from a session of IAM Identity Center to a role's keys.
func centerSteps(o *settings.Resolved, s *session.Session) []session.Step {
	return []session.Step{{
		Kind: "identity-center", Params: []any{o.AWS.AccountID, o.AWS.RoleName}, For: o.AWS.CenterRole(),
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			p := PortalOf(o, s, token.Token)
			c, err := p.Keys(ctx, o.AWS.AccountID, o.AWS.RoleName)
			if refused, ok := errors.AsType[*identitycenter.Error](err); ok {
				switch {
				case refused.RefusesToken():
					err = sessionEnded(o, err)
				case refused.NotAssigned():
					err = fault.Hint(fmt.Errorf("the role %s in account %s is not yours: %w", o.AWS.RoleName, o.AWS.AccountID, err),
						assigned(ctx, p, o.AWS.AccountID))
				}
			}
			return c, err
		},
	}}
}

func sessionEnded(o *settings.Resolved, err error) error {
	return fault.Hint(fmt.Errorf("the session has ended: %w", err), "to sign in, run: "+settings.LoginCommand(o))
}

// PortalOf is the access portal of a session, as the holder of its token sees it.
func PortalOf(o *settings.Resolved, s *session.Session, token credential.Secret) identitycenter.Portal {
	return identitycenter.Portal{HTTP: s.HTTP, Endpoint: o.Center().At.Portal, Token: token}
}

// mostShown is how many names of a list a hint has.
const mostShown = 12

// assigned says what the person has in the place of a role that is not theirs.
func assigned(ctx context.Context, p identitycenter.Portal, account string) string {
	if roles, err := p.Roles(ctx, account); err == nil && len(roles) > 0 {
		return "assigned to you in account " + account + ": " + some(roles)
	}
	accounts, err := p.Accounts(ctx)
	if err != nil {
		return "the AWS access portal shows what is assigned to you"
	}
	var names []string
	for _, a := range accounts {
		names = append(names, strings.TrimSpace(a.ID+" "+a.Name))
	}
	if len(names) == 0 {
		return "nothing is assigned to you in any account: ask your administrator"
	}
	return "you have roles in these accounts: " + some(names)
}

func some(names []string) string {
	if n := len(names); n > mostShown {
		return strings.Join(names[:mostShown], ", ") + fmt.Sprintf(" and %d more", n-mostShown)
	}
	return strings.Join(names, ", ")
}
