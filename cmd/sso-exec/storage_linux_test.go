package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// users runs the command as users that nobody is: only root can.
type users struct {
	*bench
	t *testing.T
}

const alice, mallory, staff = 54321, 54322, 54399

func newUsers(t *testing.T) *users {
	b := newBench(t, providertest.Config{Clients: []providertest.Client{{ID: "cli"}, {ID: "svc", Secret: serviceSecret}}})
	open(t, b.bin)
	return &users{b, t}
}

// as runs the command as a user, for a service's token, which needs nobody.
func (u *users) as(uid, gid int, groups []uint32, env []string, args ...string) outcome {
	u.t.Helper()
	args = append([]string{"token", "--flow", "client-credentials", "--ca-data", encodeCA(u.idp.CAPEM()), "--issuer",
		u.idp.Issuer(), "--client-id", "svc"}, args...)
	return u.runAs(uid, gid, groups, env, args...)
}

func (u *users) runAs(uid, gid int, groups []uint32, env []string, args ...string) outcome {
	u.t.Helper()
	cmd := exec.Command(u.bin, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "SSO_EXEC_CLIENT_SECRET=" + serviceSecret}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid),
		Groups: groups}} //nolint:gosec // they fit
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// onlyRoot reports whether this is root, who alone can be two users.
func onlyRoot(t *testing.T) bool {
	if os.Geteuid() != 0 {
		t.Log("not root: there are no other users to try it with")
		return false
	}
	return true
}

