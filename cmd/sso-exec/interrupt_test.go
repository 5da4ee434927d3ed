//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/providertest"
)

var ending = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// gate holds the provider's answers to refreshes back: the token is rotated,
// and the client does not know yet.
type gate struct {
	arrived chan struct{}
	open    func()
}

func (b *bench) gate(t testing.TB) *gate {
	opened := make(chan struct{})
	g := &gate{arrived: make(chan struct{}, 1000), open: sync.OnceFunc(func() { close(opened) })}
	b.idp.Edit(providertest.RefreshToken, func(map[string]any) {
		g.arrived <- struct{}{}
		<-opened
	})
	t.Cleanup(g.open)
	return g
}

func (g *gate) wait(t testing.TB) {
	t.Helper()
	select {
	case <-g.arrived:
	case <-time.After(patience):
		t.Fatal("no refresh arrived at the provider")
	}
}

// interrupted checks what a signal must leave: the exit code, nothing on
// stdout, one line on stderr (next to prompts and waiting notices), no process.
func interrupted(t *testing.T, p *proc, sig syscall.Signal, mark string) {
	t.Helper()
	o := p.wait(t)
	if o.code != 128+int(sig) || o.stdout != "" {
		t.Errorf("%v: exit code %d, stdout %q", sig, o.code, o.stdout)
	}
	var lines []string
	for line := range strings.Lines(o.stderr) {
		if strings.HasPrefix(line, "sso-exec: ") && !strings.HasPrefix(line, "sso-exec: sign in to ") &&
			!strings.Contains(line, "warning: waiting for another") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !strings.HasSuffix(o.stderr, lines[0]) {
		t.Errorf("%v: stderr must end with one line about it: %q", sig, o.stderr)
	}
	if left := orphans(p.pid(), mark); len(left) > 0 {
		t.Errorf("%v: still running: %q", sig, left)
	}
}

// TestInterruptedRefresh: the provider has rotated the token and is slow to say
// so. A signal waits for the answer, and its refresh token is stored.
func TestInterruptedRefresh(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	for _, sig := range ending {
		b.expire(t)
		before := b.storedToken(t)
		g := b.gate(t)
		p := b.start(t, "kube")
		g.wait(t)
		p.signal(sig)
		p.settled(t)
		if !p.running() {
			t.Errorf("%v: the process did not wait for the answer", sig)
		}
		g.open()
		interrupted(t, p, sig, "")
		if !b.live(t) || b.storedToken(t) == before {
			t.Errorf("%v: the stored refresh token is not the live one", sig)
		}
		b.locksFree(t)
		b.idp.ResetRequests()
		if o := b.mustRun(t, "kube"); !document(o.stdout) || b.idp.Requests().All != 0 {
			t.Errorf("%v: the refresh that was waited for was not used: %+v", sig, b.idp.Requests())
		}
	}
	if n := b.idp.Reuses(); n != 0 {
		t.Errorf("%d reuses", n)
	}
}

// TestSecondSignalEndsAtOnce: the answer never comes, and no time-out would end
// the wait within this test; the second signal does, whichever it is.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	b := newBench(t, providertest.Config{RotationGrace: time.Hour})
	b.mustRun(t, "login", "--browser", "testbrowser")
	for i, first := range ending {
		second := ending[(i+1)%len(ending)]
		b.expire(t)
		g := b.gate(t)
		p := b.start(t, "kube", "--http-timeout", "1h")
		g.wait(t)
		p.signal(first)
		p.settled(t)
		p.signal(second)
		o := p.wait(t)
		if o.code != 128+int(second) || o.stdout != "" {
			t.Errorf("%v, %v: exit code %d, stdout %q", first, second, o.code, o.stdout)
		}
		b.locksFree(t)
		g.open()
		b.idp.Edit(providertest.RefreshToken, nil)
		if o := b.mustRun(t, "kube"); !document(o.stdout) {
			t.Errorf("%v, %v: the next call printed %q", first, second, o.stdout)
		}
	}
}

