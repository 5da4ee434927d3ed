package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// base is a file as people write them.
const base = `# mine
version: 1   # the format

# profiles, by hand
profiles:
  corp:          # the company
    issuer:   https://login.example   # where
    # client-secret-file: later
    scopes: [email, 'a # b'] # both
    login-hint: "me # you"
    aws:
      role-arn: arn:x

      # the end of aws
    # the end of corp

  # nobody uses this
  old:
    scopes:
    - email
    - groups
    client-id: |
      long
  empty:
  braces: {} # nothing
  tilde: ~
# the end
`

func TestAddToMap(t *testing.T) {
	const file = "version: 1\nprofiles:\n  a:\n    hosts:%s\n    flow: pkce # end\n  b:\n    extends: a\n"
	for _, c := range []struct{ from, want string }{
		{" {x.example: , y.example: {username: u}} # mine",
			` {x.example: , y.example: {username: u}, "*.z.example": {}, "[::1]:5000": {}} # mine`},
		{" {}", "\n      '*.z.example': {}\n      '[::1]:5000': {}"},
		{"\n      x.example: # mine\n      y.example:\n        username: u",
			"\n      x.example: # mine\n      y.example:\n        username: u\n      '*.z.example': {}\n      '[::1]:5000': {}"},
		{" [x.example]", ""},
		{" null", ""},
	} {
		got, err := AddToMap(fmt.Appendf(nil, file, c.from), "a", "hosts", "*.z.example", "[::1]:5000")
		refused := c.want == "" && errors.Is(err, ErrByHand)
		if !refused && (err != nil || string(got) != fmt.Sprintf(file, c.want)) {
			t.Errorf("%s: %v\n%s", c.from, err, got)
		}
	}
	if _, err := AddToMap(fmt.Appendf(nil, file, " {x.example: }"), "b", "hosts", "y.example"); !errors.Is(err,
		ErrByHand) {
		t.Errorf("an inherited map: %v", err)
	}
}

// Each edit, and what it does to the lines: - for one that goes, + for one that
// comes.
func TestEdit(t *testing.T) {
	set := func(profile, key string, values ...string) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) { return SetKey(b, profile, key, values...) }
	}
	for _, c := range []struct {
		name string
		edit func([]byte) ([]byte, error)
		want string
	}{
		{"a value", set("corp", "issuer", "https://other"),
			"-    issuer:   https://login.example   # where\n+    issuer:   https://other   # where\n"},
		{"the same value", set("corp", "issuer", "https://login.example"), ""},
		{"a quoted value", set("corp", "login-hint", "you"), "-    login-hint: \"me # you\"\n+    login-hint: you\n"},
		{"a value that needs quotes", set("corp", "issuer", "a: b # c"),
			"-    issuer:   https://login.example   # where\n+    issuer:   'a: b # c'   # where\n"},
		{"a value of several lines", set("corp", "issuer", "a\nb"),
			"-    issuer:   https://login.example   # where\n+    issuer:   \"a\\nb\"   # where\n"},
		{"a list on a line", set("corp", "scopes", "x", "y"),
			"-    scopes: [email, 'a # b'] # both\n+    scopes: [x, y] # both\n"},
		{"a list to a value", set("corp", "scopes", "x"), "-    scopes: [email, 'a # b'] # both\n+    scopes: x # both\n"},
		{"a list on lines", set("old", "scopes", "email", "x", "y z"), "-    - groups\n+    - x\n+    - y z\n"},
		{"a list to none", set("old", "scopes"), "-    scopes:\n-    - email\n-    - groups\n+    scopes: []\n"},
		{"a text of several lines", set("old", "client-id", "short"),
			"-    client-id: |\n-      long\n+    client-id: short\n"},
		{"a new key", set("corp", "client-id", "0123"), "+    client-id: \"0123\"\n"},
		{"a new key in a section", set("corp", "aws.region", "eu"), "+      region: eu\n"},
		{"a value in a section", set("corp", "aws.role-arn", "arn:y"), "-      role-arn: arn:x\n+      role-arn: arn:y\n"},
		{"a new section", set("old", "aws.region", "eu"), "+    aws:\n+      region: eu\n"},
		{"into an empty profile", set("empty", "issuer", "x"), "+    issuer: x\n"},
		{"into braces", set("braces", "issuer", "x"), "-  braces: {} # nothing\n+  braces: # nothing\n+    issuer: x\n"},
		{"into a tilde", set("tilde", "issuer", "x"), "-  tilde: ~\n+  tilde:\n+    issuer: x\n"},
		{"a section into an empty profile", set("empty", "aws.region", "x"), "+    aws:\n+      region: x\n"},
		{"a new profile", set("new", "issuer", "x"), "+  new:\n+    issuer: x\n"},
		{"a profile with a strange name", set("a: b", "issuer", "x"), "+  'a: b':\n+    issuer: x\n"},
		{"an added profile", func(b []byte) ([]byte, error) {
			return added(b, "new", []string{"issuer", "x"}, []string{"aws.region", "r"},
				[]string{"scopes", "a", "b"}, []string{"aws.role-arn", "q"})
		}, "+default-profile: new\n+  new:\n+    issuer: x\n+    aws:\n+      region: r\n+      role-arn: q\n+    scopes: " +
			"[a, b]\n"},
		{"a default", func(b []byte) ([]byte, error) { return SetDefault(b, "old") }, "+default-profile: old\n"},
		{"a removed profile", func(b []byte) ([]byte, error) { return RemoveProfile(b, "old") },
			"-  old:\n-    scopes:\n-    - email\n-    - groups\n-    client-id: |\n-      long\n"},
		{"a removed key", func(b []byte) ([]byte, error) { return RemoveKey(b, "corp", "scopes") },
			"-    scopes: [email, 'a # b'] # both\n"},
		{"a removed key, the last of its section", func(b []byte) ([]byte,
			error) {
			return RemoveKey(b, "corp", "aws.role-arn")
		}, "-    aws:\n-      role-arn: arn:x\n"},
		{"a removed key that is not there", func(b []byte) ([]byte, error) { return RemoveKey(b, "corp", "flow") }, ""},
		{"a removed key of no profile", func(b []byte) ([]byte, error) { return RemoveKey(b, "none", "flow") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for kind, from := range map[string]string{"unix": base, "windows": strings.ReplaceAll(base, "\n", "\r\n"),
				"bom": "\ufeff" + base} {
				after, err := c.edit([]byte(from))
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				if kind == "windows" && strings.Contains(strings.ReplaceAll(string(after), "\r\n", ""), "\n") {
					t.Errorf("a line end of Unix: %q", after)
				}
				got := diff(from, string(after))
				if got = strings.ReplaceAll(got, "\r\n", "\n"); got != c.want {
					t.Errorf("%s:\n%swant\n%s", kind, got, c.want)
				}
			}
		})
	}
}

