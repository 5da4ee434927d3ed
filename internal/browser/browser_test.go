package browser

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reportEnv makes the test binary a browser, which writes what it sees to a
// file. --exit=N in its arguments makes it fail before that, --stay makes it
// stay until a file named as the report with .stop exists.
const reportEnv = "BROWSER_TEST_REPORT"

// patient is for commands that end: however slow the machine is, their end is
// seen.
const patient = time.Hour

type report struct {
	Args    []string
	Env     []string
	Dir     string
	Pid     int
	Session int
	Output  bool     // stdin, stdout or stderr lead anywhere
	Open    []string // other files that it was handed
}

func TestMain(m *testing.M) {
	path := os.Getenv(reportEnv)
	if path == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // or each browser takes a second to end
		os.Exit(m.Run())
	}
	for _, a := range os.Args[1:] {
		if code, ok := strings.CutPrefix(a, "--exit="); ok {
			n, _ := strconv.Atoi(code)
			os.Exit(n)
		}
	}
	dir, _ := os.Getwd()
	r := report{os.Args[1:], os.Environ(), dir, os.Getpid(), session(), hasOutput(), openFiles()}
	b, _ := json.Marshal(r)
	_, _ = os.Stdout.WriteString("noise\n")
	_, _ = os.Stderr.WriteString("noise\n")
	_ = os.WriteFile(path+".new", b, 0o600)
	_ = os.Rename(path+".new", path)
	if slices.Contains(os.Args, "--stay") {
		for range 60_000 { // some minutes at most, should the test be killed
			if _, err := os.Stat(path + ".stop"); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// reports makes the test binary a browser from here on, and returns where it
// reports to.
func reports(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report")
	t.Setenv(reportEnv, path)
	return path
}

// wait waits for a browser's report.
func wait(t *testing.T, path string) report {
	t.Helper()
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

// opened opens a URL with a command and returns what the browser saw.
func opened(t *testing.T, c Command, url string) report {
	t.Helper()
	path := reports(t)
	if err := (Commands{c}).open(t.Context(), url, patient); err != nil {
		t.Fatal(err)
	}
	return wait(t, path)
}

// here finds programs on this system.
func here() Finder { return Finder{OS: runtime.GOOS, Getenv: os.Getenv} }

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// Where the URL goes: at %s, wherever that stands and however often; else last.
// No shell sees it, and no sign in it is taken for our own.
func TestOpenArguments(t *testing.T) {
	const url = `https://login.example.com/a?x=1&y=%73%20$(touch%20/tmp/x)';&z=%25s%%s`
	for command, want := range map[string][]string{
		"%q":                          {url},
		"%q --new-window":             {"--new-window", url},
		"%q --app=%s --flag":          {"--app=" + url, "--flag"},
		"%q %s %s":                    {url, url},
		`%q "a b" "%s"`:               {"a b", url},
		"%q %d %% %v":                 {"%d", "%", "%v", url},
		"%q %%s":                      {"%s", url},
		"%q %%%s":                     {"%" + url},
		`%q --url '%s' --title 'a b'`: {"--url", url, "--title", "a b"},
	} {
		c, err := here().Parse(strings.Replace(command, "%q", `"`+self(t)+`"`, 1))
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(c.Args)
		if got := opened(t, c, url); !slices.Equal(got.Args, want) {
			t.Errorf("%s: the browser sees %q, want %q", command, got.Args, want)
		}
		if !slices.Equal(c.Args, before) {
			t.Errorf("the command became %+v", c)
		}
	}
}

// A browser's environment is ours without secrets; it is detached, is not in
// our directory, and has none of our files.
func TestOpenSurroundings(t *testing.T) {
	secrets := []string{"SSO_EXEC_CLIENT_SECRET", "SSO_EXEC_ISSUER", "sso_exec_x", "KUBERNETES_EXEC_INFO",
		"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN",
		"GITHUB_TOKEN", "gh_token", "VAULT_TOKEN", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PASSWD", "OPENAI_API_KEY", "APIKEY",
		"CLIENT_SECRET", "GOOGLE_APPLICATION_CREDENTIALS", "SSH_PRIVATE_KEY",
		"MY_PASSPHRASE", "GITHUB_PAT", "NPM_AUTH", "npm_config__auth", "DB_PASS",
		"MYSQL_PWD", "SSHPASS", "DOCKER_AUTH_CONFIG", "RAILS_MASTER_KEY", "SOPS_AGE_KEY", "BW_SESSION", "OP_SESSION_corp"}
	for _, name := range secrets {
		t.Setenv(name, "hunter2")
	}
	// Or they are in the value, whatever its name.
	for name, value := range map[string]string{"DATABASE_URL": "postgres://u:hunter2@db/x",
		"CACHE": "redis://:hunter2@[::1]:6379", "MIRRORS": "https://a.example/ https://u:hunter2@b.example/"} {
		t.Setenv(name, value)
	}
	keeps := []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "SSH_AUTH_SOCK", "SSH_ASKPASS",
		"DBUS_SESSION_BUS_ADDRESS", "XDG_ACTIVATION_TOKEN", "XDG_RUNTIME_DIR", "VSCODE_IPC_HOOK_CLI", "BROWSER",
		"DESKTOP_SESSION", "XDG_SESSION_ID", "GIT_ASKPASS", "OLDPWD", "SSH_KEY_PATH"}
	for _, name := range keeps {
		t.Setenv(name, "/kept")
	}
	// A browser needs the password of its proxy.
	values := []string{"https_proxy=http://u:p@proxy.example:3128", "HOMEPAGE=https://u@a.example:8080/a:b@c",
		"SESSION_MANAGER=local/host:@/tmp/.ICE-unix/1"}
	for _, kv := range values {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got := opened(t, Command{Program: self(t)}, "https://x.example/")
	for _, kv := range got.Env {
		if strings.Contains(kv, "hunter2") {
			t.Errorf("the browser is given %s", kv)
		}
	}
	for _, name := range keeps {
		if !slices.Contains(got.Env, name+"=/kept") {
			t.Errorf("the browser lacks %s", name)
		}
	}
	for _, kv := range values {
		if !slices.Contains(got.Env, kv) {
			t.Errorf("the browser lacks %s", kv)
		}
	}
	if got.Session != 0 && got.Session == session() {
		t.Error("a Ctrl-C for us would close the browser")
	}
	if got.Dir == here {
		t.Error("the browser keeps our directory busy")
	}
	if got.Output {
		t.Error("the browser has a stdin, stdout or stderr")
	}
	// What the system has looks at $BROWSER again: what was passed over there
	// must not come back.
	got = opened(t, Command{Program: self(t), system: true}, "https://x.example/")
	if i := slices.IndexFunc(got.Env, func(kv string) bool { return strings.HasPrefix(kv, "BROWSER=") }); i < 0 ||
		!strings.Contains(got.Env[i], "firefox") || strings.Contains(got.Env[i], "lynx") {
		t.Errorf("the system's opener sees %q", got.Env)
	}
}

// The next command is tried where one cannot be started or fails, and none
// after one that does not. The error tells of each, and nothing of the URL.
func TestOpenInOrder(t *testing.T) {
	const url = "https://x.example/?state=hunter2"
	missing := Command{Program: filepath.Join(t.TempDir(), "missing")}
	fails := Command{Program: self(t), Args: []string{"--exit=7"}}
	works := Command{Program: self(t), Args: []string{"first"}}
	path := reports(t)
	if err := (Commands{missing, fails, works, {Program: self(t), Args: []string{"second"}}}).open(t.Context(), url,
		patient); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, path); got.Args[0] != "first" {
		t.Errorf("the browser was %q", got.Args)
	}
	err := Commands{missing, fails}.open(t.Context(), url, patient)
	if err == nil {
		t.Fatal("nothing was opened, and nothing said")
	}
	for _, want := range []string{"missing could not be started: ", filepath.Base(self(t)) + " failed (exit code 7)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %q", err)
	}
	if err := (Commands)(nil).Open(t.Context(), url); err == nil {
		t.Error("no browser, and nothing said")
	}
}

// A browser that stays in the foreground is a success, whether its time to fail
// in has passed or the caller has what it waits for; it goes on.
func TestOpenStays(t *testing.T) {
	stays := Command{Program: self(t), Args: []string{"--stay"}}
	path := reports(t)
	if err := (Commands{stays, {Program: self(t), Args: []string{"second"}}}).Open(t.Context(),
		"https://x.example/"); err != nil {
		t.Fatal(err)
	}
	got := wait(t, path)
	if got.Args[0] != "--stay" || !alive(got.Pid) {
		t.Errorf("the browser is %+v", got)
	}
	stop(t, path, got.Pid)

	path = reports(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		wait(t, path)
		cancel()
	}()
	if err := (Commands{stays}).open(ctx, "https://x.example/", patient); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got = wait(t, path); got.Args[0] != "--stay" || !alive(got.Pid) {
		t.Errorf("the browser is %+v", got)
	}
	stop(t, path, got.Pid)

	path = reports(t)
	if err := (Commands{stays}).Open(ctx, "https://x.example/"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a browser was opened after the end")
	}
}

// stop ends a browser that stays, and waits until nothing is left of it, no
// zombie either.
func stop(t *testing.T, path string, pid int) {
	t.Helper()
	if err := os.WriteFile(path+".stop", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for alive(pid) {
		if t.Context().Err() != nil {
			t.Fatal("the browser was left behind")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Only web pages are opened.
func TestOpenRefuses(t *testing.T) {
	path := reports(t)
	for _, url := range []string{"", "-", "--help", "x", "/etc/passwd", "file:///etc/passwd", "javascript:alert(1)",
		"HTTPS:x", "HTTPS://x.example/", "https:", "https:///x", "https:opaque", "http:/x", "ftp://x/", " https://x.example/",
		"https://x.example/ y", "https://x.example/\n", "https://x.example/\x00", `https://x.example/"`,
		`https://x.example/\`, "https://x.example/<>", "https://x.example/ü", "https://x.example/|", "https://x.example/`id`",
		"https://x y/"} {
		err := Commands{{Program: self(t)}}.Open(t.Context(), url)
		if err == nil {
			t.Errorf("%q was opened", url)
		} else if len(url) > 3 && strings.Contains(err.Error(), url) {
			t.Errorf("the error has the address: %q", err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a browser was started")
	}
	for _, url := range []string{"https://x.example/", "http://127.0.0.1:8080/a?b=c&d=%20e#f",
		"https://[::1]:1/~a/(b)'!*;,:@$+="} {
		if err := checkURL(url); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}