// givenDir makes a directory with a mode and an owner.
func givenDir(t *testing.T, path string, uid, gid int, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(path, 0o700), os.Chown(path, uid, gid), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// TestAboveTheCache: where somebody else could put a directory of theirs in the
// place of the cache, or of one above it, nothing is made and nobody is prompted.
func TestAboveTheCache(t *testing.T) {
	if !onlyRoot(t) {
		return
	}
	u := newUsers(t)
	const sticky = os.ModeSticky
	type dir struct {
		name     string
		uid, gid int
		mode     os.FileMode
	}
	home := func(uid, gid int, mode os.FileMode) []dir { return []dir{{"x", uid, gid, mode}} }
	for i, c := range []struct {
		dirs []dir
		ok   bool
	}{
		{home(alice, alice, 0o700), true},
		{home(alice, alice, 0o775), true}, // a private group, as umask 002 has it
		{home(0, alice, 0o775|os.ModeSetgid), true},
		{home(0, 0, 0o777|sticky), true},
		{home(alice, staff, 0o777|sticky), true},
		{home(0, staff, 0o775|sticky), true},
		{home(mallory, mallory, 0o777|sticky), false},
		{home(mallory, mallory, 0o755), false},
		{home(mallory, alice, 0o770), false},
		{home(alice, staff, 0o775), false},
		{home(alice, staff, 0o730), false},
		{home(0, staff, 0o775), false},
		{home(alice, alice, 0o777), false},
		{home(0, 0, 0o777), false},
		{append(home(mallory, mallory, 0o777|sticky), dir{"x/own", alice, alice, 0o700}), false},
		{append(home(alice, staff, 0o775), dir{"x/own", alice, alice, 0o700}), false},
		{append(home(0, 0, 0o777|sticky), dir{"x/own", alice, alice, 0o700}), true},
		{append(home(0, 0, 0o777|sticky), dir{"x/.cache", mallory, mallory, 0o777}), false},
	} {
		base := filepath.Join(t.TempDir(), strconv.Itoa(i))
		for _, d := range c.dirs {
			givenDir(t, filepath.Join(base, d.name), d.uid, d.gid, d.mode)
		}
		open(t, filepath.Join(base, "x"))
		parent := filepath.Join(base, c.dirs[len(c.dirs)-1].name)
		cache := filepath.Join(parent, "sso-exec")
		ways := []struct {
			env, args []string
			at        string
		}{
			{nil, []string{"--cache-dir", cache}, cache},
			{[]string{"SSO_EXEC_CACHE_DIR=" + cache}, nil, cache},
			{[]string{"XDG_CACHE_HOME=" + parent}, nil, cache},
			{[]string{"HOME=" + strings.TrimSuffix(parent, "/.cache")}, nil,
				filepath.Join(strings.TrimSuffix(parent, "/.cache"), ".cache", "sso-exec")},
			{nil, []string{"--cache-dir", filepath.Join(parent, "new", "cache")}, filepath.Join(parent, "new", "cache")},
		}
		for _, there := range []bool{false, true} {
			for _, w := range ways {
				name := fmt.Sprintf("%+v %v%v, there: %v", c.dirs, w.env, w.args, there)
				if there && w.at == cache {
					if len(w.args) == 0 { // one way does to show that it is the same
						continue
					}
					givenDir(t, cache, alice, alice, 0o700)
				} else if there {
					continue
				}
				before, had := u.idp.Requests().ClientCredentials, exists(w.at)
				o := u.as(alice, alice, []uint32{staff}, w.env, w.args...)
				switch {
				case c.ok && (o.code != 0 || o.stderr != "" || !exists(w.at)):
					t.Errorf("%s: exit code %d, %s", name, o.code, o.stderr)
				case !c.ok && (o.code != exitStorage || o.stdout != "" || exists(w.at) != had ||
					u.idp.Requests().ClientCredentials != before):
					t.Errorf("%s: exit code %d, %s; made: %v", name, o.code, o.stderr, exists(w.at))
				case !c.ok && strings.Contains(o.stderr, "chown"):
					t.Errorf("%s: %s", name, o.stderr)
				}
				for _, more := range [][]string{{"status"}, {"login", "--flow", "client-credentials"},
					{"setup", "provider", "p", "--yes", "--no-login", "--config", filepath.Join(base, "config.yaml")}} {
					if c.ok || !there {
						break
					}
					o := u.runAs(alice, alice, nil,
						append([]string{"SSO_EXEC_CACHE_DIR=" + w.at, "SSO_EXEC_ISSUER=" + u.idp.Issuer(), "SSO_EXEC_CLIENT_ID=svc"},
							w.env...), more...)
					if o.code != exitStorage || strings.Contains(o.stdout, "Nobody") {
						t.Errorf("%s: %v: exit code %d, %s%s", name, more, o.code, o.stdout, o.stderr)
					}
				}
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestLinksAboveTheCache: a link on the way to the cache counts by where it is and
// by where it leads.
func TestLinksAboveTheCache(t *testing.T) {
	if !onlyRoot(t) {
		return
	}
	u := newUsers(t)
	base := t.TempDir()
	tmp, own, theirs := filepath.Join(base, "tmp"), filepath.Join(base, "own"), filepath.Join(base, "theirs")
	givenDir(t, tmp, 0, 0, 0o777|os.ModeSticky)
	givenDir(t, own, alice, alice, 0o700)
	givenDir(t, theirs, mallory, mallory, 0o777|os.ModeSticky)
	open(t, tmp)
	for _, c := range []struct {
		link, to string
		uid      int
		ok       bool
	}{
		{filepath.Join(tmp, "mine"), own, alice, true},
		{filepath.Join(tmp, "relative"), "../own", alice, true},
		{filepath.Join(tmp, "of-another"), own, mallory, false},
		{filepath.Join(tmp, "into-theirs"), theirs, alice, false},
		{filepath.Join(theirs, "out"), own, alice, false},
		{filepath.Join(own, "again"), filepath.Join(theirs, "out"), alice, false},
	} {
		if err := errors.Join(os.Symlink(c.to, c.link), os.Lchown(c.link, c.uid, c.uid)); err != nil {
			t.Fatal(err)
		}
		o := u.as(alice, alice, nil, nil, "--cache-dir", filepath.Join(c.link, "cache"))
		if c.ok != (o.code == 0) || !c.ok && o.code != exitStorage {
			t.Errorf("%s to %s, of %d: exit code %d, %s", c.link, c.to, c.uid, o.code, o.stderr)
		}
	}
}

// TestLockIsSwapped: while one waits for a lock, a directory with links is put in
// the place of the cache. What the links lead to stays as it is, to the byte.
func TestLockIsSwapped(t *testing.T) {
	b := newBench(t, providertest.Config{Clients: []providertest.Client{{ID: "cli", Secret: serviceSecret}}})
	b.setenv("SSO_EXEC_CLIENT_SECRET", serviceSecret)
	args := []string{"token", "--flow", "client-credentials", "--force", "-v"}
	b.mustRun(t, args...)
	names, err := filepath.Glob(filepath.Join(b.dir, "locks", "*.refresh"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	held, err := os.OpenFile(names[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	p := b.start(t, args...)
	until(t, "it waits for the lock", func() bool {
		opened, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid()))
		for _, fd := range opened {
			if to, _ := os.Readlink(fd); to == names[0] {
				return true
			}
		}
		return false
	})
	precious := filepath.Join(t.TempDir(), "authorized_keys")
	if err := errors.Join(os.WriteFile(precious, []byte("ssh-ed25519 AAAA\n"), 0o600), os.Rename(b.dir, b.dir+".was"),
		os.MkdirAll(filepath.Join(b.dir, "locks"), 0o700), os.Symlink(precious, names[0]), held.Close()); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	if text, _ := os.ReadFile(precious); string(text) != "ssh-ed25519 AAAA\n" {
		t.Errorf("written to what a link leads to: %q", text)
	}
	if o := b.run(args...); o.code != exitStorage || !strings.Contains(o.stderr, "symbolic link") {
		t.Errorf("a lock that is a link: exit code %d, %s", o.code, o.stderr)
	}
	for what, spoil := range map[string]func(lock string) error{
		"a second name": func(lock string) error { return os.Link(precious, lock) },
		"not a regular": func(lock string) error { return os.Mkdir(lock, 0o700) },
		"not a regular file": func(lock string) error {
			return syscall.Mkfifo(lock, 0o600)
		},
		"accessible to others": func(lock string) error {
			return errors.Join(os.WriteFile(lock, nil, 0o600), os.Chmod(lock, 0o620)) //nolint:gosec // that is the point
		},
		"belongs to user 54322": func(lock string) error {
			if !onlyRoot(t) {
				return os.Symlink("belongs to user 54322", lock)
			}
			return errors.Join(os.WriteFile(lock, nil, 0o600), os.Chown(lock, mallory, mallory))
		},
	} {
		for _, purpose := range []string{"refresh", "sweep"} {
			lock := names[0]
			if purpose == "sweep" {
				lock = filepath.Join(b.dir, "locks", "all.sweep")
			}
			if err := errors.Join(os.RemoveAll(filepath.Join(b.dir, "locks")), os.Mkdir(filepath.Join(b.dir, "locks"), 0o700),
				spoil(lock)); err != nil {
				t.Fatal(err)
			}
			o := b.run(args...)
			if purpose == "refresh" && (o.code != exitStorage || !strings.Contains(o.stderr, what)) && os.Geteuid() == 0 {
				t.Errorf("a lock with %s: exit code %d, %s", what, o.code, o.stderr)
			}
			if text, _ := os.ReadFile(precious); string(text) != "ssh-ed25519 AAAA\n" {
				t.Errorf("%s %s: written to: %q", what, purpose, text)
			}
		}
	}
}

// TestPods: the documented ways to keep sessions in a pod (docs/storage.md).
func TestPods(t *testing.T) {
	if !onlyRoot(t) {
		return
	}
	u := newUsers(t)
	base := t.TempDir()
	open(t, filepath.Join(base, "x"))
	const arbitrary = 1000650000
	volume := func(name string, gid int, mode os.FileMode) string {
		path := filepath.Join(base, name)
		givenDir(t, path, 0, gid, mode)
		return path
	}
	for _, c := range []struct {
		name, dir string
		gid       int
		groups    []uint32
		ok        bool
	}{
		{"an image's directory of the group root", volume("image", 0, 0o775), 0, nil, true},
		{"fsGroup like the user", volume("like", arbitrary, 0o775|os.ModeSetgid), 0, []uint32{arbitrary}, true},
		{"fsGroup and runAsGroup like the user", volume("both", arbitrary, 0o775|os.ModeSetgid), arbitrary, nil, true},
		{"another fsGroup", volume("another", staff, 0o775|os.ModeSetgid), 0, []uint32{staff}, false},
		{"an emptyDir", volume("empty", 0, 0o777), 0, nil, false},
		{"an emptyDir with fsGroup", volume("emptyfs", arbitrary, 0o777|os.ModeSetgid), 0, []uint32{arbitrary}, false},
		{"an emptyDir that is sticky", volume("sticky", arbitrary, 0o777|os.ModeSetgid|os.ModeSticky), 0, []uint32{arbitrary},
			true},
	} {
		env := []string{"HOME=/", "SSO_EXEC_CACHE_DIR=" + filepath.Join(c.dir, "sso-exec")}
		before := u.idp.Requests().ClientCredentials
		for range 2 {
			o := u.as(arbitrary, c.gid, c.groups, env)
			if c.ok && (o.code != 0 || o.stderr != "") || !c.ok &&
				(o.code != exitStorage || !strings.Contains(o.stderr, "/dev/shm/sso-exec")) {
				t.Errorf("%s: exit code %d, %s", c.name, o.code, o.stderr)
			}
		}
		if n := u.idp.Requests().ClientCredentials - before; c.ok && n != 1 || !c.ok && n != 0 {
			t.Errorf("%s: %d requests for two runs", c.name, n)
		}
		if !c.ok {
			continue
		}
		// Without fsGroupChangePolicy: OnRootMismatch each start of the pod opens all
		// files to the group; they are refused then, with what to do.
		err := filepath.WalkDir(filepath.Join(c.dir, "sso-exec"), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o660) //nolint:gosec // as kubelet does
		})
		if err != nil {
			t.Fatal(err)
		}
		if o := u.as(arbitrary, c.gid, c.groups, env); o.code != exitStorage || !strings.Contains(o.stderr, "chmod 600 ") {
			t.Errorf("%s, opened to the group: exit code %d, %s", c.name, o.code, o.stderr)
		}
	}
}
