package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// Storms of services, and what becomes of the helpers that they run.

const serviceSecret = "a-service-s-secret-9f2c"

// service is a bench whose client is a service, and a helper that prints its
// secret: it counts its runs, and waits while it is held up.
type service struct {
	*bench
	helper string
	runs   string // a file with a line for each run
	hold   string // a pipe: the helper waits for its end, if the file "held" is there
}

func newService(t *testing.T, c providertest.Config) *service {
	t.Helper()
	if c.Clients == nil {
		c.Clients = []providertest.Client{{ID: "cli", Secret: serviceSecret}}
	}
	dir := t.TempDir()
	s := &service{newBench(t, c), filepath.Join(dir, "helper"), filepath.Join(dir, "runs"), filepath.Join(dir, "hold")}
	if err := syscall.Mkfifo(s.hold, 0o600); err != nil {
		t.Fatal(err)
	}
	s.prints(t, "printf "+serviceSecret)
	return s
}

// prints has the helper end with a line of a shell.
func (s *service) prints(t *testing.T, line string) {
	t.Helper()
	script := "#!/bin/sh\necho run >>" + s.runs + "\ncat " + s.hold + " >/dev/null\n" + line + "\n"
	if err := os.WriteFile(s.helper, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

func (s *service) args(more ...string) []string {
	return append([]string{"kube", "--flow", "client-credentials", "--client-secret-command", s.helper}, more...)
}

// ran is how often the helper was run since it was asked.
func (s *service) ran(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(s.runs)
	_ = os.Remove(s.runs)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "\n")
}

// free lets helpers go on, until what it returns is called.
func (s *service) free() (hold func()) {
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if f, err := os.OpenFile(s.hold, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				_ = f.Close() // who reads sees the end
			}
		}
	}()
	return func() { close(stop); <-gone }
}

// crowd starts n processes, holds the first helper up until all others wait for
// it, and returns how each ended.
func (s *service) crowd(t *testing.T, n int, args ...string) []outcome {
	t.Helper()
	var procs []*proc
	for range n {
		procs = append(procs, s.start(t, args...))
	}
	until(t, "all wait for one", func() bool {
		waiting := 0
		for _, p := range procs {
			if strings.Contains(p.stderr.String(), "waiting for another sso-exec") || !p.running() {
				waiting++
			}
		}
		return waiting >= n-1
	})
	defer s.free()()
	var all []outcome
	for _, p := range procs {
		all = append(all, p.wait(t))
	}
	return all
}

func serviceCrowd() int {
	if soaking() {
		return 200
	}
	return 60
}

// TestStormOfServices: many processes of a service at once run its helper once,
// and make one request.
func TestStormOfServices(t *testing.T) {
	s := newService(t, providertest.Config{})
	n := serviceCrowd()
	for round := range 2 {
		s.idp.ResetRequests()
		checkAll(t, s.crowd(t, n, s.args()...))
		if c := s.idp.Requests(); c.ClientCredentials != 1 || c.Token != 1 || c.Discovery != 1-round {
			t.Errorf("requests: %+v, want one for a token", c)
		}
		if ran := s.ran(t); ran != 1 {
			t.Errorf("the helper ran %d times", ran)
		}
		s.expire(t)
	}
	s.intact(t, "after the storm", nil)
	s.locksFree(t)
}

// TestStormOfServicesFails: whoever waits fails as the one it waited for, with
// the same exit code, and nobody runs the helper or asks again.
func TestStormOfServicesFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		helper string
		edit   func(map[string]any) // of the metadata
		fault  providertest.Fault
		code   int
		says   string
		asked  int
	}{
		"the helper fails": {helper: "echo the vault is sealed >&2; exit 1", code: exitOther,
			says: "the vault is sealed"},
		"the helper says nothing": {helper: "true", code: exitUsage, says: "it is empty"},
		"the helper is killed":    {helper: "kill -9 $$", code: exitOther, says: "helper failed (signal: killed)"},
		"a wrong secret":          {helper: "printf wrong", code: exitOther, says: "invalid_client", asked: 1},
		"the provider is down": {helper: "printf " + serviceSecret, fault: providertest.Fault{Status: 503},
			code: exitUnavailable, says: "status 503", asked: 3},
		"another method is asked for": {helper: "printf " + serviceSecret,
			edit: providertest.With("token_endpoint_auth_methods_supported", []string{"private_key_jwt"}),
			code: exitOther, says: "takes neither"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, providertest.Config{EditMetadata: c.edit})
			s.prints(t, c.helper)
			if c.fault.Status != 0 {
				s.idp.Fault(providertest.ClientCredentials, c.fault)
			}
			for _, o := range s.crowd(t, 8, s.args()...) {
				if o.code != c.code || o.stdout != "" || !strings.Contains(o.stderr, c.says) {
					t.Errorf("exit code %d, want %d; stdout %q, stderr %q", o.code, c.code, o.stdout, o.stderr)
				}
			}
			if ran, asked := s.ran(t), s.idp.Requests().Token; ran != 1 || asked != c.asked {
				t.Errorf("the helper ran %d times, the provider was asked %d times, want 1 and %d", ran, asked, c.asked)
			}
		})
	}
}

