package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// The binary runs under strace, which kills it before the N-th system call of a
// kind, or makes that call fail. What is left on the disk must be the old or the
// new state, and the next call must work.
//
// What this cannot show is a power cut: a kill keeps what was written, a cut
// loses what was not synced. See Store.write for what is synced.

// storeCalls are the system calls by which the store changes anything, and
// those in between. strace takes the names that an architecture lacks with a ?.
var storeCalls = []string{"mkdirat", "write", "pwrite64", "fsync", "ftruncate", "renameat", "renameat2", "unlinkat", "flock", "fchmod", "openat", "close"}

// requireStrace fails, rather than skips, where the proof cannot be had.
func requireStrace(t *testing.T) {
	t.Helper()
	out, err := exec.Command("strace", "-f", "-qq", "-e", "trace=?write", "true").CombinedOutput()
	if err != nil {
		t.Fatalf("THIS PROOF NEEDS strace AND THE RIGHT TO USE ptrace: %v: %s\n"+
			"install it (apt-get install strace); in a container allow it (docker run --cap-add SYS_PTRACE,\n"+
			"or a seccomp profile that permits ptrace), with kernel.yama.ptrace_scope at most 1", err, out)
	}
}

// tracer runs the binary of a bench with faults in its system calls.
type tracer struct {
	*bench
	args   []string
	during func(*proc) // what a person does meanwhile; may be nil
}

// event is a system call on the cache, without what differs from run to run.
type event struct {
	name     string // and its place, e.g. "renameat sessions/.tmp-* KEY.json"
	injected bool
}

// run runs the binary. fault is "fsync:error=ENOSPC:when=2", or nothing. It
// returns how the run ended, the calls on the cache in their order, and the
// last call of all.
func (tr *tracer) run(t *testing.T, fault string) (o outcome, cacheCalls []event, last string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	args := []string{"-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-o", log, "-e", "trace=?" + strings.Join(storeCalls, ",?")}
	if fault != "" {
		args = append(args, "-e", "inject=?"+fault)
	}
	p := startCommand(t, tr.env, "strace", append(append(args, tr.bin), tr.args...)...)
	if tr.during != nil {
		tr.during(p)
	}
	o = p.wait(t)
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("strace left no log: %v; %s", err, o.stderr)
	}
	for line := range strings.Lines(string(raw)) {
		_, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		if call = strings.TrimSpace(call); !regexp.MustCompile(`^[a-z0-9]+\(`).MatchString(call) {
			continue
		}
		last = call
		if strings.Contains(call, tr.dir) {
			cacheCalls = append(cacheCalls, event{tr.describe(call), strings.Contains(call, "(INJECTED)")})
		}
	}
	return o, cacheCalls, last
}

