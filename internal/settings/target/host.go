// Package target is what a profile says of a host, or of a cluster, that a token is asked
// for: whether it gets one of its own, and for whom that is.
package target

import (
	"strings"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings/check"
)

// HostColumns are what a profile can say of a host of its own.
func HostColumns() []config.Key {
	return []config.Key{
		{Name: "audience", Type: config.String, Usage: "audience of this host's own token"},
		{Name: "resource", Type: config.List, Check: check.Resource, Usage: "resource URI of this host's own token"},
		{Name: "scopes", Type: config.List, Usage: "scopes of this host's own token"},
		{Name: "username", Type: config.String, Usage: "user name to send with the token, where a tool wants one"},
	}
}

// Target is what a profile says of the host that a token is asked for.
type Target struct {
	Audience  string
	Resources []string
	Scopes    []string
	Username  string

	TokenType    string // that it has to be; empty: as the settings have it
	ByParameters bool   // the authorization server is asked for it, and no exchange
}

// OwnToken reports whether the host's token is another one than the profile's.
func (t Target) OwnToken() bool {
	return t.Audience != "" || len(t.Resources)+len(t.Scopes) > 0
}

// Of is what the columns of a host say.
func Of(columns map[string][]string) Target {
	return Target{Audience: strings.Join(columns["audience"], " "), Username: strings.Join(columns["username"], " "),
		Resources: columns["resource"], Scopes: strings.Fields(strings.Join(columns["scopes"], " "))}
}
