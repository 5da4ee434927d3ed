package browser

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// childEnv makes the test binary a browser, which writes what it sees to a file.
const childEnv = "BROWSER_TEST_REPORT"

type report struct {
	Args    []string
	Env     []string
	Dir     string
	Ppid    int
	Session int
}

func TestMain(m *testing.M) {
	path := os.Getenv(childEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	dir, _ := os.Getwd()
	b, _ := json.Marshal(report{os.Args[1:], os.Environ(), dir, os.Getppid(), session()})
	_, _ = os.Stdout.WriteString("noise\n")
	_, _ = os.Stderr.WriteString("noise\n")
	_ = os.WriteFile(path+".new", b, 0o600)
	_ = os.Rename(path+".new", path)
}

// opened opens a URL with a command and returns what the browser saw.
func opened(t *testing.T, c Command, url string) report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report")
	t.Setenv(childEnv, path)
	if err := c.Open(url); err != nil {
		t.Fatal(err)
	}
	for t.Context().Err() == nil {
		b, err := os.ReadFile(path)
		if err == nil {
			var r report
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the browser never came")
	return report{}
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// Words as a shell would split them with quotes alone: nothing else is special.
func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"firefox":                              {"firefox"},
		"  firefox \t --new-window  ":          {"firefox", "--new-window"},
		`"/Program Files/b" 'a b'`:             {"/Program Files/b", "a b"},
		`a"b c"d'e f'`:                         {"ab cde f"},
		`open "" ''`:                           {"open", "", ""},
		`x "it's" '"'`:                         {"x", "it's", `"`},
		`x $HOME $(id) ; rm -rf / | y > z & \`: {"x", "$HOME", "$(id)", ";", "rm", "-rf", "/", "|", "y", ">", "z", "&", `\`},
		"":                                     nil,
		" \t ":                                 nil,
		"日本 語":                                 {"日本", "語"},
	} {
		if got, err := split(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("split(%q) is %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`"open`, `'`, `a "b' c`} {
		if got, err := split(in); err == nil {
			t.Errorf("split(%q) is %q", in, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" 'd'`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := split(s)
		if err != nil {
			return
		}
		// Quoting each word again gives the same words.
		for i, w := range words {
			switch {
			case !strings.Contains(w, "'"):
				words[i] = "'" + w + "'"
			case !strings.Contains(w, `"`):
				words[i] = `"` + w + `"`
			default:
				return
			}
		}
		if again, err := split(strings.Join(words, " ")); err != nil || len(again) != len(words) {
			t.Errorf("split(%q): %q, then %q, %v", s, words, again, err)
		}
	})
}

// Where the URL goes: at %s, wherever that stands and however often; else last.
// No shell sees it.
func TestOpenArguments(t *testing.T) {
	const url = `https://login.example.com/a?x=1&y=%73%20$(touch /tmp/pwned)'";|`
	for command, want := range map[string][]string{
		"%q":                          {url},
		"%q --new-window":             {"--new-window", url},
		"%q --app=%s --flag":          {"--app=" + url, "--flag"},
		"%q %s %s":                    {url, url},
		`%q "a b" "%s"`:               {"a b", url},
		"%q %d %% %v":                 {"%d", "%%", "%v", url},
		`%q --url '%s' --title 'a b'`: {"--url", url, "--title", "a b"},
	} {
		c, err := Parse(strings.Replace(command, "%q", `"`+self(t)+`"`, 1))
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(c[0]) {
			t.Errorf("the program is %q", c[0])
		}
		before := slices.Clone(c)
		if got := opened(t, c, url); !slices.Equal(got.Args, want) {
			t.Errorf("%s: the browser sees %q, want %q", command, got.Args, want)
		}
		if !slices.Equal(c, before) {
			t.Errorf("the command became %q", c)
		}
	}
}

// A browser's environment is ours without secrets; it is detached, and what it
// prints goes nowhere.
func TestOpenEnvironment(t *testing.T) {
	secrets := []string{"SSO_EXEC_CLIENT_SECRET", "SSO_EXEC_ISSUER", "sso_exec_x", "KUBERNETES_EXEC_INFO", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN",
		"GITHUB_TOKEN", "gh_token", "VAULT_TOKEN", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PASSWD", "OPENAI_API_KEY", "APIKEY", "CLIENT_SECRET", "GOOGLE_APPLICATION_CREDENTIALS", "SSH_PRIVATE_KEY"}
	for _, name := range secrets {
		t.Setenv(name, "hunter2")
	}
	keeps := []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_ACTIVATION_TOKEN", "XDG_RUNTIME_DIR", "HOME", "PATH", "LANG"}
	for _, name := range keeps[:len(keeps)-2] {
		t.Setenv(name, "/kept")
	}
	got := opened(t, Command{self(t)}, "https://x.example/")
	for _, kv := range got.Env {
		if strings.Contains(kv, "hunter2") {
			t.Errorf("the browser is given %s", kv)
		}
	}
	for _, name := range keeps[:len(keeps)-2] {
		if !slices.Contains(got.Env, name+"=/kept") {
			t.Errorf("the browser lacks %s", name)
		}
	}
	if got.Session != 0 && got.Session == session() {
		t.Error("a Ctrl-C for us would close the browser")
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"", "  ", "no-such-browser-here --x", "/no/such/browser", `"`, t.TempDir(), "''"} {
		if c, err := Parse(s); err == nil {
			t.Errorf("%q is %q", s, c)
		}
	}
	// A program in the working directory is not found by its bare name.
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", ".")
	if err := os.WriteFile("xbrowser", []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if c, err := Parse("xbrowser"); err == nil {
		t.Errorf("found %q in the working directory", c)
	}
}

// $BROWSER is a list: the first that can be found.
func TestFromEnvironment(t *testing.T) {
	list := func(s ...string) string { return strings.Join(s, string(os.PathListSeparator)) }
	for value, want := range map[string]string{
		"":                               "",
		"no-such-browser":                "",
		self(t):                          self(t),
		list("no-such-browser", self(t)): self(t),
		list("", "", self(t)+" --x"):     self(t),
		list(`"open`, self(t)):           self(t),
	} {
		t.Setenv("BROWSER", value)
		c, ok := FromEnvironment()
		if ok != (want != "") || ok && c[0] != want {
			t.Errorf("BROWSER=%q: %q, want %q", value, c, want)
		}
	}
}

func TestSystemIsAbsolute(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if c, ok := System(); ok && !filepath.IsAbs(c[0]) {
		t.Errorf("%q", c)
	}
	for _, c := range systemOpeners {
		if !filepath.IsAbs(c[0]) && c[0] != "" && os.Getenv("SystemRoot") != "" {
			t.Errorf("%q", c)
		}
	}
}

// Open does not wait, and says if there is nothing to start.
func TestOpenDoesNotWait(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Log("this system has no sleep; that Open does not wait shows in the other tests too")
		return
	}
	began := time.Now()
	if err := (Command{sleep, "30", "%s"}).Open("0"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it waited %v", took)
	}
	if err := (Command{filepath.Join(t.TempDir(), "none")}).Open("x"); err == nil {
		t.Error("nothing was started, and nothing said")
	}
}
