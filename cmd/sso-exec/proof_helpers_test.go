//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// What the proofs (chaos, interrupt, crash, canary) have in common: processes
// that can be watched and signalled, and a look at what is stored.

// patience bounds every wait of a proof. It is reached only when something
// hangs; no result hangs on how long a step took.
const patience = 60 * time.Second

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened within %v: %s", patience, what)
}

// proc is a running process of the binary.
type proc struct {
	cmd            *exec.Cmd
	stdout, stderr lockedBuffer
	done           chan struct{}
	err            error
	died           bool // of a signal, instead of ending by itself; known after wait
}

// lockedBuffer is read while a process writes into it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start begins a process in a process group of its own.
func (b *bench) start(t testing.TB, args ...string) *proc {
	t.Helper()
	return startCommand(t, b.env, b.bin, args...)
}

func startCommand(t testing.TB, env []string, name string, args ...string) *proc {
	t.Helper()
	p := &proc{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

func (p *proc) pid() int { return p.cmd.Process.Pid }

// signal sends one. A process that has ended is no error.
func (p *proc) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

func (p *proc) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// wait returns how the process ended. A death by signal has the exit code that
// a shell shows, 128 and the signal's number.
func (p *proc) wait(t testing.TB) outcome {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		t.Errorf("process %d (%v) had not ended after %v; stderr: %s", p.pid(), p.cmd.Args, patience, p.stderr.String())
		<-p.done
	}
	o := outcome{0, p.stdout.String(), p.stderr.String()}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		o.code = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			o.code, p.died = 128+int(ws.Signal()), true
		}
	} else if p.err != nil {
		o.code = -1
	}
	return o
}

// sibling is another provider and home for the same binary.
func (b *bench) sibling(t testing.TB, c providertest.Config) *bench {
	t.Helper()
	if c.AccessTokenLifetime == 0 {
		c.AccessTokenLifetime = time.Hour
	}
	n := &bench{idp: providertest.New(t, c), bin: b.bin, dir: filepath.Join(t.TempDir(), "cache")}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, n.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	n.env = slices.Clone(b.env)
	n.setenv("HOME", t.TempDir())
	n.setenv("IDP_CA", ca)
	n.setenv("SSO_EXEC_CA_FILE", ca)
	n.setenv("SSO_EXEC_ISSUER", n.idp.Issuer())
	n.setenv("SSO_EXEC_CACHE_DIR", n.dir)
	return n
}

func (b *bench) setenv(name, value string) {
	b.env = slices.DeleteFunc(b.env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	b.env = append(b.env, name+"="+value)
}

// sessionFile returns the one stored session, or nothing.
func (b *bench) sessionFile(t testing.TB) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, "sessions", "*.json"))
	if err != nil || len(names) > 1 {
		t.Fatalf("sessions: %q, %v", names, err)
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// sessionKey is the key in the session's name.
func (b *bench) sessionKey(t testing.TB) string {
	t.Helper()
	return strings.TrimSuffix(filepath.Base(b.sessionFile(t)), ".json")
}

// storedToken is the stored refresh token, or nothing.
func (b *bench) storedToken(t testing.TB) string {
	t.Helper()
	path := b.sessionFile(t)
	if path == "" {
		return ""
	}
	var rec struct{ RefreshToken string }
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &rec)
	}
	if err != nil || rec.RefreshToken == "" {
		t.Fatalf("%s: %v: %q", path, err, raw)
	}
	return rec.RefreshToken
}

// live reports whether the stored refresh token is one that the provider would
// take now and has not replaced.
func (b *bench) live(t testing.TB) bool {
	t.Helper()
	return slices.Contains(b.idp.RefreshTokens(), b.storedToken(t))
}

// locksFree checks that nobody holds a lock file.
func (b *bench) locksFree(t testing.TB) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(b.dir, "locks", "*"))
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			t.Errorf("%s is still locked: %v", name, err)
		}
		_ = f.Close()
	}
}

// document reports whether stdout is one ExecCredential with a token.
func document(stdout string) bool {
	var doc struct {
		Kind   string
		Status struct{ Token string }
	}
	return json.Unmarshal([]byte(stdout), &doc) == nil && doc.Kind == "ExecCredential" && doc.Status.Token != ""
}

// settled waits until no signal is pending and no thread of the process has
// anything left to do: what a signal sets off inside it has happened.
func (p *proc) settled(t testing.TB) {
	t.Helper()
	before, calm := "", 0
	until(t, "the process comes to rest", func() bool {
		now, asleep := p.threads()
		if !asleep || now != before {
			before, calm = now, 0
			return !p.running()
		}
		calm++
		time.Sleep(10 * time.Millisecond)
		return calm > 5
	})
}

// threads renders the threads' used time, and tells whether all are asleep with
// no signal pending.
func (p *proc) threads() (used string, asleep bool) {
	asleep = true
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.pid()))
	for _, task := range tasks {
		stat, _ := os.ReadFile(filepath.Join(task, "stat"))
		status, _ := os.ReadFile(filepath.Join(task, "status"))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 13 {
			return "", false
		}
		used += task + fields[11] + "+" + fields[12] + " "
		asleep = asleep && fields[0] == "S"
		for _, line := range strings.Split(string(status), "\n") {
			if name, mask, _ := strings.Cut(line, ":"); name == "SigPnd" || name == "ShdPnd" {
				asleep = asleep && strings.Trim(mask, "0\t ") == ""
			}
			if strings.HasPrefix(line, "voluntary_ctxt_switches") {
				used += line
			}
		}
	}
	return used, asleep && len(tasks) > 0
}

// orphans lists the processes of a process group, and those that have a mark in
// their environment. (A zombie has ended; it only waits for its parent.)
func orphans(group int, mark string) (found []string) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		marked := mark != "" && bytes.Contains(environ, []byte(mark))
		if fields[0] != "Z" && (fields[2] == strconv.Itoa(group) || marked) {
			cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			found = append(found, dir+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}

// files lists the regular files below a directory, by path from there.
func files(t testing.TB, root string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		found[rel], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func tell(w http.ResponseWriter, status int, doc map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// hostile stands before a provider's token endpoint.
type hostile struct {
	mu     sync.Mutex
	behind *providertest.Provider
	answer func(http.ResponseWriter, string)
	sent   map[string]string // secrets by value
}

func (h *hostile) set(answer func(http.ResponseWriter, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *hostile) seen() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.sent)
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	if answer == nil {
		req, _ := http.NewRequest(r.Method, h.behind.Issuer()+"/token", bytes.NewReader(body))
		req.Header = r.Header.Clone()
		resp, err := h.behind.Client().Do(req)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	form, _ := url.ParseQuery(string(body))
	_, basic, _ := r.BasicAuth()
	secret, _ := url.QueryUnescape(basic)
	var echo []string
	h.mu.Lock()
	if h.sent == nil {
		h.sent = map[string]string{}
	}
	for kind, v := range map[string]string{aRefreshToken: form.Get("refresh_token"), aVerifier: form.Get("code_verifier"),
		aCode: form.Get("code"), aDeviceCode: form.Get("device_code"), aClientSecret: secret} {
		if v != "" {
			h.sent[v], echo = kind, append(echo, v)
		}
	}
	h.mu.Unlock()
	answer(w, strings.Join(echo, " "))
}

// hexName is a key of the cache in a file's name.
var hexName = regexp.MustCompile(`[0-9a-f]{64}`)
