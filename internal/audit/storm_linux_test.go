package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// TestMain is also a writer: a process that records events, and tells of each that
// it is written.
func TestMain(m *testing.M) {
	dir := os.Getenv("AUDIT_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // strace counts the calls of each thread
	tr := &Trail{Dir: dir, Required: os.Getenv("AUDIT_TEST_REQUIRED") != "",
		Warn: func(what string) { fmt.Fprintln(os.Stderr, what) }}
	for i := range 5 {
		id := fmt.Sprintf("%s.%d", os.Getenv("AUDIT_TEST_ID"), i)
		_ = tr.Record(Event{Event: Refresh, Subject: id, Target: strings.Repeat("x", maxText)})
		fmt.Println(id)
	}
}

// writer prepares a process that writes five events.
func writer(t *testing.T, dir, id string, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(before, self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "AUDIT_TEST_DIR="+dir, "AUDIT_TEST_ID="+id, "GOMAXPROCS=1")
	return cmd
}

// Two hundred processes write while the file is rotated under them, every fifth is
// killed before some system call: every line is whole, none is there twice, those
// that a process knew to be written are all there.
func TestCrashStorm(t *testing.T) {
	if out, err := exec.Command("strace", "-f", "-qq", "-e", "trace=none", "true").CombinedOutput(); err != nil {
		t.Fatalf("THIS PROOF NEEDS strace AND THE RIGHT TO USE ptrace: %v: %s", err, out)
	}
	const processes, each = 200, 5
	dir := filepath.Join(t.TempDir(), "state")
	line := Event{Time: time.Now(), Event: SignIn, Subject: "old", Target: strings.Repeat("x", maxText)}.line()
	old := bytes.Repeat(line, (maxSize-50*each*len(line))/len(line)) // it is full after 50 of them
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, fileName), old, 0o600)); err != nil {
		t.Fatal(err)
	}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		wrote = map[string]bool{}
		dead  int
		most  = make(chan struct{}, 24) // at once, or strace slows all of them down to nothing
	)
	for p := range processes {
		cmd := writer(t, dir, fmt.Sprint(p))
		if p%5 == 0 {
			calls := "openat,flock,fstat,pread64,write,renameat,fchmod,close"
			cmd = writer(t, dir, fmt.Sprint(p), "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+calls,
				"-P", filepath.Join(dir, fileName), "-P", filepath.Join(dir, lockName), "-P", dir,
				"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", calls, 1+p/5%20)) // a process makes twenty at least
		}
		wait.Go(func() {
			most <- struct{}{}
			defer func() { <-most }()
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				dead++
			}
			if stderr.Len() > 0 || err != nil && p%5 != 0 {
				t.Errorf("process %d: %v: %s", p, err, &stderr)
			}
			for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
				wrote[s.Text()] = true
			}
		})
	}
	// Somebody reads meanwhile: what they see is whole, too.
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		case <-time.After(50 * time.Millisecond):
		}
		if _, broken := events(t, dir); broken > 0 {
			t.Errorf("%d broken lines", broken)
		}
	}
	got, seen := 0, map[string]bool{}
	all, _ := events(t, dir)
	for _, e := range all {
		if e.Subject == "old" {
			got++
			continue
		}
		if seen[e.Subject] {
			t.Errorf("%s is there twice", e.Subject)
		}
		seen[e.Subject] = true
	}
	if want := len(old) / len(line); got != want {
		t.Errorf("%d of the old lines, want %d", got, want)
	}
	for id := range wrote {
		if !seen[id] {
			t.Errorf("%s is lost", id)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, fileName+".1")); err != nil || dead < processes/10 ||
		len(wrote) < processes*each*4/5 {
		t.Errorf("%v; %d processes died, %d lines are known to be written: the storm shows nothing", err, dead, len(wrote))
	}
	t.Logf("%d processes died, %d lines", dead, len(seen))
}

// A process that is stopped while it has the lock keeps nobody from writing.
func TestStoppedHolder(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	if err := tr.Record(Event{Event: SignIn}); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(tr.Dir, lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := tr.Record(Event{Event: Refresh}); err != nil {
		t.Fatal(err)
	}
	if got, _ := events(t, tr.Dir); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// On a full disk, and on one that is read-only, the trail is a warning; what is
// written once there is room again is whole.
func TestDiskThatTakesNothing(t *testing.T) {
	mount := t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a disk must be mounted to fill up, which needs root: %v", err)
		}
		fmt.Fprintln(os.Stderr, "NOT TESTED: a full disk; none can be mounted here:", err)
		return
	}
	defer unix.Unmount(mount, unix.MNT_DETACH)
	var said []string
	dir := filepath.Join(mount, "state")
	record := func() {
		tr := &Trail{Dir: dir, Warn: func(what string) { said = append(said, what) }}
		if err := tr.Record(Event{Event: Refresh, Target: strings.Repeat("x", maxText)}); err != nil {
			t.Error(err)
		}
	}
	for len(said) == 0 {
		record()
	}
	if !strings.Contains(said[0], "no space left") {
		t.Errorf("said %q", said)
	}
	required := &Trail{Dir: dir, Required: true, system: systemLog{nowhere, []string{}}}
	if err := required.Ready(); !errors.Is(err, fault.Storage) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("it is required, and the disk is full: %v", err)
	}
	full, _ := events(t, dir)
	if err := unix.Mount("", mount, "", unix.MS_REMOUNT, "size=128k"); err != nil {
		t.Fatal(err)
	}
	record()
	if err := required.Ready(); err != nil {
		t.Error(err)
	}
	if got, _ := events(t, dir); len(got) != len(full)+1 || len(said) != 1 {
		t.Errorf("%d events after %d; said %q", len(got), len(full), said)
	}
	if err := unix.Mount("", mount, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	record()
	if got, _ := events(t, dir); len(got) != len(full)+1 || len(said) != 2 || !strings.Contains(said[1], "read-only") {
		t.Errorf("%d events after %d; said %q", len(got), len(full), said)
	}
}
