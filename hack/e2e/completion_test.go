package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interactive are shells as people have them, with what their start-up file holds.
// PowerShell is not among them: Debian has none. Its script is only looked for in
// cmd/sso-exec/testdata/script/completion.txt.
var interactive = []struct {
	name, file, rc string
	args           []string
}{
	{"bash", ".bashrc", `PS1='ready> '; . "$BASH_COMPLETION"; source <(sso-exec completion bash)`, []string{"-i"}},
	{"zsh", ".zshrc", `PS1='ready> '; autoload -U compinit; compinit -u; source <(sso-exec completion zsh)`,
		[]string{"-i"}},
	{"fish", ".config/fish/config.fish", "function fish_prompt; printf 'ready> '; end; function fish_greeting; end; " +
		"sso-exec completion fish | source", []string{"-i"}},
}

// Somebody types the beginning of a word and presses Tab.
func TestCompletion(t *testing.T) {
	for _, shell := range interactive {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			for name, text := range map[string]string{
				shell.file: shell.rc + "\n",
				"config.yaml": "version: 1\nprofiles:\n  production: {issuer: https://login.example.com}\n  staging:\n" +
					"  \"st$(touch made)\": {}\n",
				"broken.yaml":   "version: 1\nprofiles: [\n",
				"only-file.pem": "",
			} {
				path := filepath.Join(home, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for typed, want := range map[string]string{
				"sso-exec ku":                                       "sso-exec kube",
				"sso-exec config va":                                "sso-exec config validate",
				"sso-exec help conf":                                "sso-exec help config",
				"sso-exec kube --client-ce":                         "sso-exec kube --client-cert-file",
				"sso-exec kube --flow de":                           "sso-exec kube --flow device",
				"sso-exec kube --store=k":                           "sso-exec kube --store=keyring",
				"sso-exec token -o h":                               "sso-exec token -o header",
				"sso-exec kube --profile pro":                       "sso-exec kube --profile production",
				"sso-exec kube --profile st":                        "sso-exec kube --profile staging",
				"sso-exec kube --config broken.yaml --profile pro":  "sso-exec kube --config broken.yaml --profile pro",
				"sso-exec kube --ca-file only":                      "sso-exec kube --ca-file only-file.pem",
				"sso-exec kube --issuer only":                       "sso-exec kube --issuer only",
				"sso-exec config validate only":                     "sso-exec config validate only-file.pem",
				"SSO_EXEC_LOG_LEVEL=debug sso-exec kube --inter":    "SSO_EXEC_LOG_LEVEL=debug sso-exec kube --interactive",
				"sso-exec login --profile staging --organization o": "sso-exec login --profile staging --organization o",
			} {
				if got := completed(t, shell.name, shell.args, home, typed); got != want {
					t.Errorf("%s and Tab: %q, want %q", typed, got, want)
				}
			}
			if _, err := os.Stat(filepath.Join(home, "made")); err == nil {
				t.Error("a profile's name was run as a command")
			}
			if _, err := os.Stat(filepath.Join(home, ".cache", "sso-exec")); err == nil {
				t.Error("completing wrote into the cache")
			}
		})
	}
}

// completed returns what Tab makes of a line, in a shell of its own.
func completed(t *testing.T, name string, args []string, home, typed string) string {
	t.Helper()
	term := newTerminal(t, 80, 24)
	cmd := exec.Command(mustTool(t, name), args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + filepath.Dir(mustTool(t, "sso-exec")) + ":/usr/bin:/bin", "TERM=xterm",
		"LANG=C.UTF-8",
		"BASH_COMPLETION=" + mustTool(t, "bash_completion"), "SSO_EXEC_CONFIG=" + filepath.Join(home, "config.yaml")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.slave, term.slave, term.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p, err := spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { // a shell before a person does not heed SIGTERM, nor always SIGHUP
		p.signal(syscall.SIGKILL)
		<-p.done
	}()
	wait := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s. The terminal has:\n%s", typed, what, term.text())
			}
		}
	}
	wait("no prompt", func() bool { return strings.Contains(term.text(), "ready> ") })
	// The completed line is put in quotes and into a file: Ctrl-A and Ctrl-E go to
	// its beginning and its end.
	line := filepath.Join(home, "line")
	if err := os.Remove(line); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	term.press(typed + "\t")
	term.press("\x01printf '%s.' '\x05' >line.new; mv line.new line\r")
	var text []byte
	wait("no line", func() bool {
		var err error
		text, err = os.ReadFile(line)
		return err == nil
	})
	if strings.Contains(term.text(), "config:") {
		t.Errorf("%s: errors on the terminal:\n%s", typed, term.text())
	}
	return strings.TrimRight(strings.TrimSuffix(string(text), "."), " ")
}
