package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// initialised runs the command and tells which packages it has initialised.
func (b *bench) initialised(env []string, args ...string) (packages []string, o outcome) {
	traced := *b
	traced.env = append(append(b.env[:len(b.env):len(b.env)], "GODEBUG=inittrace=1"), env...)
	o = traced.run(args...)
	trace := regexp.MustCompile(`(?m)^init (\S+) @.*\n`)
	for _, m := range trace.FindAllStringSubmatch(o.stderr, -1) {
		packages = append(packages, m[1])
	}
	o.stderr = trace.ReplaceAllString(o.stderr, "")
	return packages, o
}

// fast reports whether the command answered before its other packages were initialised.
func (b *bench) fast(args ...string) (bool, outcome) {
	packages, o := b.initialised(nil, args...)
	return len(packages) <= 30 && !strings.Contains(strings.Join(packages, " "), "net/http"), o
}

// warm calls until the answer is a remembered one.
func (b *bench) warm(t *testing.T, args ...string) outcome {
	t.Helper()
	for range 100 {
		if fast, o := b.fast(args...); fast && o.code == 0 {
			return o
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("sso-exec %s is never answered from memory", strings.Join(args, " "))
	return outcome{}
}

// signedIn is a bench with a profile and a session.
func signedIn(t *testing.T, c providertest.Config) (b *bench, config string) {
	t.Helper()
	b = newBench(t, c)
	config = filepath.Join(t.TempDir(), "config.yaml")
	b.env = append(b.env, "SSO_EXEC_CONFIG="+config)
	b.config(t, config, "")
	b.mustRun(t, "login", "--browser", "testbrowser", "--profile", "corp")
	return b, config
}

func (b *bench) config(t *testing.T, path, more string) {
	t.Helper()
	text := "version: 1\nprofiles:\n  corp:\n    issuer: " + b.idp.Issuer() + "\n    client-id: cli\n" + more
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFast: a repeated answer is the same, from a few packages, files and directories.
func TestFast(t *testing.T) {
	b, config := signedIn(t, providertest.Config{})
	b.config(t, config, "    gcp-audiences: [//iam.googleapis.com/a]\n    hosts: [pypi.example.com, tf.example.com]\n")
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp, Region: "eu-central-1"})
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "AWS_REGION=eu-central-1",
		"SSO_EXEC_ROLE_ARN=arn:aws:iam::123456789012:role/dev", "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=//iam.googleapis.com/a",
		"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=urn:ietf:params:oauth:token-type:id_token",
		"AWS_BEARER_TOKEN_BEDROCK=hunter2", "XDG_ACTIVATION_TOKEN=hunter2")
	for _, args := range [][]string{
		{"kube"}, {"kube", "--profile", "corp"}, {"token"}, {"token", "-n", "--token-type=id"}, {"token", "-o", "json"},
		{"token", "-o", "header"}, {"token", "--for", "https://api.example.com/x", "--host", "api.example.com"},
		{"aws"}, {"eks", "--cluster", "prod"}, {"gcp", "--profile", "corp"},
		{"terraform", "get", "tf.example.com", "--profile", "corp"},
		{"keyring", "get", "https://pypi.example.com/simple", "alice", "--profile", "corp"},
	} {
		first := b.mustRun(t, args...)
		if o := b.warm(t, args...); o != first || o.stdout == "" {
			t.Errorf("%v: %+v, want %+v", args, o, first)
		}
		packages, _ := b.initialised(nil, args...)
		for _, p := range packages {
			if p == "reflect" || p == "net" || p == "crypto/tls" || strings.Contains(p, "yaml") {
				t.Errorf("%v: %s is initialised", args, p)
			}
		}
	}
	secret := b.mustRun(t, "token", "-n").stdout + "|hunter2"
	text, err := exec.Command("grep", "-rlE", secret, filepath.Join(b.dir, "answers")).Output()
	if err == nil || len(text) > 0 {
		t.Errorf("a secret is in %s", text)
	}
	for i := range 10_000 { // of other people and providers: they change nothing
		path := filepath.Join(b.dir, "sessions", fmt.Sprintf("%064x.json", i))
		if err := os.WriteFile(path, []byte(`{"version":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trace := filepath.Join(t.TempDir(), "trace")
	traced := exec.Command("strace", "-f", "-e", "trace=openat,open,getdents64", "-o", trace, b.bin, "kube")
	traced.Env = b.env
	if out, err := traced.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, "openat(") && !strings.Contains(line, `"/sys/`) && !strings.Contains(line, `"/proc/`) {
			opened++ // /sys and /proc are the runtime's
		}
	}
	if opened != 6 || strings.Contains(string(lines), "getdents64") {
		t.Errorf("%d opened, want two files and four directories, none of them listed:\n%s", opened, lines)
	}
	traced = exec.Command(b.bin, "kube")
	traced.Env = b.env
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var stderr strings.Builder
	traced.Stdout, traced.Stderr = full, &stderr
	if err := traced.Run(); traced.ProcessState.ExitCode() != 1 || !strings.HasPrefix(stderr.String(), "sso-exec: ") {
		t.Errorf("a full disk: %v, %q", err, stderr.String())
	}
}

// TestFastKind: what starts needs no other program to load it, and is not moved before it
// runs (PIE): either costs half as much as all else of a repeated answer.
func TestFastKind(t *testing.T) {
	f, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loaded := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if f.Type != elf.ET_EXEC || loaded {
		t.Errorf("the binary is %v, with an interpreter: %v", f.Type, loaded)
	}
}

// TestFastSees: each change is seen at the very next call.
func TestFastSees(t *testing.T) {
	t.Parallel()
	kube := []string{"kube", "--profile", "corp", "--interactive", "never"}
	for name, c := range map[string]struct {
		change func(t *testing.T, b *bench, config string)
		env    string
		code   int
		same   bool // the token
	}{
		"a refresh": {change: func(t *testing.T, b *bench, _ string) { b.mustRun(t, append(kube, "--force")...) }},
		"a logout":  {change: func(t *testing.T, b *bench, _ string) { b.mustRun(t, "logout", "corp") }, code: 3},
		"a sign-in": {change: func(t *testing.T, b *bench, _ string) {
			b.mustRun(t, "login", "--browser", "testbrowser", "--profile", "corp")
		}},
		"the profile": {change: func(t *testing.T, b *bench, config string) { b.config(t, config, "    scopes: [groups]\n") },
			code: 3},
		"no config": {change: func(t *testing.T, _ *bench, config string) { _ = os.Remove(config) }, code: 2},
		"a broken config": {change: func(t *testing.T, b *bench, config string) { b.config(t, config, "    scope: x\n") },
			code: 2},
		"a loose config": {change: func(_ *testing.T, _ *bench, config string) { _ = os.Chmod(config, 0o666) }, code: 6},
		//nolint:gosec // the point
		"a loose token": {change: func(t *testing.T, b *bench, _ string) {
			for _, path := range b.files(t, "tokens/*/*") {
				_ = os.Chmod(path, 0o644) //nolint:gosec // the point
			}
		}, code: 6},
		"a token that was replaced": {change: func(t *testing.T, b *bench, _ string) { b.shift(t, time.Second) }, same: true},
		"a token that ended":        {change: func(t *testing.T, b *bench, _ string) { b.expire(t) }},
		"the CA": {change: func(t *testing.T, b *bench, _ string) {
			for _, kv := range b.env {
				if path, ok := strings.CutPrefix(kv, "SSO_EXEC_CA_FILE="); ok {
					_ = os.WriteFile(path, []byte("no certificate"), 0o600)
				}
			}
		}, code: 2},
		"a variable":           {env: "SSO_EXEC_AUDIENCE=other", code: 3},
		"KUBERNETES_EXEC_INFO": {env: `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v0"}`, code: 2},
		"another home":         {env: "HOME=/nonexistent", same: true},
		"an agent, with a profile": {change: func(t *testing.T, b *bench,
			config string) {
			b.config(t, config, "    agents: deny\n")
		}, env: "CLAUDECODE=1", code: 7},
		"the entry": {change: func(t *testing.T, b *bench, _ string) {
			for _, path := range b.files(t, "answers/*") {
				_ = os.Truncate(path, 100)
			}
		}, same: true},
		"another program": {change: func(t *testing.T, b *bench, _ string) {
			text, err := os.ReadFile(b.bin)
			if err != nil {
				t.Fatal(err)
			}
			b.bin = filepath.Join(t.TempDir(), "sso-exec")
			if err := os.WriteFile(b.bin, text, 0o700); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
		}, same: true},
	} {
		t.Run(name, func(t *testing.T) {
			b, config := signedIn(t, providertest.Config{})
			before := tokenOf(t, b.warm(t, kube...))
			if c.change != nil {
				c.change(t, b, config)
			}
			packages, o := b.initialised([]string{c.env}, kube...)
			if len(packages) < 60 {
				t.Errorf("it is answered from memory: %+v", o)
			}
			if o.code != c.code {
				t.Fatalf("%+v, want exit code %d", o, c.code)
			}
			if c.code == 0 && (tokenOf(t, o) == before) != c.same {
				t.Errorf("the token: the same: %v, want %v", !c.same, c.same)
			}
		})
	}
}

func (b *bench) files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s (%v)", pattern, err)
	}
	return paths
}

