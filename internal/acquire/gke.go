package acquire

import (
	"cmp"
	"context"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/workforce"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// gkeStep is the link from the sign-in's token to one of Google Cloud.
func gkeStep(o *settings.Resolved, s *session.Session) session.Step {
	r := o.Workforce()
	typ := flows.TokenTypeJWT
	if o.Target.TokenType == credential.IDToken {
		typ = flows.TokenTypeID
	}
	return session.Step{Kind: "workforce", Params: []any{typ, r}, For: cmp.Or(r.ServiceAccount, r.Audience),
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			return workforce.Exchange(ctx, s.HTTP, r, token.Token, typ)
		}}
}
