package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

const gitAsks = "protocol=https\nhost=git.example.com\n"

// git runs the helper as git does.
func (b *bench) git(op, stdin string) outcome { return b.asked(stdin, "git", op) }

// asked runs the binary with a request on stdin.
func (b *bench) asked(stdin string, args ...string) outcome {
	cmd := exec.Command(b.bin, args...)
	cmd.Env, cmd.Stdin = b.env, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestGitStorm: thirty helpers at once at a token that has expired, and thirty that
// all hear that it was refused: one refresh each time.
func TestGitStorm(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_HOST=git.example.com", "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto", "--token-type", "access")
	refused := b.git("get", gitAsks).stdout
	b.helpers(t, "a 401", "username=oauth2\npassword=", refused, func() outcome {
		if o := b.git("erase", gitAsks+refused); o != (outcome{}) {
			t.Errorf("erase: %+v", o)
		}
		return b.git("get", gitAsks)
	})
	b.expire(t)
	b.helpers(t, "expired", "username=oauth2\npassword=", refused, func() outcome { return b.git("get", gitAsks) })
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
}

// helpers runs thirty at once: all have the same new answer, by one refresh.
func (b *bench) helpers(t *testing.T, name, begins, before string, one func() outcome) {
	t.Helper()
	b.idp.ResetRequests()
	answers := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			o := one()
			mu.Lock()
			defer mu.Unlock()
			if answers[o.stdout]++; o.code != 0 ||
				o.stderr != "" && !strings.Contains(o.stderr, "waiting for another") || !strings.HasPrefix(o.stdout, begins) {
				t.Errorf("%s: %+v", name, o)
			}
		})
	}
	wg.Wait()
	if c := b.idp.Requests(); c.RefreshToken != 1 || len(answers) != 1 || answers[before] != 0 {
		t.Errorf("%s: %d refreshes, %d answers, %d with the token of before", name, c.RefreshToken, len(answers),
			answers[before])
	}
}

// TestDockerStorm: the same of docker, whose erase does not say which token.
func TestDockerStorm(t *testing.T) {
	const asks = "docker.example.com"
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_HOST="+asks, "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto", "--token-type", "access")
	const begins = `{"ServerURL":"` + asks + `","Username":"oauth2accesstoken","Secret":"`
	get := func() outcome { return b.asked(asks, "docker", "get") }
	first := get().stdout
	b.helpers(t, "erased", begins, first, func() outcome {
		if o := b.asked(asks, "docker", "erase"); o.code != 0 || o.stdout != "" {
			t.Errorf("erase: %+v", o)
		}
		return get()
	})
	b.expire(t)
	b.helpers(t, "expired", begins, first, get)
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
}

// TestTerraformStorm: the same at a token that has expired; of a refusal Terraform tells
// nobody.
func TestTerraformStorm(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_HOST=app.example.com", "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto", "--token-type", "access")
	get := func() outcome { return b.run("terraform", "get", "app.example.com") }
	first := get().stdout
	b.expire(t)
	b.helpers(t, "expired", `{"token":"`, first, get)
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
}

// TestCargoStorm: the same of cargo, which does not say which token was refused.
func TestCargoStorm(t *testing.T) {
	const asks = `{"v":1,"registry":{"index-url":"sparse+https://cargo.example.com/"%s},"kind":"get","operation":"read"}`
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_HOST=cargo.example.com", "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto", "--token-type", "access")
	cargo := func(headers string) outcome { return b.asked(fmt.Sprintf(asks, headers), "cargo", "--cargo-plugin") }
	const begins = `{"v":[1]}` + "\n" + `{"Ok":{"kind":"get","token":"Bearer `
	first := cargo("").stdout
	b.helpers(t, "a 401", begins, first, func() outcome {
		return cargo(`,"headers":["WWW-Authenticate: Bearer error=\"invalid_token\""]`)
	})
	b.expire(t)
	b.helpers(t, "expired", begins, first, func() outcome { return cargo("") })
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
}

// TestHelperStorm: the same of bazel and keyring, at a token that has expired.
func TestHelperStorm(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_HOST=h.example.com", "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto", "--token-type", "access")
	bazel := func() outcome { return b.asked(`{"uri":"https://h.example.com/"}`, "bazel", "get") }
	keyring := func() outcome { return b.run("keyring", "get", "https://h.example.com/", "oauth2") }
	first := bazel().stdout
	b.expire(t)
	b.helpers(t, "bazel", `{"headers":{"Authorization":["Bearer `, first, bazel)
	first = keyring().stdout
	b.expire(t)
	b.helpers(t, "keyring", "", first, keyring)
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
}
