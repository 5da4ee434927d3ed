package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/sso-exec/sso-exec/providertest"
)

// helper is a program of the tests, as its path is on Windows.
func (w *windows) helper() string { return onWindows(filepath.Join(w.bin, "wine.exe")) }

// watched is a call of sso-exec whose stderr ends with its whole exit code.
func (w *windows) watched(args ...string) *command {
	w.t.Helper()
	return w.run(slices.Concat([]string{filepath.Join(w.bin, "wine.exe"), "watch",
		onWindows(filepath.Join(w.bin, "sso-exec.exe"))}, args)...)
}

// endedWith is that code.
func (w *windows) endedWith(text string) string {
	w.t.Helper()
	m := regexp.MustCompile(`ended with (\d+)\n`).FindStringSubmatch(text)
	if m == nil {
		w.t.Fatalf("it does not say how it ended: %q", text)
	}
	return m[1]
}

// given is what a child says that it got.
type given struct {
	Args, Env   []string
	Stdin, File string
}

func (w *windows) given(r *command) (g given) {
	w.t.Helper()
	if out := r.ok(); json.Unmarshal([]byte(out), &g) != nil {
		w.t.Fatalf("no child: %q, %s", out, r.stderr.String())
	}
	return g
}

func (g given) variable(name string) string {
	for _, kv := range g.Env {
		if n, value, _ := strings.Cut(kv, "="); strings.EqualFold(n, name) {
			return value
		}
	}
	return ""
}

