package settings

import (
	"fmt"
	"testing"

	"github.com/sso-exec/sso-exec/internal/settings/target"
)

// Of a profile's clusters the one that is asked for counts, and of what its entry in
// the kubeconfig asks for what the profile lists there.
func TestClusterTarget(t *testing.T) {
	clusters := target.Clusters{Columns: map[string]map[string][]string{
		"https://a.example.com:6443":          {"audience": {"a", "a2"}, "scopes": {"read write", "all"}},
		"https://proxy.example.com/clusters/": {"audience": {"p"}},
		"proxy.example.com/clusters/one":      {"audience": {"one"}},
		"*.example.com":                       {"audience": {"below"}},
		"https://[::1]:6443":                  {"resource": {"https://six/"}},
		"dex.example.org":                     {"scopes": {"audience:server:client_id:dex"}},
		"http://127.0.0.1:8001":               {"audience": {"local"}},
		"https://none.example.org":            {},
	}}
	for name := range clusters.Columns {
		if err := target.CheckServer(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		clusters.Values = append(clusters.Values, name)
	}
	for _, test := range []struct{ server, config, want string }{
		{"https://a.example.com:6443", ``, "a [] [read write all] access"},
		{"https://A.example.com:6443/", `{"audience":"a"}`, "a [] [read write all] access"},
		{"https://a.example.com:6443", `{"audience":"a2","scopes":["write","admin"]}`, "a2 [] [write] access"},
		{"https://a.example.com:6443", `{"audience":"one","scopes":["admin"]}`, "a [] [read write all] access"},
		{"https://a.example.com:6443", `{"audience":["a2"],"scopes":"read"}`, "a [] [read write all] access"},
		{"https://a.example.com:6443", `"a2"`, "a [] [read write all] access"},
		{"https://a.example.com", `{"audience":"a2"}`, "below [] [] access"},
		{"https://b.example.com:443", `{"audience":"a"}`, "below [] [] access"},
		{"https://proxy.example.com/clusters", ``, "p [] [] access"},
		{"https://proxy.example.com/clusters/one/", ``, "one [] [] access"},
		{"https://proxy.example.com/clusters/two", `{"audience":"one"}`, " [] [] "},
		{"https://proxy.example.com/clusters/../clusters/one", ``, " [] [] "},
		{"https://proxy.example.com/clusters%2fone", ``, " [] [] "},
		{"https://proxy.example.com/clusters/one?x", ``, " [] [] "},
		{"https://[::1]:6443", `{"audience":"a"}`, " [https://six/] [] access"},
		{"https://dex.example.org", ``, " [] [audience:server:client_id:dex] "},
		{"http://127.0.0.1:8001", ``, "local [] [] access"},
		{"https://127.0.0.1:8001", ``, "local [] [] access"},
		{"http://a.example.com:6443", `{"audience":"a"}`, " [] [] "},
		{"https://none.example.org", `{"audience":"a","scopes":["read"]}`, " [] [] "},
		{"https://elsewhere.example.org", `{"audience":"a"}`, " [] [] "},
		{"https://user@b.example.com", ``, " [] [] "},
		{"https://b.example.com.", ``, " [] [] "},
		{"b.example.com", ``, " [] [] "},
		{"", `{"audience":"a"}`, " [] [] "},
	} {
		extension := ""
		if test.config != "" {
			extension = `,"config":` + test.config
		}
		t.Setenv("KUBERNETES_EXEC_INFO", fmt.Sprintf(`{"spec":{"cluster":{"server":%q%s}}}`, test.server, extension))
		o := For(ToolKube)
		o.Clusters = clusters
		got := o.HostTarget()
		if s := fmt.Sprintf("%s %v %v %s", got.Audience, got.Resources, got.Scopes, got.TokenType); s != test.want {
			t.Errorf("%s %s: %q, want %q", test.server, test.config, s, test.want)
		}
		other := For(ToolToken)
		if other.Clusters = clusters; other.HostTarget().OwnToken() {
			t.Errorf("%s: token has a cluster's", test.server)
		}
	}
	for _, wrong := range []string{"*", "*.com", "http://a.example.com", "ftp://a.example.com", "https://", "", "a b",
		"https://user@a.example.com", "https://ä.example.com", "https://010.0.0.1", "/path"} {
		if target.CheckServer(wrong) == nil {
			t.Errorf("%q names an API server", wrong)
		}
	}
}