func tokenOf(t *testing.T, o outcome) string {
	t.Helper()
	var doc struct{ Status struct{ Token string } }
	if err := json.Unmarshal([]byte(o.stdout), &doc); err != nil || doc.Status.Token == "" {
		t.Fatalf("no token: %+v", o)
	}
	return doc.Status.Token
}

// TestFastEnds: an answer is remembered for as long as the token is good, and no longer.
func TestFastEnds(t *testing.T) {
	b := newBench(t, providertest.Config{AccessTokenLifetime: time.Minute, IDTokenLifetime: time.Minute})
	b.mustRun(t, "login", "--browser", "testbrowser")
	args := []string{"kube", "--min-ttl", "55s"}
	before := tokenOf(t, b.warm(t, args...))
	time.Sleep(5 * time.Second)
	if fast, o := b.fast(args...); fast || tokenOf(t, o) == before {
		t.Errorf("a token that is no longer good enough: from memory: %v, %+v", fast, o)
	}
}

// TestFastKeepsNothing: what may be stored nowhere, or is to be recorded, is not remembered.
func TestFastKeepsNothing(t *testing.T) {
	for _, args := range [][]string{{"--audit", "all"}, {"--store", "none"}, {"--log-file", "LOG"}, {"-v"}, {"--explain"},
		{"--config", "relative.yaml"}, {"--host", "api.example.com", "--for", "https://api.example.com/?key=x"},
		{"--host", "api.example.com", "-o", "headers"}} {
		b, config := signedIn(t, providertest.Config{})
		b.env = append(b.env, "CLAUDE_CODE_MCP_SERVER_URL=https://api.example.com/?key=x")
		b.cwd = filepath.Dir(config)
		if err := os.Link(config, filepath.Join(b.cwd, "relative.yaml")); err != nil {
			t.Fatal(err)
		}
		for i := range args {
			args[i] = strings.Replace(args[i], "LOG", filepath.Join(b.cwd, "log"), 1)
		}
		for range 3 {
			b.run(append([]string{"token", "--interactive", "never"}, args...)...)
			time.Sleep(110 * time.Millisecond)
		}
		if found, _ := filepath.Glob(filepath.Join(b.dir, "answers", "*")); len(found) > 0 {
			t.Errorf("%v: %v", args, found)
		}
	}
}

