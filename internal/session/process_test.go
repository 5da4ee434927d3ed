package session_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: real processes, over real sockets.

// childVariable names, in the environment of a process that is to be one of a
// test's, its cache directory.
const childVariable = "SSO_EXEC_TEST_CACHE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child waits for a line and then prints an access token of the issuer that the
// line names.
func child(dir string) int {
	fmt.Println("ready")
	issuer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return 2
	}
	m := newMachineAt(strings.TrimSpace(issuer), dir)
	p := m.process(nobody)
	if p.HTTP, err = flows.NewHTTPClient(httpTimeout, nil); err != nil {
		return 2
	}
	c, err := p.get(context.Background(), access)
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println(c.Token.Reveal())
	return 0
}

// started is a child that is ready.
type started struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func (m *machine) start(t *testing.T, env ...string) *started {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childVariable+"="+m.dir), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &started{cmd, in, bufio.NewReader(out)}
	s.line(t)
	return s
}

func (s *started) line(t *testing.T) string {
	t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		t.Fatalf("a process ended: %v", err)
	}
	return strings.TrimSpace(line)
}

func (s *started) goOn(t *testing.T, m *machine) {
	t.Helper()
	if _, err := fmt.Fprintln(s.in, m.Issuer()); err != nil {
		t.Fatal(err)
	}
}

// ended is a machine whose person has signed in, and whose token has ended.
func ended(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, providertest.Config{})
	m.signIn(t, browses)
	m.edit(t, "tokens", "expiresAt", time.Now().Add(-time.Minute))
	return m
}

// Many processes at a token that has ended make one refresh.
func TestProcessesRefreshOnce(t *testing.T) {
	m := ended(t)
	var all []*started
	for range 8 {
		all = append(all, m.start(t))
	}
	for _, s := range all {
		s.goOn(t, m)
	}
	tokens := map[string]bool{}
	for _, s := range all {
		tokens[s.line(t)] = true
	}
	if len(tokens) != 1 || !tokens[m.tokens(t).AccessToken.Reveal()] {
		t.Errorf("they got %v", tokens)
	}
	m.requests(t, 1, 0)
	m.kept(t)
}

// One that is killed during its refresh holds nobody up.
func TestProcessDiesDuringItsRefresh(t *testing.T) {
	m := ended(t)
	m.Fault(providertest.RefreshToken, providertest.Fault{Delay: time.Hour, Times: 1})
	first, second := m.start(t), m.start(t)
	first.goOn(t, m)
	for m.Requests().RefreshToken == 0 {
		time.Sleep(time.Millisecond) // until its request has come
	}
	second.goOn(t, m)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := second.line(t); got != m.tokens(t).AccessToken.Reveal() {
		t.Errorf("the other one got %q", got)
	}
	m.requests(t, 2, 0)
	m.kept(t)
}