// TestAllWineRun: sso-exec run on Windows, where the command is a process next to it:
// words, streams, environment and exit codes are the command's.
func TestAllWineRun(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	token := strings.TrimSpace(w.sso("token").ok())
	run := func(more ...string) []string {
		return append([]string{"run", "--token-env", "THE_TOKEN", "--interactive", "never", "--"}, more...)
	}

	words := []string{"", "a b", `a"b`, `\`, `C:\dir\`, `C:\a dir\`, `\\server\share\`, `a\\"b\"`, `"`, `""`, "tab\there",
		"zoë „Z“ 日本 😀", "%PATH%", "$HOME", "^&|<>()!", "'single'", "--flag=a b", "*.go", "-"}
	w.env = append(w.env, "PERSON=Zoë „Z“", "SSO_EXEC_CLIENT_SECRET=x", "SSO_EXEC_TOKEN_TYPE=access",
		"the_token=another")
	w.stdin = "line 1\r\nzoë\n"
	r := w.sso(run(append([]string{w.helper(), "child", "0"}, words...)...)...)
	g := w.given(r)
	if !slices.Equal(g.Args, words) {
		t.Errorf("the child's words are\n%q, not\n%q", g.Args, words)
	}
	if g.Stdin != w.stdin || r.stderr.String() != "the child's stderr\n" {
		t.Errorf("stdin %q, stderr %q", g.Stdin, r.stderr.String())
	}
	for name, want := range map[string]string{
		"THE_TOKEN": token, "PERSON": "Zoë „Z“", "SSO_EXEC_CLIENT_SECRET": "", "SSO_EXEC_TOKEN_TYPE": "",
		"SSO_EXEC_CACHE_DIR": onWindows(w.cache),
	} {
		if got := g.variable(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if n := strings.Count(strings.ToUpper(strings.Join(g.Env, "\n")), "THE_TOKEN="); n != 1 {
		t.Errorf("the token's variable is there %d times", n)
	}
	w.stdin = ""

	// 259 is what a process that still runs has for an exit code, the largest ones are
	// those of crashes.
	for _, code := range []string{"0", "1", "3", "255", "256", "259", "3221225477", "4294967295"} {
		r := w.watched(run(w.helper(), "child", code)...)
		r.ok()
		if got := w.endedWith(r.stderr.String()); got != code || strings.Contains(r.stderr.String(), "sso-exec: ") {
			t.Errorf("the child ended with %s, run with %s: %s", code, got, r.stderr.String())
		}
	}

	// By name on the PATH, as npm.cmd and az.cmd are: with what PATHEXT has.
	w.install("wine.exe", "a place", "tool.exe")
	w.write(filepath.Join(winePrefix(), "drive_c/a place/script.cmd"), "@echo %THE_TOKEN:~0,4% %1\r\n@exit /b 7\r\n")
	w.write(filepath.Join(winePrefix(), "drive_c/a place/text"), "no program\r\n")
	w.write(filepath.Join(winePrefix(), "drive_c/a place/made up.exe"), "no program\r\n")
	w.env = append(w.env, `WINEPATH=C:\a place`)
	if res := w.sso(run("tool", "child", "4")...).wait(); res.code != 4 {
		t.Errorf("tool.exe: %+v", res)
	}
	if res := w.sso(run("script", "a word")...).wait(); res.code != 7 ||
		strings.TrimSpace(res.stdout) != token[:4]+` "a word"` {
		t.Errorf("script.cmd: %+v", res)
	}

	words = []string{"give the command and its arguments as separate words", "sh -c"} // hints that help nobody there
	for name, says := range map[string]string{
		"no-such-command":        "no such command on the PATH",
		`C:\none\such.exe`:       "file does not exist",
		`C:\a place\text`:        "no such program; its name must end in an extension of PATHEXT",
		w.helper() + " child 0":  `for a shell line: -- cmd /c "LINE"`,
		`C:\a place\made up.exe`: "made up.exe",
	} {
		res := w.sso(run(name)...).wait()
		code := 127
		if strings.Contains(name, "made up") {
			code = 126
		}
		if res.code != code || !strings.Contains(res.stderr, "sso-exec: run "+name+": ") ||
			!strings.Contains(res.stderr, says) {
			t.Errorf("%s: ended with %d: %s", name, res.code, res.stderr)
		}
		if strings.Contains(res.stderr, words[1]) ||
			strings.Contains(res.stderr, words[0]) != (name == w.helper()+" child 0") {
			t.Errorf("%s: %s", name, res.stderr)
		}
	}
}

// TestAllWineRunKeys: AWS keys in variables, past those of the caller, whatever the case
// of their names; and with --renew from the endpoint, as the AWS SDK reads it.
func TestAllWineRunKeys(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: w.idp})
	w.signIn()
	w.env = append(w.env, "aws_profile=other", "Aws_Session_Token=another", "AWS_ACCESS_KEY_ID=another")
	run := func(more ...string) []string {
		return append([]string{"run", "--role-arn", "arn:aws:iam::123456789012:role/dev", "--sts-endpoint", sts.URL(),
			"--region", "eu-central-1", "--interactive", "never"}, more...)
	}
	g := w.given(w.sso(run("--", w.helper(), "child", "0")...))
	keys := sts.Issued()[0]
	for name, want := range map[string]string{
		"AWS_ACCESS_KEY_ID": keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": keys.SecretAccessKey, "AWS_PROFILE": "",
		"AWS_SESSION_TOKEN": keys.SessionToken, "AWS_REGION": "eu-central-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		if got := g.variable(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}

	// A file that is there for the command alone.
	w.write(filepath.Join(w.home, "AppData/Roaming/sso-exec/config.yaml"), "version: 1\nprofiles:\n  corp:\n    issuer: "+
		w.idp.Issuer()+"\n    client-id: cli\n    hosts: [npm.example.com]\n")
	for variable, flags := range map[string][]string{
		"AWS_WEB_IDENTITY_TOKEN_FILE": run("--web-identity-file"),
		"npm_config_userconfig": {"run", "--profile", "corp", "--npm", "https://npm.example.com/",
			"--interactive", "never"},
	} {
		g := w.given(w.sso(append(flags, "--", w.helper(), "child", "0", "read:"+variable)...))
		file := onLinux(g.variable(variable))
		if _, err := os.Stat(file); !os.IsNotExist(err) || g.File == "" {
			t.Errorf("%s: %q has %q; afterwards: %v", variable, file, g.File, err)
		}
	}

	// The child's output is a file's, so that the test can ask for keys while it waits.
	w.write(filepath.Join(w.home, ".aws/credentials"),
		"[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n")
	out := filepath.Join(filepath.Dir(w.cache), "the child's environment")
	line := `"` + w.helper() + `" child 0 <nul >"` + onWindows(out) + `" & "` + w.helper() + `" wait 6`
	batch := filepath.Join(filepath.Dir(w.cache), "batch.cmd")
	w.write(batch, "@"+line+"\r\n")
	w.tty = newTerminal(t, 200, 50)
	r := w.watched(run("--renew", "--", onWindows(batch))...)
	w.shows(r, "the child waits")
	var asked given
	if text, err := os.ReadFile(out); err != nil || json.Unmarshal(text, &asked) != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if asked.variable("AWS_ACCESS_KEY_ID") != "" ||
		!strings.EqualFold(asked.variable("AWS_SHARED_CREDENTIALS_FILE"), "NUL") {
		t.Errorf("keys %q, credentials file %q", asked.variable("AWS_ACCESS_KEY_ID"),
			asked.variable("AWS_SHARED_CREDENTIALS_FILE"))
	}
	ask := func() error {
		got, err := endpointcreds.New(asked.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"), func(o *endpointcreds.Options) {
			o.AuthorizationToken = asked.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		}).Retrieve(t.Context())
		if err == nil && got.SecretAccessKey != sts.Issued()[0].SecretAccessKey {
			err = fmt.Errorf("other keys: %s", got.AccessKeyID)
		}
		return err
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	w.tty.press(ctrlC)
	w.ends(r)
	if err := ask(); err == nil {
		t.Error("keys after the end")
	}
	t.Logf("%s", w.tty.text())
}

// shows waits for a text on the console.
func (w *windows) shows(r *command, text string) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(w.tty.text(), text); time.Sleep(50 * time.Millisecond) {
		select {
		case <-r.done:
			w.t.Fatalf("it has ended without %q: %q", text, w.tty.text())
		default:
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("no %q: %q", text, w.tty.text())
		}
	}
}

// ends waits for a program on the console.
func (w *windows) ends(r *command) {
	w.t.Helper()
	select {
	case <-r.done:
	case <-time.After(30 * time.Second):
		w.t.Fatalf("it does not end: %q", w.tty.text())
	}
	for range 100 { // the terminal hands on what was written a moment later
		if strings.Contains(w.tty.text(), "ended with ") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestAllWineRunInterrupt: Ctrl-C on a console is the command's: one that it ends gives
// Windows' own code for that, one that goes on decides itself.
func TestAllWineRunInterrupt(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	for want, child := range map[string][]string{
		"3221225786": {"wait", "5", "dies"}, // STATUS_CONTROL_C_EXIT
		"5":          {"wait", "5"},
	} {
		w.tty = newTerminal(t, 200, 50)
		r := w.watched(append([]string{"run", "--token-env", "THE_TOKEN", "--", w.helper()}, child...)...)
		w.shows(r, "the child waits")
		w.tty.press(ctrlC)
		w.ends(r)
		if got := w.endedWith(w.tty.text()); got != want {
			t.Errorf("%q: run ended with %s, not %s: %q", child, got, want, w.tty.text())
		}
		if n := strings.Count(w.tty.text(), "the child was interrupted"); (n == 1) != (want == "5") {
			t.Errorf("%q: interrupted %d times: %q", child, n, w.tty.text())
		}
	}
}
