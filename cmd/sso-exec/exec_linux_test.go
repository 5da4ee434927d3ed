package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// runBench is a bench with a role, where somebody is signed in.
func runBench(t *testing.T, c providertest.Config, life time.Duration) (*bench, *providertest.STS) {
	t.Helper()
	b := newBench(t, c)
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp, KeyLifetime: life})
	b.setenv("SSO_EXEC_STS_ENDPOINT", sts.URL())
	b.setenv("SSO_EXEC_ROLE_ARN", "arn:aws:iam::123456789012:role/dev")
	b.mustRun(t, "login", "--browser", "testbrowser")
	return b, sts
}

// Both ways to run a command: in the place of this process, and next to it.
var runWays = map[string][]string{"become": {"run"}, "attend": {"run", "--renew"}}

// TestRunSignals: what is sent to us reaches the command, which decides. Nobody
// of these processes has a terminal.
func TestRunSignals(t *testing.T) {
	b, _ := runBench(t, providertest.Config{}, 0)
	for way, args := range runWays {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
			syscall.SIGUSR1, syscall.SIGUSR2} {
			// It goes on after a signal, and ends with an exit code of its own.
			p := b.start(t, append(args, "--", "sh", "-c",
				fmt.Sprintf("trap 'echo got; exit 9' %d; echo ready; while :; do sleep 0.02; done", sig))...)
			until(t, "the command runs", func() bool { return strings.Contains(p.stdout.String(), "ready") || !p.running() })
			p.signal(sig)
			if o := p.wait(t); o.code != 9 || o.stdout != "ready\ngot\n" || o.stderr != "" || p.died {
				t.Errorf("%s, %v, handled: %+v", way, sig, o)
			}
			// It dies of a signal, and we of the same, or with its number.
			p = b.start(t, append(args, "--", "sh", "-c", "echo ready; exec sleep 1000")...)
			until(t, "the command runs", func() bool { return strings.Contains(p.stdout.String(), "ready") || !p.running() })
			p.signal(sig)
			o := p.wait(t)
			if o.code != 128+int(sig) || o.stderr != "" {
				t.Errorf("%s, %v: %+v", way, sig, o)
			}
			if same := sig == syscall.SIGINT || sig == syscall.SIGTERM || sig == syscall.SIGHUP; !p.died && same {
				t.Errorf("%s, %v: a shell would see an exit code", way, sig)
			}
			if left := orphans(p.pid(), ""); len(left) > 0 {
				t.Errorf("%s, %v: still running: %q", way, sig, left)
			}
		}
	}
}

// TestRunKilled: a command that crashed, and we who are killed.
func TestRunKilled(t *testing.T) {
	b, _ := runBench(t, providertest.Config{}, 0)
	for way, args := range runWays {
		for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGKILL} {
			p := b.start(t, append(args, "--", "sh", "-c", fmt.Sprintf("kill -%d $$", sig))...)
			if o := p.wait(t); o.code != 128+int(sig) || o.stderr != "" {
				t.Errorf("%s, the command dies of %v: %+v", way, sig, o)
			}
		}
		p := b.start(t, append(args, "--", "sh", "-c", "echo ready; exec sleep 1000")...)
		until(t, "the command runs", func() bool { return strings.Contains(p.stdout.String(), "ready") || !p.running() })
		p.signal(syscall.SIGKILL)
		p.wait(t)
		until(t, way+": the command ends with us", func() bool { return len(orphans(p.pid(), "")) == 0 })
	}
}

// TestRunIgnoredSignals: what nohup has us ignore, the command ignores.
func TestRunIgnoredSignals(t *testing.T) {
	b, _ := runBench(t, providertest.Config{}, 0)
	for way, args := range runWays {
		line := fmt.Sprintf("trap '' HUP INT; exec %s %s -- grep SigIgn /proc/self/status", b.bin, strings.Join(args, " "))
		p := startCommand(t, b.env, "sh", "-c", line)
		var mask uint64
		o := p.wait(t)
		if _, err := fmt.Sscanf(o.stdout, "SigIgn:\t%x", &mask); err != nil || mask&3 != 3 {
			t.Errorf("%s: %+v", way, o)
		}
		p = startCommand(t, b.env, b.bin, append(args, "--", "grep", "-E", "Sig(Ign|Blk)", "/proc/self/status")...)
		o = p.wait(t)
		for line := range strings.Lines(o.stdout) {
			name, digits, _ := strings.Cut(line, ":")
			// Those from 32 on are the C library's, and whoever started the tests may
			// ignore some.
			if mask, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64); err != nil || mask&(1<<31-1) != 0 {
				t.Errorf("%s: signals are ignored or blocked for the command: %s %s", way, name, digits)
			}
		}
	}
}

// TestRunFiles: a shell's process substitution hands files over by number.
func TestRunFiles(t *testing.T) {
	b, _ := runBench(t, providertest.Config{}, 0)
	for way, args := range runWays {
		p := startCommand(t, b.env, "sh", "-c", fmt.Sprintf("exec 5<<X\nhanded over\nX\n"+
			"%s %s -- sh -c 'cat <&5'; ls -l /proc/self/fd >/dev/null", b.bin, strings.Join(args, " ")))
		if o := p.wait(t); o.stdout != "handed over\n" {
			t.Errorf("%s: %+v", way, o)
		}
		// And none of our files goes with them.
		const list = "ls /proc/self/fd"
		want := startCommand(t, b.env, "sh", "-c", "exec "+list).wait(t)
		p = startCommand(t, b.env, "sh", "-c", fmt.Sprintf("exec %s %s -- %s", b.bin, strings.Join(args, " "), list))
		if o := p.wait(t); o.stdout != want.stdout {
			t.Errorf("%s: files %q, want %q", way, o.stdout, want.stdout)
		}
	}
}

