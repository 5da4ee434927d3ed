//go:build linux

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
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
var storeCalls = []string{"mkdirat", "write", "pwrite64", "fsync", "ftruncate", "renameat", "renameat2", "unlinkat",
	"flock", "fchmod", "openat", "close"}

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

// event is a system call on the cache.
type event struct {
	call     string // its name
	name     string // and its place, without what differs from run to run: "renameat sessions/.tmp-* KEY.json"
	path     string // what strace's -P finds it by; empty for a file with a random name
	nth      int    // among the calls of that name, or of that name and path
	made     bool   // it was not cut off by the kill
	injected bool
}

// run runs the binary. fault is "fsync:error=ENOSPC:when=2", or nothing; if a
// path is given, only calls on that path are seen and counted. It returns how the
// run ended, and the calls on the cache in their order.
func (tr *tracer) run(t *testing.T, fault, path string) (o outcome, calls []event) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	args := []string{"-f", "-qq", "-y", "-s", "0", "-o", log, "-e", "trace=?" + strings.Join(storeCalls, ",?")}
	if fault != "" {
		args = append(args, "-e", "inject=?"+fault)
	}
	if path != "" {
		args = append(args, "-P", path)
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
	pending, seen := map[string]int{}, map[string]int{} // by thread; by call
	for line := range strings.Lines(string(raw)) {
		thread, line, _ := strings.Cut(strings.TrimSpace(line), " ")
		line = strings.TrimSpace(line)
		returned, injected := returns.MatchString(line), strings.Contains(line, "(INJECTED)")
		if strings.Contains(line, " resumed>") {
			if i, ok := pending[thread]; ok {
				calls[i].made, calls[i].injected = returned, injected
			}
			delete(pending, thread)
			continue
		}
		ev := tr.describe(line)
		seen[ev.call]++
		seen[ev.call+ev.path]++
		if ev.nth, ev.made, ev.injected = seen[ev.call+ev.path], returned, injected; strings.Contains(line, tr.dir) {
			pending[thread] = len(calls)
			calls = append(calls, ev)
		}
	}
	return o, calls
}