// TestStormOfServicesKilled: kill -9 of the one that all others wait for. Its
// helper ends with it; the next one takes over, and asks once for all.
func TestStormOfServicesKilled(t *testing.T) {
	s := newService(t, providertest.Config{})
	n := serviceCrowd() / 3
	var procs []*proc
	for range n {
		procs = append(procs, s.start(t, s.args()...))
	}
	waits := func(p *proc) bool { return strings.Contains(p.stderr.String(), "waiting for another sso-exec") }
	var first *proc
	until(t, "all wait for one", func() bool {
		waiting := 0
		for _, p := range procs {
			if waits(p) {
				waiting++
			} else {
				first = p
			}
		}
		_, err := os.Stat(s.runs) // its helper has begun
		return waiting == n-1 && err == nil
	})
	first.signal(syscall.SIGKILL)
	if o := first.wait(t); o.code != 128+int(syscall.SIGKILL) || o.stdout != "" {
		t.Fatalf("the first one: %+v", o)
	}
	defer s.free()()
	var rest []outcome
	for _, p := range procs {
		if p != first {
			rest = append(rest, p.wait(t))
		}
	}
	checkAll(t, rest)
	if c, ran := s.idp.Requests(), s.ran(t); c.ClientCredentials != 1 || ran != 2 {
		t.Errorf("the provider was asked %d times, the helper ran %d times, want 1 and 2", c.ClientCredentials, ran)
	}
	s.intact(t, "after the kill", nil)
	s.locksFree(t)
}

// TestStormOfExchanges: after one sign-in many processes at once want a token of
// two clusters and a role's keys by way of an exchange. Each is had once.
func TestStormOfExchanges(t *testing.T) {
	b := newBench(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.expire(t)
	b.idp.ResetRequests()
	b.idp.Fault(providertest.TokenExchange, providertest.Fault{Delay: 500 * time.Millisecond})
	role := []string{"aws", "--exchange-audience", "cli", "--exchange-token-type", "jwt", "--sts-endpoint", sts.URL(),
		"--role-arn", "arn:aws:iam::123456789012:role/dev"}
	kinds := [][]string{{"kube", "--exchange-audience", "cluster-a"}, {"kube", "--exchange-audience", "cluster-b"}, role}
	n := serviceCrowd() / 3
	var procs [3][]*proc
	for range n {
		for i, args := range kinds {
			procs[i] = append(procs[i], b.start(t, append(args, "--interactive", "never")...))
		}
	}
	answers := map[string]int{}
	for i := range procs {
		for _, p := range procs[i] {
			o := p.wait(t)
			if o.code != 0 {
				t.Errorf("%v: exit code %d, stderr %q", kinds[i], o.code, o.stderr)
			}
			answers[fmt.Sprint(i, o.stdout)]++
		}
	}
	if c := b.idp.Requests(); len(answers) != 3 || c.TokenExchange != 3 || c.RefreshToken != 1 || sts.Requests() != 1 {
		t.Errorf("%d answers; requests: %+v, %d to the STS", len(answers), c, sts.Requests())
	}
}

// TestServiceInterrupted: a signal ends the helper with us, whatever it has
// started, and nothing is broken for who comes next. So does kill -9 of us.
func TestServiceInterrupted(t *testing.T) {
	s := newService(t, providertest.Config{})
	mark := "SERVICE_MARK=" + t.TempDir()
	s.env = append(s.env, mark)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGKILL} {
		s.prints(t, "exec sleep 600") // once it is free
		if sig != syscall.SIGKILL {   // the kernel ends the helper alone, and not its children
			s.prints(t, "sleep 600 & sleep 600")
		}
		p := s.start(t, s.args()...)
		hold := s.free()
		until(t, "the helper sleeps",
			func() bool { return strings.Contains(strings.Join(orphans(-1, mark), "\n"), "sleep 600") })
		hold()
		p.signal(sig)
		if o := p.wait(t); o.code != 128+int(sig) || o.stdout != "" {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", sig, o.code, o.stdout, o.stderr)
		}
		until(t, fmt.Sprintf("after %v the helper has ended", sig), func() bool { return len(orphans(-1, mark)) == 0 })
		s.locksFree(t)
		s.prints(t, "printf "+serviceSecret)
		hold = s.free()
		s.works(t, sig.String(), s.args()...)
		hold()
		s.intact(t, sig.String(), nil)
		s.expire(t)
	}
}
