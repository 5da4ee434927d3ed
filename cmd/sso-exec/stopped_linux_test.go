package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStoppedBeforeSignIn: a process has seen that nobody is signed in, and stands
// still before it comes to the sign-in's lock. What another one has signed in to
// meanwhile serves it, also where that was for another organization, though it
// never waited for it.
func TestStoppedBeforeSignIn(t *testing.T) {
	requireStrace(t)
	b, i := newOrgBench(t)
	b.setenv("DISPLAY", ":0")
	for _, org := range []string{"org_A", "org_B"} {
		b.mustRun(t, "login", "--profile", "org_A") // makes the lock's file
		b.mustRun(t, "logout", "--profile", "org_A")
		locks, err := filepath.Glob(filepath.Join(b.dir, "locks", "*.sign-in"))
		if err != nil || len(locks) != 1 {
			t.Fatal(locks, err)
		}
		log := filepath.Join(t.TempDir(), "strace")
		// Not at openat: a lock is opened by its name in a directory that is open.
		p := startCommand(t, b.env, "strace", "-f", "-qq", "-o", log, "-P", locks[0], "-e", "trace=flock",
			"-e", "inject=flock:error=EINTR:signal=SIGSTOP:when=1", b.bin, "token", "--profile", org)
		until(t, "it stands still", func() bool {
			text, _ := os.ReadFile(log)
			return strings.Contains(string(text), "stopped by SIGSTOP")
		})
		pages := func() (n int) {
			i.with(func() { n = i.pages })
			return n
		}
		before := pages()
		b.mustRun(t, "login", "--profile", "org_A")
		until(t, "it ends", func() bool { // each of its threads stops once
			_ = syscall.Kill(-p.pid(), syscall.SIGCONT)
			return !p.running()
		})
		if o := p.wait(t); o.code != 0 || orgOfJWT(strings.TrimSpace(o.stdout)) != org {
			t.Errorf("%s: exit code %d, %s", org, o.code, o.stderr)
		}
		if n := pages() - before; n != 1 {
			t.Errorf("%s: %d pages, want one", org, n)
		}
		b.mustRun(t, "logout", "--profile", "org_A")
	}
	if c := i.Counts(); c.Reuses != 0 || c.Replays != 0 {
		t.Errorf("%+v", c)
	}
}
