package setup

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// Prefix keeps a provider from naming somebody into system:masters.
const Prefix = "oidc:"

// Mapping is how an API server makes users of tokens.
type Mapping struct {
	Issuer      string
	Audiences   []string
	User, Group string // claims
}

// MappingOf is the usual mapping for settings.
func MappingOf(o *settings.Resolved) (m Mapping, err error) {
	if err := o.Check(); err != nil {
		return m, err
	}
	m = Mapping{o.Provider.Issuer, []string{o.Provider.ClientID}, "sub", "groups"}
	u, err := url.Parse(m.Issuer)
	switch {
	case o.Center() != nil || o.Dialect().NoOpenID:
		return m, fault.InUsage(errors.New("an API server cannot check this provider's tokens: it has no ID tokens"),
			"name an OpenID provider with --issuer")
	case err != nil || u.Scheme != "https":
		return m, fault.InUsage(fmt.Errorf("an API server only accepts an issuer that is https: %s", m.Issuer),
			"name the provider's https URL with --issuer")
	}
	if slices.Contains(o.Target.Scopes, "email") {
		m.User = "email"
	}
	for _, asked := range [][]string{slices.Concat(o.Exchange.Audiences, o.Exchange.Resources), o.AccessAudiences()} {
		if len(asked) > 0 {
			m.Audiences = asked
			break
		}
	}
	if o.Target.TokenType == credential.AccessToken && m.Audiences[0] == o.Provider.ClientID {
		talk.Warn(errors.New("the audience of an access token is the provider's choice: compare audiences with a token"))
	}
	return m, nil
}