// TestFastAsksStdin: what a request on stdin asks for is no part of the key, so that no
// answer to one is remembered.
func TestFastAsksStdin(t *testing.T) {
	b, config := signedIn(t, providertest.Config{})
	b.config(t, config, "    hosts: [git.example.com]\n")
	for _, host := range []string{"git.example.com", "git.example.com", "git.example.com", "evil.example.com"} {
		cmd := exec.Command(b.bin, "git", "get", "--profile", "corp", "--interactive", "never")
		cmd.Env, cmd.Stdin = b.env, strings.NewReader("protocol=https\nhost="+host+"\n\n")
		out, err := cmd.Output()
		if has := strings.Contains(string(out), "password="); err != nil || has != (host == "git.example.com") {
			t.Errorf("%s: a password: %v, %v", host, has, err)
		}
		time.Sleep(110 * time.Millisecond)
	}
}

// TestFastWaits: nothing is remembered of a file that changed a moment ago: within a tick
// of the file system's clock a further change does not show.
func TestFastWaits(t *testing.T) {
	b, config := signedIn(t, providertest.Config{})
	b.config(t, config, "")
	for _, changed := range []time.Duration{time.Hour, -time.Hour} { // a time that is never over, and one that is
		at := time.Now().Add(changed)
		if err := os.Chtimes(config, at, at); err != nil {
			t.Fatal(err)
		}
		time.Sleep(110 * time.Millisecond) // the token's file, and the inode, have settled
		b.mustRun(t, "token", "--profile", "corp")
		found, _ := filepath.Glob(filepath.Join(b.dir, "answers", "*"))
		if want := changed < 0; len(found) > 0 != want {
			t.Errorf("changed %v from now: remembered %q", changed, found)
		}
	}
}