// added is a text with a profile that was not there, which is made the default;
// each setting is a key and its values.
func added(text []byte, name string, settings ...[]string) (_ []byte, err error) {
	for _, s := range settings {
		if text, err = SetKey(text, name, s[0], s[1:]...); err != nil {
			return nil, err
		}
	}
	return SetDefault(text, name)
}

// diff is a list of the lines that are only in one of two texts; the rest must be
// in the same order.
func diff(a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	common := make([][]int, len(x)+1)
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); x[i] == y[j] {
				common[i][j] = 1 + common[i+1][j+1]
			}
		}
	}
	var gone, come strings.Builder
	for i, j := 0, 0; i < len(x) || j < len(y); {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			i, j = i+1, j+1
		case i < len(x) && (j == len(y) || common[i+1][j] >= common[i][j+1]):
			gone.WriteString("-" + x[i])
			i++
		default:
			come.WriteString("+" + y[j])
			j++
		}
	}
	return gone.String() + come.String()
}

// Whole texts: of files that are empty, short, or end without a line end.
func TestEditWhole(t *testing.T) {
	add := func(b []byte) ([]byte, error) {
		return added(b, "p", []string{"issuer", "x"})
	}
	const profiles = "profiles:\n  p:\n    issuer: x\n"
	for from, want := range map[string]string{
		"":                               "version: 1\ndefault-profile: p\n" + profiles,
		"# mine\n\n":                     "# mine\n\nversion: 1\ndefault-profile: p\n" + profiles,
		"# mine":                         "# mine\nversion: 1\ndefault-profile: p\n" + profiles,
		"version: 1":                     "version: 1\ndefault-profile: p\n" + profiles,
		"---\nversion: 1\n...\n":         "---\nversion: 1\ndefault-profile: p\n" + profiles + "...\n",
		"version: 1\r\n":                 strings.ReplaceAll("version: 1\ndefault-profile: p\n"+profiles, "\n", "\r\n"),
		"version: 1\nprofiles:\n":        "version: 1\ndefault-profile: p\n" + profiles,
		"version: 1\nprofiles: {} # c":   "version: 1\ndefault-profile: p\nprofiles: # c\n  p:\n    issuer: x\n",
		"profiles: null\nversion: 1\n":   profiles + "version: 1\ndefault-profile: p\n",
		"default-profile: q\nversion: 1": "default-profile: p\nversion: 1\n" + profiles,
		"version: 1\nprofiles:\n      deep:\n        issuer: y": "version: 1\ndefault-profile: " +
			"p\nprofiles:\n      deep:\n        issuer: y\n      p:\n        issuer: x\n",
		"version: 1\ntelemetry: {a: b}\nprofiles:\n # c\n q: {issuer: y}\n# d\n": "version: 1\ndefault-profile: " +
			"p\ntelemetry: {a: b}\nprofiles:\n # c\n q: {issuer: y}\n p:\n   issuer: x\n# d\n",
	} {
		got, err := add([]byte(from))
		if err != nil || string(got) != want {
			t.Errorf("%q: %v\n%q, want\n%q", from, err, got, want)
			continue
		}
		gone, err := RemoveProfile(got, "p")
		if err != nil || strings.Contains(string(gone), " p:\n") || strings.Contains(string(gone), "default-profile") {
			t.Errorf("removed: %v, %q", err, gone)
		}
	}
	// What was added can be taken away without a trace.
	more, err := added([]byte(base), "p", []string{"issuer", "x"}, []string{"aws.region", "r"})
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := RemoveProfile(more, "p"); err != nil || string(gone) != base {
		t.Errorf("%v\n%s", err, diff(base, string(gone)))
	}
}