// TestInterruptWaitsForOneTimeout: the provider hangs before it does anything.
// The interrupted process sends nothing twice and ends with its HTTP time-out.
func TestInterruptWaitsForOneTimeout(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.expire(t)
	b.idp.ResetRequests()
	b.idp.Fault(providertest.RefreshToken, providertest.Fault{Delay: time.Hour})
	p := b.start(t, "kube", "--http-timeout", "3s")
	until(t, "the refresh arrives", func() bool { return b.idp.Requests().RefreshToken > 0 })
	p.signal(syscall.SIGINT)
	interrupted(t, p, syscall.SIGINT, "")
	if n := b.idp.Requests().RefreshToken; n != 1 {
		t.Errorf("%d refreshes were sent, want 1", n)
	}
	b.idp.ClearFaults()
	if !b.live(t) {
		t.Error("the stored refresh token is not the live one")
	}
	b.mustRun(t, "kube")
}

// TestInterruptedWaitForLock: another process holds the lock, of the refresh or
// of the sign-in, and does not give it up.
func TestInterruptedWaitForLock(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	key := b.sessionKey(t)
	b.expire(t)
	for _, c := range []struct {
		purpose string
		args    []string
	}{
		{cache.LockRefresh, []string{"kube"}},
		{cache.LockSignIn, []string{"login", "--flow", "device"}},
	} {
		lock, err := cache.Open(b.dir, func(string) {}).Lock(context.Background(), c.purpose, key)
		if err != nil {
			t.Fatal(err)
		}
		b.idp.ResetRequests()
		var waiting []*proc
		for range ending {
			waiting = append(waiting, b.start(t, c.args...))
		}
		for i, sig := range ending {
			p := waiting[i]
			until(t, "the process says that it waits", func() bool {
				return strings.Contains(p.stderr.String(), fmt.Sprintf("waiting for another sso-exec (process %d)", os.Getpid())) ||
					!p.running()
			})
			p.signal(sig)
			interrupted(t, p, sig, "")
		}
		if n := b.idp.Requests().All; n != 0 {
			t.Errorf("%s: %d requests without the lock", c.purpose, n)
		}
		lock.Unlock()
		b.locksFree(t)
	}
	if o := b.mustRun(t, "kube"); !document(o.stdout) || !b.live(t) {
		t.Errorf("the call after that printed %q", o.stdout)
	}
}

// TestInterruptedSignIn: a person ends a sign-in that waits for them, by device
// code or in the browser. Nothing is stored, no latch either: the next call may
// ask again.
func TestInterruptedSignIn(t *testing.T) {
	base := newBench(t, providertest.Config{DeviceInterval: 1, LoginForm: true})
	// A browser that ends by itself, as xdg-open does once it has handed over.
	script := filepath.Join(t.TempDir(), "browser")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s' \"$1\" >\"$OPENED.new\"\n"+
		"mv \"$OPENED.new\" \"$OPENED\"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for i, sig := range ending {
		for _, flow := range []string{"device", "pkce"} {
			b := base.sibling(t, providertest.Config{DeviceInterval: 1, LoginForm: true})
			mark := fmt.Sprintf("PROOF_MARK=%d-%d-%s", os.Getpid(), i, flow)
			opened := filepath.Join(t.TempDir(), "opened")
			b.env = append(b.env, mark, "OPENED="+opened)
			p := b.start(t, "kube", "--flow", flow, "--browser", script)
			port := ""
			until(t, "the prompt of "+flow, func() bool {
				if flow == "device" {
					return strings.Contains(p.stderr.String(), "Waiting for you to sign in") && len(b.idp.PendingUserCodes()) == 1
				}
				port = callbackPort(opened)
				return port != "" && strings.Contains(p.stderr.String(), "Waiting for the browser")
			})
			p.settled(t)
			p.signal(sig)
			interrupted(t, p, sig, mark)
			if port != "" {
				if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
					_ = c.Close()
					t.Errorf("%s: port %s is still listened on", flow, port)
				}
			}
			b.locksFree(t)
			for name := range files(t, b.dir) {
				if dir := strings.Split(name, "/")[0]; dir != "locks" && dir != "providers" {
					t.Errorf("%s: %s was stored", flow, name)
				}
			}
		}
	}
}

// callbackPort reads the loopback port out of the page that was opened.
func callbackPort(file string) string {
	raw, _ := os.ReadFile(file)
	u, err := url.Parse(string(raw))
	if err != nil {
		return ""
	}
	port := regexp.MustCompile(`^http://127\.0\.0\.1:([0-9]+)/`).FindStringSubmatch(u.Query().Get("redirect_uri"))
	if port == nil {
		return ""
	}
	return port[1]
}