// TestFastKeepsNoSecret: an address with a password, or with a query, which may be a key,
// is remembered of no call, whether the call reads it or not.
func TestFastKeepsNoSecret(t *testing.T) {
	b, config := signedIn(t, providertest.Config{})
	b.config(t, config, "    hosts: [pypi.example.com]\n")
	for _, c := range []struct{ args, env string }{
		{args: "keyring get https://pypi.example.com/simple/?key=hunter2 alice"},
		{args: "token --for=https://pypi.example.com/?key=hunter2"},
		{"kube", "CLAUDE_CODE_MCP_SERVER_URL=https://alice:hunter2@mcp.example.com/"},
		{"kube", "AWS_ENDPOINT_URL=https://alice:hunter2@aws.example.com/"},
		{"kube", "SSO_EXEC_FOR=https://pypi.example.com/?key=hunter2"},
		{"token --for https://pypi.example.com/", "SSO_EXEC_FOR=https://pypi.example.com/?key=hunter2"},
		{"kube", `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",` +
			`"spec":{"cluster":{"server":"alice:hunter2@kube.example.com"}}}`},
	} {
		b := *b
		b.env = append(b.env[:len(b.env):len(b.env)], c.env)
		for range 3 {
			b.mustRun(t, append(strings.Fields(c.args), "--profile", "corp")...)
			time.Sleep(110 * time.Millisecond)
		}
		if out, err := exec.Command("grep", "-rl", "hunter2", b.dir).Output(); err == nil || len(out) > 0 {
			t.Errorf("%+v: a secret is in %s", c, out)
		}
	}
	b.warm(t, "token", "--for", "https://pypi.example.com/", "--profile", "corp")
}

// TestFastBound: the answers are bounded in number.
func TestFastBound(t *testing.T) {
	b, _ := signedIn(t, providertest.Config{})
	b.warm(t, "token")
	for i := range 300 {
		path := filepath.Join(b.dir, "answers", "planted"+string(rune('a'+i%26))+strings.Repeat("x", i/26))
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	b.warm(t, "token", "-n")
	if n := len(b.files(t, "answers/*")); n > 256 {
		t.Errorf("%d entries", n)
	}
	if fast, _ := b.fast("token"); !fast {
		t.Error("the newest were removed")
	}
}
