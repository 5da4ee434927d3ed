package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// setups are the commands that write a file of the user's: the file, a text that
// is there already, and the command for a profile.
var setups = []struct {
	name, file, text string
	command          func(b *bench, profile string) []string
}{
	{"aws", ".aws/config", "# mine\n[profile mine]\nregion = eu-west-1\n", func(_ *bench, profile string) []string {
		return []string{"setup", "aws", "--aws-profile", profile, "--role-arn", someRole, "--yes"}
	}},
	{"provider", ".config/sso-exec/config.yaml", "# mine\nversion: 1\ndefault-profile: mine\nprofiles:\n  mine:\n" +
		"    issuer: https://login.example.com\n", func(_ *bench, profile string) []string {
		return []string{"setup", "provider", profile, "--yes", "--no-login"}
	}},
	{"kube", ".kube/config", "# mine\napiVersion: v1\nkind: Config\nusers:\n- name: mine\n  user: {}\n",
		func(_ *bench, profile string) []string {
			return []string{"setup", "kube", "--user", profile, "--yes"}
		}},
}

func (b *bench) home() string {
	for _, kv := range slices.Backward(b.env) {
		if home, ok := strings.CutPrefix(kv, "HOME="); ok {
			return home
		}
	}
	return ""
}

// placeFile writes a file of the user's.
func placeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil { //nolint:gosec // a mode to be kept
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSetupsAtOnce: several at one file lose nothing of each other's, nor of what
// was there; some are killed, which holds nobody back.
func TestSetupsAtOnce(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Config{})
			path := filepath.Join(b.home(), s.file)
			placeFile(t, path, s.text)
			for range 4 { // killed somewhere on the way
				p := b.start(t, s.command(b, "killed")...)
				until(t, "a change is shown", func() bool { return strings.Contains(p.stderr.String(), "+++") || !p.running() })
				p.signal(syscall.SIGKILL)
				p.wait(t)
			}
			const n = 8
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					if o := b.run(s.command(b, fmt.Sprint("p", i))...); o.code != 0 {
						t.Errorf("p%d: exit code %d\n%s", i, o.code, o.stderr)
					}
				})
			}
			wg.Wait()
			text := read(t, path)
			for i := range n {
				if strings.Count(text, fmt.Sprintf("p%d", i)) == 0 {
					t.Errorf("p%d is not in it", i)
				}
			}
			if !strings.HasPrefix(text, s.text) {
				t.Errorf("what was there is not kept:\n%s", text)
			}
			for i := range n { // each is what its command makes
				if o := b.run(s.command(b, fmt.Sprint("p", i))...); o.code != 0 ||
					!strings.Contains(o.stdout, "Nothing to change") {
					t.Errorf("p%d again: exit code %d\n%s%s", i, o.code, o.stdout, o.stderr)
				}
			}
		})
	}
}

// TestSetupFindsLeftLock: a lock of kubectl's kind that a killed sso-exec left.
func TestSetupFindsLeftLock(t *testing.T) {
	b := newBench(t, providertest.Config{})
	lock := filepath.Join(b.home(), ".kube", "config.lock")
	placeFile(t, lock, "")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(lock, old, old); err != nil {
		t.Fatal(err)
	}
	b.mustRun(t, "setup", "kube", "--user", "a", "--yes")
	placeFile(t, lock, "sso-exec\n")
	b.mustRun(t, "setup", "kube", "--user", "b", "--yes")
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock is still there")
	}
}

// TestSetupMounted: a file that is a mount of its own cannot be replaced.
func TestSetupMounted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not tried: only root may mount")
		return
	}
	for _, s := range setups {
		b := newBench(t, providertest.Config{})
		path, other := filepath.Join(b.home(), s.file), filepath.Join(t.TempDir(), "other")
		placeFile(t, path, "")
		placeFile(t, other, s.text)
		if err := syscall.Mount(other, path, "", syscall.MS_BIND, ""); err != nil {
			t.Logf("not tried: %v", err)
			return
		}
		unmount := sync.OnceFunc(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
		t.Cleanup(unmount)
		o := b.mustRun(t, s.command(b, "dev")...)
		text := read(t, other)
		if !strings.HasPrefix(text, s.text) || !strings.Contains(text, "dev") ||
			!strings.Contains(o.stderr, "written in place") {
			t.Errorf("%s: %s\n%s", s.name, o.stderr, text)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", s.name, st.Mode(), err)
		}
		unmount()
		entries, _ := os.ReadDir(filepath.Dir(path))
		for _, e := range entries {
			if name := e.Name(); name != filepath.Base(path) && name != filepath.Base(path)+".bak" {
				t.Errorf("%s: %s was left", s.name, name)
			}
		}
	}
}
