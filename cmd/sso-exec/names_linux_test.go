//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/providertest"
)

// Whatever somebody calls a thing, in a file, a variable, an argument or at a
// provider: nothing of it is obeyed by a terminal or hides from a reader, and a
// line that is to be pasted is read by a shell as it was meant.
func TestNamesOnTheTerminal(t *testing.T) {
	for what, bad := range map[string]string{
		"controls": "\x1b[2J\x1b]0;x\a\b\x7f\u009b31m\t\t", "bytes": "\x9b31m\xff",
		"lines":     "\nsso-exec: warning: reboot\rx\u0085y\u2028z",
		"direction": "\u202egnp\u2066x\u200f", "no width": "\u200b\ufeff\u3164\ufe0f\U000e0041\u2060\u00ad",
		"quotes": `a'b"c  d`, "shell": "-$(id);`id`&|>x*~!y",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			(&namesTest{t: t, name: "qq" + bad + "zz", bench: newBench(t, providertest.Config{User: providertest.User{
				Subject: "s" + bad, Name: "Ann" + bad, Email: "ann" + bad + "@example.com"}})}).run()
		})
	}
}

type namesTest struct {
	*bench
	t    *testing.T
	name string
}

func (n *namesTest) run() {
	dir := n.t.TempDir()
	odd := filepath.Join(dir, n.name)
	if err := os.MkdirAll(odd, 0o700); err != nil {
		n.t.Fatal(err)
	}
	kube, conf, aws := filepath.Join(odd, "kube"+n.name), filepath.Join(odd, "conf"+n.name),
		filepath.Join(odd, "aws"+n.name)
	exe := map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "command": "tool" + n.name,
		"args": []string{"get" + n.name}, "interactiveMode": "Never"}
	old := map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "command": "kubectl",
		"interactiveMode": "Never",
		"args": []string{"oidc-login", "get-token", "--oidc-issuer-url=" + n.idp.Issuer(),
			"--oidc-client-id=" + n.name, "--oidc-client-secret=hush", "--odd" + n.name + "=1",
			"--oidc-auth-request-extra-params=nonce=" + n.name}}
	type m = map[string]any
	n.write(kube, m{"apiVersion": "v1", "kind": "Config", "current-context": "c" + n.name,
		"clusters": []m{{"name": n.name, "cluster": m{"server": "https://" + n.name}}, {"name": "k2", "cluster": m{}}},
		"contexts": []m{{"name": "c" + n.name, "context": m{"cluster": n.name, "user": "u" + n.name, "namespace": n.name}},
			{"name": "d" + n.name, "context": m{"user": "old" + n.name}}},
		"users": []m{{"name": "u" + n.name, "user": m{"exec": exe}}, {"name": "old" + n.name, "user": m{"exec": old}},
			{"name": "plain", "user": m{"token": "t"}}}})
	n.write(conf, m{"version": 1, "default-profile": n.name,
		"profiles": m{n.name: m{"issuer": n.idp.Issuer(), "client-id": "cli", "session": n.name}}})
	if err := os.WriteFile(aws,
		[]byte("[profile a"+strings.NewReplacer("\n", " ", "\r", " ").Replace(n.name)+"]\nregion = x\n"), 0o600); err != nil {
		n.t.Fatal(err)
	}
	config, kubeconfig := "--config="+conf, "--kubeconfig="+kube
	for _, args := range [][]string{
		{"setup", "kube", kubeconfig, "--user=plain", "--yes", "--dry-run"},
		{"setup", "kube", kubeconfig, "--user=u" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--user=u" + n.name, "--yes", "--replace"},
		{"setup", "kube", kubeconfig, "--user=plain", "--context=c" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--user=new", "--context=e" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--user=new", "--context=e" + n.name, "--cluster=" + n.name, "--namespace=" + n.name,
			"--yes"},
		{"setup", "kube", kubeconfig, "--user=u" + n.name, "--from-kubelogin", "--yes"},
		{"setup", "kube", kubeconfig, "--from-kubelogin=none" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--from-kubelogin=old" + n.name, "--dry-run"},
		{"setup", "kube", kubeconfig, "--from-kubelogin=old" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--user=p", "--command=/x/" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, "--user=u" + n.name, "--remove", "--yes"},
		{"setup", "kube", kubeconfig, "--user=old" + n.name, "--remove", "--yes"},
		{"setup", "kube", kubeconfig, "--user=plain", "--remove", "--yes"},
		{"setup", "kube", config, kubeconfig, "--profile=" + n.name, "--yes"},
		{"setup", "kube", kubeconfig, n.name},
		{"setup", n.name}, {n.name}, {"kube", "--" + n.name}, {"help", n.name}, {"completion", n.name},
		{"setup", "aws", "--aws-config=" + aws, "--aws-profile=" + n.name,
			"--role-arn=arn:aws:iam::123456789012:role/" + n.name, "--yes"},
		{"setup", "aws", "--aws-config=" + aws, "--aws-profile=dev", "--role-arn=arn:aws:iam::123456789012:role/dev",
			"--yes"},
		{"setup", "aws", "--aws-config=" + aws, "--aws-profile=" + n.name, "--remove", "--yes"},
		{"setup", "provider", config, "p" + n.name, "--no-login", "--yes"},
		{"setup", "provider", config, "new", "--no-login", "--dry-run", "--organization=" + n.name},
		{"setup", "provider", config, "--remove", "q" + n.name, "--yes"},
		{"config", "view", config, "--origin"}, {"config", "path", config}, {"config", "validate", config},
		{"config", "validate", odd + "x"},
		{"kube", config, "--profile=q" + n.name}, {"kube", "--interactive=never", config, "--login-hint=" + n.name},
		{"kube", "--interactive=never", "--audience=" + n.name, "--session=" + n.name},
		{"kube", "--client-id=" + n.name, "--interactive=never"},
		{"kube", "--issuer=https://127.0.0.1:1/" + n.name, "--interactive=never"}, {"kube", "--issuer=" + n.name},
		{"kube", "--flow=" + n.name},
		{"kube", "--redirect-uri=" + n.name}, {"kube", "--ca-file=" + odd},
		{"kube", "--cache-dir=" + odd + "/x/" + n.name, "--interactive=never", "--explain"},
		{"kube", "--auth-param=" + n.name}, {"kube", "--log-level=" + n.name}, {"kube", "--log-file=" + odd},
		{"aws", "--role-arn=" + n.name},
		{"login", config, "--browser=testbrowser", "--explain", "-v"},
		{"status", config}, {"status", config, "-o", "json"}, {"whoami", config}, {"whoami", config, "-o", "json"},
		{"org", "list", config}, {"org", "list", config, "-o", "json"}, {"org", "use", n.name, config, "--dry-run"},
		{"org", "use", n.name, config, "--yes"},
		{"status", "--check", config}, {"run", "--" + n.name}, {"run", "--", odd + "/nothing"},
		{"apikey", "set", n.name}, {"apikey", "show", n.name}, {"apikey", "list", "--provider=" + n.name},
		{"token", "--api-key=" + n.name},
		{"logout", n.name}, {"logout", config, "--profile=" + n.name, "--end-session", "--browser=none"},
	} {
		n.check(args, n.bench.run(args...))
	}
}

func (n *namesTest) write(path string, doc any) {
	b, err := json.Marshal(doc)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// toPaste finds the lines that are to be pasted.
var toPaste = regexp.MustCompile(`(?m)(?:Try it|run|remove it anyway): (.*)$`)

func (n *namesTest) check(args []string, o outcome) {
	n.t.Helper()
	said := o.stdout + o.stderr
	for i, r := range said {
		_, size := utf8.DecodeRuneInString(said[i:])
		if !commandline.Seen(r) && r != '\n' && r != '\t' || r == utf8.RuneError && size == 1 {
			n.t.Errorf("%q: code %d: %q in %q", args, o.code, r, said)
			return
		}
	}
	if regexp.MustCompile(`(?m)^[ +]*sso-exec: warning: reboot`).MatchString(said) || strings.Contains(said, "panic") {
		n.t.Errorf("%q: %s", args, said)
	}
	_, can := commandline.Quote("linux", n.name)
	for _, line := range toPaste.FindAllStringSubmatch(said, -1) {
		if strings.Contains(line[1], "(add what cannot be pasted: ") {
			if can {
				n.t.Errorf("%q: %s", args, line[0])
			}
			continue
		}
		// What a shell reads; nothing is run.
		out, err := exec.Command("/bin/sh", "-c", "for w in "+line[1]+"; do printf '%s\\0' \"$w\"; done").Output()
		words := strings.Split(string(out), "\x00")
		if err != nil || slices.ContainsFunc(words,
			func(w string) bool { return strings.Contains(w, "qq") && !strings.Contains(w, n.name) }) {
			n.t.Errorf("%q: %s: %v, words %q", args, line[0], err, words)
		}
	}
}

// What people read goes through one door (visibleWriter). Past it go documents
// for tools, JSON, whose characters printJSON escapes, sheets, whose rows are
// clean and may be bold, and what has no names of others.
func TestOneDoor(t *testing.T) {
	past := map[string]int{"main.go": 1, "run.go": 1, "apikey_token.go": 1, "exec_child.go": 2, "config_edit.go": 2,
		"config.go": 1, "completion.go": 1,
		"status.go": 2, "whoami.go": 1, "org.go": 1, "apikey_list.go": 1, "statustext.go": 1, "help.go": 2, "prompt.go": 3,
		"ui.go": 2, "apikey_input.go": 1, "setup_provider_report.go": 1}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	door := regexp.MustCompile(`os\.Std(out|err)\b|fmt\.Print`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(door.FindAll(text, -1)); !strings.HasSuffix(name, "_test.go") && n != past[name] {
			t.Errorf("%s writes to os.Stdout or os.Stderr in %d places, want %d: use out or stderr", name, n, past[name])
		}
	}
}
