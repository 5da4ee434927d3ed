package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// asker is a tool that asks by host. A further one is a row.
type asker struct {
	name    string
	args    func(url string) []string
	stdin   func(scheme, authority string) string
	token   string // a pattern of its answer, with the token in a group
	code    int    // where there is nothing for it
	nothing string // a pattern of what it hears then
}

func askers() []asker {
	words := func(w ...string) func(string) []string { return func(string) []string { return w } }
	token := func(more ...string) func(string) []string {
		return func(url string) []string { return append([]string{"token", "--for", url}, more...) }
	}
	none := func(_, _ string) string { return "" }
	return []asker{
		{"git", words("git", "get"), func(scheme, authority string) string {
			return "protocol=" + scheme + "\nhost=" + authority + "\n\n"
		}, `^username=oauth2\npassword=(\S+)\npassword_expiry_utc=\d+\n$`, 0, `^$`},
		{"git, as a bearer", words("git", "get"), func(scheme, authority string) string {
			return "capability[]=authtype\nprotocol=" + scheme + "\nhost=" + authority + "\n\n"
		}, `^capability\[\]=authtype\nauthtype=Bearer\ncredential=(\S+)\n`, 0, `^$`},
		{"docker", words("docker", "get"), func(scheme,
			authority string) string {
			return scheme + "://" + authority + "/v1/"
		},
			`^\{"ServerURL":"[^"]+","Username":"oauth2accesstoken","Secret":"([^"]+)"\}\n$`, 1, `.`},
		{"cargo", words("cargo", "--cargo-plugin"), func(scheme, authority string) string {
			index, _ := json.Marshal("sparse+" + scheme + "://" + authority + "/index/") // a text cannot fail
			return `{"v":1,"registry":{"index-url":` + string(index) + `},"kind":"get","operation":"read"}` + "\n"
		}, `^\{"v":\[1\]\}\n\{"Ok":\{"kind":"get","token":"Bearer ([^"]+)"`, 0,
			`^\{"v":\[1\]\}\n\{"Err":\{"kind":"url-not-supported"\}\}\n$`},
		{"terraform", func(url string) []string {
			return []string{"terraform", "get", "--", strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/path")}
		}, none, `^\{"token":"([^"]+)"\}\n$`, 0, `^\{\}\n$`},
		{"bazel", words("bazel", "get"), func(scheme, authority string) string {
			uri, _ := json.Marshal(scheme + "://" + authority + "/cas/") // a text cannot fail
			return `{"uri":` + string(uri) + `}`
		}, `^\{"headers":\{"Authorization":\["Bearer ([^"]+)"\]\},"expires":"[^"]+"\}\n$`, 0, `^\{\}\n$`},
		{"keyring", func(url string) []string { return []string{"keyring", "get", "--", url, "oauth2"} }, none,
			`^(\S+)\n$`, 1, `^$`},
		{"token --for", token(), none, `^(\S+)\n$`, 1, `^$`},
		{"token -o headers", token("-o", "headers"), none, `^\{"Authorization":"Bearer ([^"]+)"\}\n$`, 1, `^$`},
		{"token -o bearer", token("-o", "bearer"), none, `^Bearer (\S+)\n$`, 1, `^$`},
	}
}

// ask returns the token for a host; empty: the tool got none.
func (b *bench) ask(t *testing.T, a asker, scheme, authority string) string {
	t.Helper()
	cmd := exec.Command(b.bin, a.args(scheme+"://"+authority+"/path")...)
	cmd.Env, cmd.Stdin = b.env, strings.NewReader(a.stdin(scheme, authority))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	code := cmd.ProcessState.ExitCode()
	if m := regexp.MustCompile(a.token).FindStringSubmatch(stdout.String()); m != nil && code == 0 {
		return m[1]
	}
	if code != a.code || !regexp.MustCompile(a.nothing).MatchString(stdout.String()) {
		t.Errorf("%s, %s://%q: exit code %d\n%s%s", a.name, scheme, authority, code, &stdout, &stderr)
	}
	return ""
}

func (b *bench) withHosts(t *testing.T, hosts any) {
	t.Helper()
	text, err := json.Marshal(hosts)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	yaml := "version: 1\nprofiles:\n  corp:\n    issuer: " + b.idp.Issuer() + "\n    client-id: cli\n    hosts: " +
		string(text) + "\n"
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "SSO_EXEC_CONFIG="+config, "SSO_EXEC_ISSUER=", "SSO_EXEC_CLIENT_ID=",
		"SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "corp", "--browser", "testbrowser", "--interactive", "auto")
}

// TestLookAlikes: every tool hands out its token for the hosts of the profile, and for
// nothing that looks like one of them.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	b.withHosts(t, []string{"git.example.com", "*.wild.example.com", "ported.example.com:8443", "kk.example.com",
		"ss.example.com", "127.0.0.1:5000", "[::1]:6000"})
	type request struct{ scheme, authority string }
	var served, refused []request
	for _, authority := range []string{"git.example.com", "GIT.Example.COM", "git.example.com:443", "a.wild.example.com",
		"a.b.wild.example.com", "ported.example.com:8443", "kk.example.com", "127.0.0.1:5000", "[::1]:6000"} {
		served = append(served, request{"https", authority})
	}
	served = append(served, request{"HTTPS", "git.example.com"}, request{"http", "127.0.0.1:5000"},
		request{"http", "[::1]:6000"})
	for _, authority := range []string{
		"", "*", "com", "example.com", "evil.example", "git.example.com.evil.example", "notgit.example.com",
		"git-example.com", "wild.example.com", ".wild.example.com", "..wild.example.com", "*.wild.example.com",
		"notwild.example.com",
		"-a.wild.example.com", "a-.wild.example.com", "a..wild.example.com", "a.wild.example.com.evil.example",
		// a dot at the end, ports
		"git.example.com.", "git.example.com..", "git.example.com.:443", "git.example.com:8443", "git.example.com:80",
		"git.example.com:0443", "git.example.com:+443", "git.example.com:", "git.example.com:0", "git.example.com:65979",
		"git.example.com:443:443",
		"git.example.com:4４3", "git.example.com:0x1bb",
		"ported.example.com", "ported.example.com:443",
		// user names
		"user@git.example.com", "user:pw@git.example.com", "@git.example.com", ":@git.example.com",
		"git.example.com@evil.example", "git.example.com:443@evil.example", "evil.example@git.example.com",
		// encodings, and characters that some read as others
		"git%2eexample.com", "git.example.com%00.evil.example", "%67it.example.com", "git.example.com%2f.evil.example",
		"git.example.com\\.evil.example", "git.example.com\\@evil.example", "git.example.com;.evil.example",
		"git.example.com,evil.example", "git.example.com .evil.example", "git.example.com\t.evil.example",
		"git_.example.com",
		"git&period;example.com", "git.example.com%0d%0ahost=evil.example",
		// IDN: K is the Kelvin sign, ſ a long s, then full width, a dotless i, another dot, a soft hyphen, no width
		"\u212a\u212a.example.com", "\u212ak.example.com", "\u017f\u017f.example.com", "\uff47it.example.com",
		"g\u0131t.example.com", "g\u0456t.example.com", "git\u3002example.com", "git\uff0eexample.com",
		"gi\u00adt.example.com",
		"git.example.com\u200b", "\ufeffgit.example.com", "xn--git-.example.com", "git.ex\u0430mple.com",
		"git.example.\u24d2om",
		// addresses
		"127.0.0.1", "127.0.0.1:5001", "127.0.0.2:5000", "127.1:5000", "127.0.1:5000", "2130706433:5000",
		"0x7f000001:5000", "0x7f.0.0.1:5000", "0177.0.0.1:5000",
		"127.0.0.01:5000", "127.0.0.1.:5000", "localhost:5000", "[127.0.0.1]:5000",
		"[::ffff:127.0.0.1]:5000", "[::1]", "::1:6000", "[0:0:0:0:0:0:0:1]:6000", "[::0001]:6000", "[::1%25lo]:6000",
		"[::1%lo]:6000", "[::1]6000", "[::1:6000", "[::1].:6000", "0:6000",
		strings.Repeat("a.", 130) + "wild.example.com", strings.Repeat("a", 64) + ".wild.example.com",
	} {
		refused = append(refused, request{"https", authority})
	}
	refused = append(refused, []request{
		{"http", "git.example.com"}, {"http", "git.example.com:443"}, {"http", "a.wild.example.com"},
		{"http", "localhost:5000"},
		{"http", "127.0.0.1.example.com:5000"}, {"http", "ported.example.com:8443"},
		{"http", "127.1:5000"},
		{"http", "2130706433:5000"}, {"http", "[::ffff:127.0.0.1]:5000"}, {"http", "user@127.0.0.1:5000"},
		{"ssh", "git.example.com"}, {"ftp", "git.example.com"}, {"httpſ", "git.example.com"}, {"", "git.example.com"},
		{"https:", "git.example.com"}, {"file", "git.example.com"}, {"ws", "git.example.com"},
	}...)
	b.idp.ResetRequests()
	for _, a := range askers() {
		t.Run(a.name, func(t *testing.T) {
			for _, r := range served {
				if a.name == "terraform" && r.scheme != "https" { // it knows no other, and is told of none
					continue
				}
				if b.ask(t, a, r.scheme, r.authority) == "" {
					t.Errorf("%s://%s is not served", r.scheme, r.authority)
				}
			}
			for _, r := range refused {
				if b.ask(t, a, r.scheme, r.authority) != "" {
					t.Errorf("A TOKEN FOR %s://%q", r.scheme, r.authority)
				}
			}
		})
	}
	if n := b.idp.Requests().All; n != 0 {
		t.Errorf("%d requests to the provider", n)
	}
}

// TestTokenOfItsOwn: under a map each host has a token of its own, the same for every
// tool, and no other host's request gets it.
func TestTokenOfItsOwn(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.withHosts(t, map[string]any{
		"a.example.com": map[string]string{"audience": "api-a"}, "b.example.com": map[string]string{"audience": "api-b"},
		"plain.example.com": nil, "*.wild.example.com": map[string]string{"audience": "api-w"},
	})
	tokens := map[string]string{} // and whose it is
	for _, host := range []string{"a.example.com", "b.example.com", "plain.example.com", "x.wild.example.com"} {
		one := ""
		for _, a := range askers() {
			got := b.ask(t, a, "https", host)
			if got == "" || one != "" && got != one {
				t.Errorf("%s: %s gets %q, another tool %q", host, a.name, got, one)
			}
			one = got
		}
		if other := tokens[one]; other != "" {
			t.Errorf("%s has the token of %s", host, other)
		}
		tokens[one] = host
	}
	for _, a := range askers() {
		for _, host := range []string{"a.example.com.evil.example", "c.example.com", "a.example.com:8443", "a.example.com."} {
			if b.ask(t, a, "https", host) != "" {
				t.Errorf("%s: a token for %s", a.name, host)
			}
		}
	}
}