var (
	tempName = regexp.MustCompile(`\.tmp-[A-Z0-9]+`)
	hexName  = regexp.MustCompile(`[0-9a-f]{64}`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
)

// describe names a system call by what it does to which file of the cache.
func (tr *tracer) describe(call string) string {
	name, rest, _ := strings.Cut(call, "(")
	words := []string{name}
	in := ""
	if at := strings.Index(rest, "<"+tr.dir); at >= 0 {
		in, _, _ = strings.Cut(rest[at+1+len(tr.dir):], ">")
	}
	if name != "write" && name != "pwrite64" {
		for _, q := range quoted.FindAllStringSubmatch(rest, -1) {
			words = append(words, strings.TrimPrefix(filepath.Join("/", in, strings.TrimPrefix(q[1], tr.dir)), "/"))
		}
	}
	if len(words) == 1 {
		words = append(words, strings.TrimPrefix(in, "/"))
	}
	for _, flag := range []string{"O_CREAT", "LOCK_EX", "LOCK_UN"} {
		if strings.Contains(rest, flag) {
			words = append(words, flag)
		}
	}
	return hexName.ReplaceAllString(tempName.ReplaceAllString(strings.Join(words, " "), ".tmp-*"), "KEY")
}

// traced returns a bench for strace, without the system's hundreds of roots.
func traced(t *testing.T, b *bench) *bench {
	t.Helper()
	requireStrace(t)
	b.setenv("SSL_CERT_FILE", filepath.Join(t.TempDir(), "none"))
	b.setenv("SSL_CERT_DIR", t.TempDir())
	return b
}

// points numbers the calls of each name within a run: the crash points.
func points(calls []event) []string {
	seen := map[string]int{}
	var all []string
	for _, c := range calls {
		seen[c.name]++
		all = append(all, fmt.Sprintf("%s #%d", c.name, seen[c.name]))
	}
	return all
}

// sweep kills the run before every call of the store, as far as strace reaches
// them: it counts for each thread by itself, and which thread of a Go program
// makes a call differs. So a sweep goes on, in soak, until each call of the
// reference run was the last one once; the short version samples the calls that
// only look, and does not insist.
func (tr *tracer) sweep(t *testing.T, reset, check func(what string)) {
	t.Helper()
	reset("reference")
	o, calls, _ := tr.run(t, "")
	if o.code != 0 {
		t.Fatalf("the reference run failed: %d %s", o.code, o.stderr)
	}
	missing := map[string]bool{}
	for _, p := range points(calls) {
		missing[p] = true
	}
	all, kills := len(missing), 0
	for range 1 + 11*b2i(soaking()) {
		for _, name := range storeCalls {
			step := 1
			if !soaking() && (name == "openat" || name == "close") {
				step = 6
			}
			for n := 1; n < 500 && len(missing) > 0; n += step {
				what := fmt.Sprintf("killed before %s %d", name, n)
				reset(what)
				o, calls, last := tr.run(t, fmt.Sprintf("%s:signal=KILL:when=%d", name, n))
				if o.code == 0 {
					break // nothing was reached; this kind is done
				}
				if o.code != 128+9 {
					t.Errorf("%s: exit code %d: %s", what, o.code, o.stderr)
				}
				kills++
				if ps := points(calls); len(ps) > 0 && strings.Contains(last, tr.dir) {
					delete(missing, ps[len(ps)-1])
					what += " (" + ps[len(ps)-1] + ")"
				}
				check(what)
			}
		}
	}
	t.Logf("%d kills; %d of %d crash points of the store were hit", kills, all-len(missing), all)
	if len(missing) > 0 {
		left := slices.Sorted(maps.Keys(missing))
		if soaking() {
			t.Errorf("crash points that were never hit: %q", left)
		}
		t.Logf("not hit: %q", left)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// intact checks every file below the cache: modes, and that what has its final
// name is whole. old is what was there before; nil if that does not matter.
func (b *bench) intact(t *testing.T, what string, old map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(b.dir, path)
		if want := map[bool]os.FileMode{true: 0o700 | os.ModeDir, false: 0o600}[d.IsDir()]; st.Mode() != want {
			t.Errorf("%s: %s has mode %v, want %v", what, rel, st.Mode(), want)
		}
		if d.IsDir() || strings.HasPrefix(rel, "locks/") || strings.HasPrefix(d.Name(), ".tmp-") {
			return nil // a lock's file is a lock; what it tells may be torn
		}
		raw, err := os.ReadFile(path)
		if err != nil || old != nil && string(raw) == string(old[rel]) {
			return err
		}
		var doc struct {
			Version                   int
			RefreshToken, AccessToken string
			Metadata                  map[string]any
		}
		if !hexName.MatchString(d.Name()) || filepath.Ext(path) != ".json" || json.Unmarshal(raw, &doc) != nil || doc.Version != 1 {
			t.Errorf("%s: %s is neither the old nor a whole new file: %q", what, rel, raw)
			return nil
		}
		room, _, _ := strings.Cut(rel, "/")
		if full := map[string]bool{"sessions": b.idp.Alive(doc.RefreshToken), "tokens": doc.AccessToken != "", "providers": len(doc.Metadata) > 0}; !full[room] {
			t.Errorf("%s: %s lacks what it is for: %q", what, rel, raw)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// works checks that the next ordinary call does, without a word.
func (b *bench) works(t *testing.T, what string, args ...string) {
	t.Helper()
	if o := b.run(args...); o.code != 0 || !document(o.stdout) || o.stderr != "" {
		t.Errorf("%s: the next call: exit code %d, stdout %q, stderr %q", what, o.code, o.stdout, o.stderr)
	}
}

// TestCrashDuringRefresh: the answer to a refresh may be lost with the process
// that asked; the provider's grace lets the old token pass for that very case.
func TestCrashDuringRefresh(t *testing.T) {
	b := traced(t, newBench(t, providertest.Config{RotationGrace: time.Hour}))
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.expire(t)
	old := files(t, b.dir)
	tr := &tracer{bench: b, args: []string{"kube"}}
	tr.sweep(t, func(string) { restore(t, b.dir, old) }, func(what string) {
		b.intact(t, what, old)
		if b.sessionFile(t) == "" {
			t.Errorf("%s: the session is gone", what)
		}
		b.works(t, what, "kube")
		b.intact(t, what+", and the call after it", nil)
	})
}

// restore puts the files of a snapshot back, and nothing else.
func restore(t *testing.T, root string, snapshot map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	for rel, raw := range snapshot {
		path := filepath.Join(root, rel)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// signInByHand opens the address that is printed on stderr, if one is.
func (b *bench) signInByHand(p *proc) {
	address := regexp.MustCompile(`https://127\.0\.0\.1:\d+/authorize\?\S+`)
	for deadline := time.Now().Add(patience); p.running() && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if u := address.FindString(p.stderr.String()); u != "" && strings.Contains(p.stderr.String(), u+"\n") {
			if resp, err := b.idp.Client().Get(u); err == nil {
				_ = resp.Body.Close()
			}
			return
		}
	}
}

// TestCrashDuringSignIn: nothing is there at first, not even the directory.
func TestCrashDuringSignIn(t *testing.T) {
	b := traced(t, newBench(t, providertest.Config{RotationGrace: time.Hour}))
	tr := &tracer{bench: b, args: []string{"kube", "--flow", "pkce", "--browser", "none"}, during: b.signInByHand}
	tr.sweep(t, func(string) { restore(t, b.dir, nil) }, func(what string) {
		b.intact(t, what, nil)
		b.works(t, what, "kube", "--browser", "testbrowser")
		b.intact(t, what+", and the call after it", nil)
	})
}

// faults are the errors that a disk gives, by system call.
var faults = map[string][]string{
	"openat":    {"EMFILE", "EIO", "EACCES", "EROFS"},
	"mkdirat":   {"ENOSPC", "EROFS"},
	"write":     {"ENOSPC", "EDQUOT", "EIO"},
	"pwrite64":  {"ENOSPC", "EDQUOT", "EIO"},
	"fsync":     {"ENOSPC", "EDQUOT", "EIO"},
	"ftruncate": {"EIO", "EROFS"},
	"renameat":  {"EROFS", "ENOSPC"},
	"fchmod":    {"EPERM"},
	"flock":     {"ENOLCK"},
	"close":     {"EIO", "EDQUOT"},
}

// TestDiskErrorsDuringRefresh: a call of the store fails, each one by itself
// and then, for those that only files have, all of a kind. The provider is
// strict: a refresh token that was spent and whose successor is not stored
// costs the session. So whatever fails, the stored token is the live one, and
// the person gets the credential, or exit code 6.
func TestDiskErrorsDuringRefresh(t *testing.T) {
	b := traced(t, newBench(t, providertest.Config{}))
	b.mustRun(t, "login", "--browser", "testbrowser")
	tr := &tracer{bench: b, args: []string{"kube", "--interactive", "never"}}
	runs, failed := 0, map[string]int{}
	try := func(name, code, when string) (hit bool) {
		b.expire(t)
		o, calls, _ := tr.run(t, fmt.Sprintf("%s:error=%s:when=%s", name, code, when))
		at := slices.IndexFunc(calls, func(e event) bool { return e.injected })
		if at < 0 {
			b.mustRun(t, "kube") // it struck elsewhere (a socket, a certificate), or nothing
			return o.code != 0 || strings.Contains(o.stderr, code)
		}
		runs++
		what := fmt.Sprintf("%s at %s", code, points(calls)[at])
		if strings.HasSuffix(when, "+") {
			what += " and after"
		}
		b.intact(t, what, nil)
		if !(o.code == 0 && document(o.stdout)) && !(o.code == exitStorage && o.stdout == "") {
			failed[what+": exit code "+strconv.Itoa(o.code)+", "+strings.TrimSpace(o.stderr)]++
		}
		if !b.live(t) {
			failed[what+": THE STORED REFRESH TOKEN IS SPENT"]++
			b.mustRun(t, "login", "--browser", "testbrowser")
		}
		b.works(t, what, "kube")
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		codes, step := faults[name], 1
		if !soaking() {
			codes = codes[:1]
			if name == "openat" || name == "close" {
				step = 5
			}
		}
		for _, code := range codes {
			for n, misses := 1, 0; n < 200 && misses < 8; n += step {
				if !try(name, code, strconv.Itoa(n)) {
					misses += step
				}
			}
			if name != "write" && name != "openat" && name != "close" {
				try(name, code, "1+")
				try(name, code, "2+")
			}
		}
	}
	t.Logf("%d runs with an error in a call on the cache", runs)
	for _, what := range slices.Sorted(maps.Keys(failed)) {
		t.Error(what)
	}
}