var (
	tempName = regexp.MustCompile(`\.tmp-[A-Z0-9]+`)
	returns  = regexp.MustCompile(`\) += -?[0-9]`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
)

// describe reads a line of strace.
func (tr *tracer) describe(line string) event {
	call, rest, _ := strings.Cut(line, "(")
	ev, words, in := event{call: call}, []string{call}, ""
	if fd, path, ok := strings.Cut(rest, "<"+tr.dir); ok && strings.Trim(fd, "0123456789") == "" {
		in, _, _ = strings.Cut(path, ">")
		ev.path = tr.dir + in
	}
	if call != "write" && call != "pwrite64" {
		for _, q := range quoted.FindAllStringSubmatch(rest, -1) {
			words = append(words, strings.TrimPrefix(filepath.Join("/", in, strings.TrimPrefix(q[1], tr.dir)), "/"))
			if ev.path == "" {
				ev.path = q[1]
			}
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
	if strings.Contains(ev.path, ".tmp-") {
		ev.path = ""
	}
	ev.name = hexName.ReplaceAllString(tempName.ReplaceAllString(strings.Join(words, " "), ".tmp-*"), "KEY")
	return ev
}

// traced returns a bench for strace, without the system's hundreds of roots.
func traced(t *testing.T, b *bench) *bench {
	t.Helper()
	requireStrace(t)
	b.setenv("SSL_CERT_FILE", filepath.Join(t.TempDir(), "none"))
	b.setenv("SSL_CERT_DIR", t.TempDir())
	return b
}

// points numbers the calls of each name within a run.
func points(calls []event) []string {
	seen := map[string]int{}
	var all []string
	for _, c := range calls {
		seen[c.name]++
		all = append(all, fmt.Sprintf("%s #%d", c.name, seen[c.name]))
	}
	return all
}

// changes are the calls that change what is on the disk, and were made. The
// states between them are all that a kill can leave.
func changes(calls []event) []string {
	return points(slices.DeleteFunc(slices.Clone(calls), func(c event) bool {
		return !c.made || slices.Contains([]string{"close", "fsync", "flock"}, c.call) || c.call == "openat" &&
			!strings.Contains(c.name, "O_CREAT")
	}))
}

// mostRuns bounds the short version.
const mostRuns = 80

// sweep kills the run before each call of a reference run. strace counts the
// calls of each thread by itself, and which thread of a Go program makes a call
// differs; so each is tried with every count that it can have, and it is written
// down which states of the disk the kills have left. Soak kills before every
// call, three times, and goes on until all states have been met; the short
// version is a sample, another one each time.
func (tr *tracer) sweep(t *testing.T, reset, check func(what string)) {
	t.Helper()
	reset("reference")
	o, ref := tr.run(t, "", "")
	if o.code != 0 {
		t.Fatalf("the reference run failed: %d %s", o.code, o.stderr)
	}
	states := append(changes(ref), "the end")
	missing, kills, runs := map[string]bool{}, 0, 0
	for _, s := range states {
		missing[s] = true
	}
	for round := 0; round == 0 || soaking() && (round < 3 || round < 20 && len(missing) > 0); round++ {
		for _, i := range rand.Perm(len(ref)) {
			ev := ref[i]
			want := states[len(changes(ref[:i]))]
			if ev.path == "" && ev.call == "close" {
				continue // one of dozens; the call after it finds the same on the disk
			}
			for n := ev.nth; n > 0 && (soaking() || missing[want] && runs < mostRuns); n-- {
				runs++
				what := fmt.Sprintf("killed before %s %d", ev.call, n)
				reset(what)
				o, calls := tr.run(t, fmt.Sprintf("%s:signal=KILL:when=%d", ev.call, n), ev.path)
				if o.code == 0 {
					continue // no thread made so many
				}
				if o.code != 128+9 {
					t.Errorf("%s: exit code %d: %s", what, o.code, o.stderr)
				}
				kills++
				left := leftBefore(ref, calls, states, ev.path == "")
				delete(missing, left)
				check(fmt.Sprintf("%s (the next change was %s)", what, left))
				if left == want {
					break
				}
			}
		}
	}
	t.Logf("%d kills; %d of the %d states of the disk that a kill can leave were met", kills, len(states)-len(missing),
		len(states))
	if len(missing) > 0 {
		t.Logf("not met: before %q", slices.Sorted(maps.Keys(missing)))
		if soaking() {
			t.Error("some states of the disk were never met")
		}
	}
}

// leftBefore names the change that would have come next after a kill: by the
// call that was cut off, else, if all calls were seen, by how many were made.
func leftBefore(ref, calls []event, states []string, all bool) string {
	names, known := points(calls), points(ref)
	for i, c := range calls {
		if at := slices.Index(known, names[i]); !c.made && at >= 0 {
			return states[len(changes(ref[:at]))]
		}
	}
	if !all {
		return "unknown"
	}
	return states[min(len(changes(calls)), len(states)-1)]
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
	for deadline := time.Now().Add(patience); p.running() &&
		time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
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
	t.Parallel()
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
	t.Parallel()
	b := traced(t, newBench(t, providertest.Config{}))
	b.mustRun(t, "login", "--browser", "testbrowser")
	tr := &tracer{bench: b, args: []string{"kube", "--interactive", "never"}}
	b.expire(t)
	_, ref := tr.run(t, "", "")
	runs, failed := 0, map[string]int{}
	try := func(ev event, code, when string) (hit bool) {
		b.expire(t)
		path := ev.path
		if strings.HasSuffix(when, "+") {
			path = ""
		}
		o, calls := tr.run(t, fmt.Sprintf("%s:error=%s:when=%s", ev.call, code, when), path)
		at := slices.IndexFunc(calls, func(e event) bool { return e.injected })
		if at < 0 { // it struck elsewhere (a socket, a certificate), or nothing
			b.mustRun(t, "kube")
			return false
		}
		runs++
		what := code + " at"
		for i, c := range calls {
			if c.injected {
				what += " " + points(calls)[i] + ";"
			}
		}
		b.intact(t, what, nil)
		if strings.Contains(o.stderr, "netpollBreak write failed") {
			// It struck Go's runtime as well, on another thread, which ends the process
			// as a kill does: the other tests' affair.
			if !b.live(t) {
				b.mustRun(t, "login", "--browser", "testbrowser")
			}
			b.works(t, what, "kube")
			return false
		}
		socket := ev.call == "write" && path == "" && o.code == exitUnavailable // struck as well, on another thread
		if !(o.code == 0 && document(o.stdout)) && !(o.code == exitStorage && o.stdout == "") && !socket {
			failed[what+": exit code "+strconv.Itoa(o.code)+", "+strings.TrimSpace(o.stderr)]++
		}
		if !b.live(t) {
			failed[what+": THE STORED REFRESH TOKEN IS SPENT"]++
			b.mustRun(t, "login", "--browser", "testbrowser")
		}
		b.works(t, what, "kube")
		return points(calls)[at] == points(ref)[slices.IndexFunc(ref, func(e event) bool { return e == ev })]
	}
	for _, ev := range ref {
		codes := faults[ev.call]
		if !soaking() && len(codes) > 0 {
			looks := ev.call == "close" || ev.call == "openat" && !strings.Contains(ev.name, "O_CREAT")
			if codes = codes[:1]; looks && !strings.Contains(ev.name, "sessions") {
				continue
			}
		}
		for _, code := range codes {
			least := 0 // no file of a random name is found by its path: dozens of counts are tried
			if !soaking() {
				least = max(0, ev.nth-25)
			}
			for n := ev.nth; n > least && !try(ev, code, strconv.Itoa(n)); n-- {
			}
			if ev.call != "write" && ev.call != "openat" && ev.call != "close" {
				try(ev, code, strconv.Itoa(ev.nth)+"+")
			}
		}
	}
	t.Logf("%d runs with an error in a call on the cache", runs)
	for _, what := range slices.Sorted(maps.Keys(failed)) {
		t.Error(what)
	}
}
