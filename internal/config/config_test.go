package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// load opens one file, without the system's.
func load(path string) (*Config, error) { return Paths{Named: path}.Open() }

// write makes a config file.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `version: 1
default-profile: corp
profiles:
  corp:
    issuer: https://login.corp.example
    scopes: [email, groups]
    http-timeout: 15s
    aws:
      role-arn: arn:aws:iam::123456789012:role/dev
  base: &base
    issuer: "https://base.example"
    client-id: 0123
  same: *base
  empty:
  broken:
    isuer: x
  newer:
    hologram: true
`

func TestProfile(t *testing.T) {
	path := write(t, good)
	c, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := c.Default(); name != "corp" {
		t.Errorf("the default profile is %q", name)
	}
	for name, want := range map[string]map[string]string{
		"corp": {"issuer": "https://login.corp.example@5", "scopes": "email groups@6", "http-timeout": "15s@7",
			"aws.role-arn": "arn:aws:iam::123456789012:role/dev@9"},
		"base":  {"issuer": "https://base.example@11", "client-id": "0123@12"}, // as it is spelt, not as a number
		"same":  {"issuer": "https://base.example@11", "client-id": "0123@12"},
		"empty": {},
	} {
		p, err := c.Profile(name, testKeys)
		if err != nil {
			t.Errorf("profile %s: %v", name, err)
			continue
		}
		got := map[string]string{}
		for key, v := range p.Settings {
			got[key] = fmt.Sprintf("%s@%d", strings.Join(v.Values, " "), v.Line)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("profile %s: %v, want %v", name, got, want)
		}
	}
	// What is wrong with one profile is no other's business.
	for name, words := range map[string][]string{
		"broken": {":16:", `"isuer"`, `did you mean "issuer"?`},
		"newer":  {":18:", `"hologram"`},
		"cord":   {`no profile "cord"`, `"corp"`},
		"":       {"no profile"},
	} {
		_, err := c.Profile(name, testKeys)
		for _, word := range append(words, path) {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("profile %q: error %v, want %s in it", name, err, word)
			}
		}
	}
}

// Errors name the file, the line and what is wrong.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, content string
		words         []string
	}{
		{"no version", "profiles: {}\n", []string{"version: 1"}},
		{"a later version", "version: 2\n", []string{":1:", `"2"`}},
		{"a version in words", "version: one\n", []string{":1:", `"one"`}},
		{"no mapping", "- version: 1\n", []string{":1:", "mapping"}},
		{"a text", "hello\n", []string{"mapping"}},
		{"no YAML", "version: 1\nprofiles: [\n", []string{":2:"}},
		{"a tab", "version: 1\n\tprofiles:\n", []string{":2:"}},
		{"a key twice at the top", "version: 1\nversion: 1\n", []string{":2:", "twice"}},
		{"a slip at the top", "version: 1\ndefault_profile: p\n", []string{":2:", `"default_profile"`, `"default-profile"`}},
		{"profiles in a list", "version: 1\nprofiles: [a]\n", []string{":2:", "mapping"}},
		{"a profile twice", "version: 1\nprofiles:\n  p: {}\n  p: {}\n", []string{":4:", "twice"}},
		{"a profile that is a text", "version: 1\nprofiles:\n  p: hello\n", []string{":3:", "mapping"}},
		{"a key twice in a profile", "version: 1\nprofiles:\n  p:\n    issuer: a\n    issuer: b\n", []string{":5:", "twice"}},
		{"a value that is a mapping", "version: 1\nprofiles:\n  p:\n    issuer: {a: b}\n", []string{":4:", "issuer"}},
		{"a value that is nothing", "version: 1\nprofiles:\n  p:\n    issuer:\n", []string{":4:", "issuer"}},
		{"a list of lists", "version: 1\nprofiles:\n  p:\n    scopes: [[a]]\n", []string{":4:", "scopes"}},
		{"a list that holds itself", "version: 1\nprofiles:\n  p:\n    scopes: &s [*s]\n", []string{"scopes"}},
		{"a section's key outside of it", "version: 1\nprofiles:\n  p:\n    role-arn: x\n",
			[]string{":4:", "role-arn", "aws"}},
		{"an unknown key in a section", "version: 1\nprofiles:\n  p:\n    aws:\n      rolearn: x\n",
			[]string{":5:", "rolearn"}},
		{"a section that is a text", "version: 1\nprofiles:\n  p:\n    aws: x\n", []string{":4:", "aws"}},
		{"a merge key", "version: 1\nprofiles:\n  p:\n    <<: {issuer: x}\n", []string{":4:"}},
		{"a second document", "version: 1\n---\nversion: 1\nprofiles: {p: {issuer: a}}\n",
			[]string{":2:", "second document"}},
		{"a second document next to the profile", "version: 1\nprofiles: {p: {}}\n--- {}\n",
			[]string{":3:", "second document"}},
		{"a second document that is not YAML", "version: 1\nprofiles: {p: {}}\n---\na: [\n", []string{":4:"}},
		{"no profiles", "version: 1\n", []string{"no profiles"}},
		{"an empty file", "", []string{"no profiles"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.content)
			f, err := load(path)
			if err == nil {
				_, err = f.Profile("p", testKeys)
			}
			for _, word := range append(c.words, path) {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("error %v, want %s in it", err, word)
				}
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
}

// A file may end as YAML's streams do: only Validate tells of a document in which
// nothing stands.
func TestEmptySecondDocument(t *testing.T) {
	for end, findings := range map[string]int{"...\n": 0, "...\n# that is all\n": 0, "---\n": 1, "---\n# that is all\n": 1} {
		path := write(t, "version: 1\nprofiles: {p: {issuer: a}}\n"+end)
		f, err := load(path)
		if err == nil {
			_, err = f.Profile("p", testKeys)
		}
		if got := (Paths{User: path}).Validate(testKeys); err != nil || len(got) != findings {
			t.Errorf("%q: %v, found: %v", end, err, got)
		}
	}
}

func TestUnsafeConfig(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("file modes say nothing on Windows")
		return
	}
	path := write(t, good)
	if err := os.Chmod(path, 0o602); err != nil {
		t.Fatal(err)
	}
	var unsafe *userfile.UnsafeError
	if _, err := load(path); !errors.As(err, &unsafe) || IsAbsent(err) {
		t.Errorf("a config that others can write to: %v", err)
	}
	if _, err := load(filepath.Join(t.TempDir(), "none.yaml")); !IsAbsent(err) {
		t.Errorf("no file: %v", err)
	}
	if _, err := load(t.TempDir()); err == nil || IsAbsent(err) {
		t.Errorf("a directory: %v", err)
	}
}

// A relative XDG_CONFIG_HOME is passed over; a config is never looked for in the
// working directory.
func TestDefaultPath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("AppData", `C:\Users\a\AppData\Roaming`)
		if got := DefaultPath(); got != `C:\Users\a\AppData\Roaming\sso-exec\config.yaml` {
			t.Errorf("%q", got)
		}
		return
	}
	for _, c := range []struct{ xdg, home, want string }{
		{"/xdg", "/home/a", "/xdg/sso-exec/config.yaml"},
		{"", "/home/a", "/home/a/.config/sso-exec/config.yaml"},
		{"relative", "/home/a", "/home/a/.config/sso-exec/config.yaml"},
		{"", "", ""},
		{"", "relative", ""},
		{"relative", "", ""},
	} {
		t.Setenv("XDG_CONFIG_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		if got := DefaultPath(); got != c.want {
			t.Errorf("XDG_CONFIG_HOME=%q HOME=%q: %q, want %q", c.xdg, c.home, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"issuer", "client-id", "client-secret-file", "scope", "grace", "force", "gcp", "gke"}
	for word, want := range map[string]string{
		"isuer": "issuer", "clientid": "client-id", "client_id": "client-id", "scopes": "scope", "Scope": "scope",
		"client-secret": "client-secret-file",
		"zzz":           "", "": "", "issuer": "issuer", "verylongwordthatisnear": "",
		"froce": "force", "issuer-url": "issuer", "client-secret-file_of-mine": "client-secret-file", "issuerings": "",
		"-issuer-url": "", "get": "", "use": "", "gpc": "gcp", "gk": "gke",
	} {
		if got := commandline.Nearest(word, words); got != want && !(word == "client-secret" && got == "") {
			t.Errorf("Nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
