package target

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings/check"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

// This file is the clusters of a profile that get tokens of their own. What a cluster's
// entry in a kubeconfig asks for only chooses among what the profile lists for it.

// ClusterColumns are what a profile can say of a cluster.
func ClusterColumns() []config.Key {
	return []config.Key{
		{Name: "audience", Type: config.List,
			Usage: "audiences of this cluster's own token: the first, or the one of these that its kubeconfig entry names"},
		{Name: "resource", Type: config.List, Check: check.Resource, Usage: "resource URI of this cluster's own token"},
		{Name: "scopes", Type: config.List,
			Usage: "scopes of this cluster's own token: all, or the ones of these that its kubeconfig entry names"},
	}
}

// server is an API server's address in a profile.
type server struct {
	host hosts.Pattern
	path string // of one behind a proxy for many
}

// parseServer reads https://HOST[:PORT][/PATH], or the same without the scheme.
func parseServer(text string) (s server, err error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "https", text
	}
	authority, path, _ := strings.Cut(rest, "/")
	if s.host, err = hosts.Parse(authority); err != nil {
		return s, err
	}
	if scheme = strings.ToLower(scheme); scheme != "https" {
		if _, ok := hosts.Of(scheme, authority); !ok {
			return s, fmt.Errorf("%q: the address of an API server begins with https://", text)
		}
	}
	s.path = strings.TrimRight(path, "/")
	return s, nil
}

// CheckServer is the error of a text that is not the address of an API server.
func CheckServer(text string) error { _, err := parseServer(text); return err }

// Clusters are those that the profile names, with what it says of each.
type Clusters config.Value

// Audiences are whom a server's own tokens are for; nil: it has none of its own.
func (c Clusters) Audiences(server string) []string {
	columns := c.of(server)
	return slices.Concat(columns["audience"], columns["resource"])
}

// of is what the profile says of a server; nil: it does not name it.
func (c Clusters) of(address string) map[string][]string {
	h, ok := hosts.OfURL(address)
	if !ok {
		return nil
	}
	_, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/")
	var list hosts.List
	var names []string
	for _, name := range c.Values {
		if s, err := parseServer(name); err == nil && s.path == strings.TrimRight(path, "/") {
			list, names = append(list, s.host), append(names, name)
		}
	}
	if at := list.Find(h); at >= 0 {
		return c.Columns[names[at]]
	}
	return nil
}

// Target is the token of the cluster that is asked for.
func (c Clusters) Target(asked plugin.KubeCluster) (t Target) {
	columns := c.of(asked.Server)
	if columns == nil {
		return t
	}
	listed, scopes := columns["audience"], strings.Fields(strings.Join(columns["scopes"], " "))
	if t.Audience = asked.Audience; !slices.Contains(listed, asked.Audience) {
		t.Audience = strings.Join(listed[:min(1, len(listed))], "")
	}
	t.Resources = columns["resource"]
	t.Scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(asked.Scopes, s) })
	if len(t.Scopes) == 0 {
		t.Scopes = append([]string(nil), scopes...) // nil: the same token as without the profile
	}
	t.ByParameters = t.Audience == "" && len(t.Resources) == 0
	return t
}

// Explained tells, a line each, what of a cluster's entry in the kubeconfig does
// not count, since the profile does not list it for that server.
func (c Clusters) Explained(asked plugin.KubeCluster, profile string) (lines []string) {
	if asked.Server == "" {
		return nil
	}
	columns, server := c.of(asked.Server), talk.OneLine(asked.Server)
	if columns == nil {
		return []string{fmt.Sprintf("clusters of the profile %s do not name %s", cmp.Or(profile, "used"), server)}
	}
	listed := slices.Concat(columns["audience"], strings.Fields(strings.Join(columns["scopes"], " ")))
	for _, what := range append([]string{asked.Audience}, asked.Scopes...) {
		if what != "" && !slices.Contains(listed, what) {
			lines = append(lines, fmt.Sprintf("the kubeconfig asks for %q at %s, which the profile does not list there: "+
				"it is ignored", what, server))
		}
	}
	return lines
}