// renewing starts run --renew with a command that waits, and returns the
// endpoint that it was given.
func renewing(t *testing.T, b *bench, args ...string) (p *proc, url, token string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "env")
	p = b.start(t, append(append([]string{"run", "--renew"}, args...), "--", "sh", "-c",
		"env >"+out+".new; mv "+out+".new "+out+"; exec sleep 1000")...)
	t.Cleanup(func() { p.signal(syscall.SIGTERM); p.wait(t) })
	until(t, "the command runs", func() bool {
		text, err := os.ReadFile(out)
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "AWS_CONTAINER_CREDENTIALS_FULL_URI":
				url = value
			case "AWS_CONTAINER_AUTHORIZATION_TOKEN":
				token = value
			}
		}
		return err == nil || !p.running()
	})
	if url == "" {
		t.Fatalf("no endpoint: %s", p.stderr.String())
	}
	return p, url, token
}

// TestRunRenews: keys that near their end are replaced, by a refresh and an
// exchange, without a word; and what an SDK gets always lasts.
func TestRunRenews(t *testing.T) {
	t.Parallel()
	b, sts := runBench(t, providertest.Config{AccessTokenLifetime: 3 * time.Second, IDTokenLifetime: 3 * time.Second},
		4*time.Second)
	p, url, token := renewing(t, b)
	seen := map[string]bool{}
	until(t, "keys are renewed", func() bool {
		now := time.Now().Truncate(time.Second)
		a := getKeys(t, url, token)
		if a.status != 200 || a.Expiration.Before(now) {
			t.Fatalf("%+v; stderr: %s", a, p.stderr.String())
		}
		seen[a.AccessKeyID] = true
		return len(seen) == 3
	})
	if issued, n := len(sts.Issued()), b.idp.Requests().RefreshToken; issued < 3 || n == 0 || n > issued {
		t.Errorf("%d sets of keys were issued, after %d refreshes", issued, n)
	}
	if p.stderr.String() != "" {
		t.Errorf("stderr: %s", p.stderr.String())
	}

	// The provider ends the session: the SDK hears what to do, nobody is prompted,
	// and after that was done the endpoint works again.
	b.idp.RevokeSession("alice")
	var a keysAnswer
	until(t, "the keys end", func() bool { a = getKeys(t, url, token); return a.status != 200 })
	if a.status != 403 || !strings.Contains(a.Message, "the session has ended") ||
		!strings.Contains(a.Message, "to sign in, run: sso-exec login") || p.stderr.String() != "" {
		t.Errorf("%+v; stderr: %s", a, p.stderr.String())
	}
	b.mustRun(t, "login", "--browser", "testbrowser")
	until(t, "the new session is used", func() bool { return getKeys(t, url, token).status == 200 })

	// The provider is down.
	b.idp.Fault(providertest.RefreshToken, providertest.Fault{Status: 503})
	until(t, "the keys end", func() bool { a = getKeys(t, url, token); return a.status != 200 })
	if a.status != 503 || a.Code != "Unavailable" {
		t.Errorf("%+v", a)
	}

	p.signal(syscall.SIGTERM)
	if o := p.wait(t); o.code != 128+15 || o.stderr != "" {
		t.Errorf("%+v", o)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/credentials")
	if conn, err := net.Dial("tcp", host); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
}

// TestRunEndsDuringRefresh: the command ends while the provider has rotated the
// refresh token and has not said so yet. That is waited for.
func TestRunEndsDuringRefresh(t *testing.T) {
	b, _ := runBench(t, providertest.Config{AccessTokenLifetime: 3 * time.Second, IDTokenLifetime: 3 * time.Second},
		4*time.Second)
	p, url, token := renewing(t, b)
	g := b.gate(t)
	arrived := false
	until(t, "a refresh arrives at the provider", func() bool {
		getKeys(t, url, token)
		select {
		case <-g.arrived:
			arrived = true
		default:
		}
		return arrived
	})
	p.signal(syscall.SIGTERM)
	until(t, "the command ends", func() bool { return len(orphans(p.pid(), "")) == 1 }) // we
	p.settled(t)
	if !p.running() {
		t.Error("the answer was not waited for")
	}
	g.open()
	if o := p.wait(t); o.code != 128+15 {
		t.Errorf("%+v", o)
	}
	if !b.live(t) {
		t.Error("the stored refresh token is not the live one")
	}
}

// TestRunEnvironmentIsClean: none of our secrets is in a command's environment but
// what it is for, and no argument of it is changed.
func TestRunEnvironmentIsClean(t *testing.T) {
	b, sts := runBench(t, providertest.Config{}, 0)
	b.setenv("SSO_EXEC_CLIENT_SECRET", "")
	for way, args := range runWays {
		p := startCommand(t, b.env, b.bin, append(args, "--", "cat", "/proc/self/environ")...)
		o := p.wait(t)
		last, keys := b.idp.LastTokens(), sts.Issued()
		for _, secret := range []string{last.AccessToken, last.IDToken, last.RefreshToken, b.storedToken(t)} {
			if secret != "" && strings.Contains(o.stdout, secret) {
				t.Errorf("%s: a token is in the environment", way)
			}
		}
		if has := strings.Contains(o.stdout, keys[len(keys)-1].SecretAccessKey); has != (way == "become") || o.code != 0 {
			t.Errorf("%s: %+v", way, o)
		}
	}
}