// What would need more than single lines, or would change more than was meant, is
// refused, and said to be a person's work.
func TestEditRefuses(t *testing.T) {
	set := func(b []byte) ([]byte, error) { return SetKey(b, "p", "issuer", "x") }
	for name, text := range map[string]string{
		"braces":                   "version: 1\nprofiles: {p: {issuer: y}}\n",
		"a profile in braces":      "version: 1\nprofiles:\n  p: {issuer: y}\n",
		"JSON":                     `{"version": 1, "profiles": {}}`,
		"an alias":                 "version: 1\nprofiles:\n  q: &q\n    issuer: y\n  p: *q\n",
		"an anchor for others":     "version: 1\nprofiles:\n  p: &p\n    issuer: y\n  q: *p\n",
		"a value with an anchor":   "version: 1\nprofiles:\n  p:\n    issuer: &i y\n  q: {issuer: *i}\n",
		"a value that is an alias": "version: 1\nprofiles:\n  q: {issuer: &i y}\n  p:\n    issuer: *i\n",
		"a value with a tag":       "version: 1\nprofiles:\n  p:\n    issuer: !own y\n",
		"a section":                "version: 1\nprofiles:\n  p:\n    issuer: {a: b}\n",
		"a question mark":          "version: 1\nprofiles:\n  p:\n    ? issuer\n    : y\n",
		"an escaped key":           "version: 1\nprofiles:\n  p:\n    \"\\x69ssuer\": y\n",
		"comments in a value":      "version: 1\nprofiles:\n  p:\n    issuer:\n    - a # why\n    - b\n",
		"two documents":            "version: 1\n---\nversion: 1\n",
		"line ends of old Macs":    "version: 1\rprofiles:\r",
		"a line separator":         "version: 1\n# \u2028\n",
		"UTF-16":                   "\xff\xfev\x00e\x00",
		"no UTF-8":                 "version: 1\n# \xff\n",
		"a bomb": "version: 1\nx: &a [1,1,1,1,1,1,1,1,1,1]\ny: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nz: &c " +
			"[*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nu: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nv: " +
			"[*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
	} {
		if got, err := set([]byte(text)); !errors.Is(err, ErrByHand) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for name, edit := range map[string]func() ([]byte, error){
		"no config":           func() ([]byte, error) { return set([]byte("hello")) },
		"no YAML":             func() ([]byte, error) { return set([]byte("version: [")) },
		"a later version":     func() ([]byte, error) { return set([]byte("version: 2\n")) },
		"no such profile":     func() ([]byte, error) { return RemoveProfile([]byte(base), "none") },
		"one that is a base":  func() ([]byte, error) { return RemoveProfile([]byte(base+"  x: {extends: old}\n"), "old") },
		"no name":             func() ([]byte, error) { return SetKey([]byte(base), "", "issuer", "x") },
		"a name of two lines": func() ([]byte, error) { return SetKey([]byte(base), "a\nb", "issuer", "x") },
		"a value in no UTF-8": func() ([]byte, error) { return SetKey([]byte(base), "corp", "issuer", "\xff") },
	} {
		if got, err := edit(); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestEditFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config.yaml")
	add := func(name string) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) { return SetKey(b, name, "issuer", "x") }
	}
	for _, name := range []string{"a", "b"} {
		if err := EditFile(path, add(name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Paths{Named: path}.Open()
	if err != nil || strings.Join(c.Names(), " ") != "a b" {
		t.Errorf("%v, %v", c, err)
	}
	if bak, err := os.ReadFile(path + ".bak"); err != nil ||
		string(bak) != "version: 1\nprofiles:\n  a:\n    issuer: x\n" {
		t.Errorf("the backup: %q, %v", bak, err)
	}
	if err := EditFile(path, add("")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	// Somebody else is quicker, once.
	quicker := true
	err = EditFile(path, func(b []byte) ([]byte, error) {
		if quicker {
			quicker = false
			if err := os.WriteFile(path, []byte("version: 1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return add("c")(b)
	})
	if now, _ := os.ReadFile(path); err != nil || string(now) != "version: 1\nprofiles:\n  c:\n    issuer: x\n" {
		t.Errorf("%v, %q", err, now)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	var unsafe *userfile.UnsafeError
	if err := EditFile(path, add("d")); !errors.As(err, &unsafe) {
		t.Errorf("a file that others can write to: %v", err)
	}
}
