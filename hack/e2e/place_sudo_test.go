package e2e

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

// TestPlaceSudo: a desktop with its display at hand, but the browser would be
// another user's.
func TestPlaceSudo(t *testing.T) {
	t.Parallel()
	want := choice{"device", "stderr", "sudo"}
	t.Run("from a person to root", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		p, words := desktop(c).onTerminal(), []string{}
		if os.Getuid() == 0 {
			// sudo has to begin with somebody else, who may do this.
			sudoers := c.write("sudoers", "nobody ALL=(ALL:ALL) NOPASSWD:SETENV: ALL\n")
			if err := os.Chmod(sudoers, 0o440); err != nil {
				t.Fatal(err)
			}
			p.root.Over["/etc/sudoers"] = sudoers
			uid, gid := nobody(t)
			words = []string{"/usr/bin/setpriv", "--reuid=" + strconv.Itoa(uid), "--regid=" + strconv.Itoa(gid),
				"--clear-groups", "--"}
		} else {
			p.root = nil // in a user namespace nobody can become root
			t.Cleanup(func() { exec.Command(mustTool(t, "sudo"), "-n", "rm", "-rf", c.cache).Run() })
		}
		p.by = append(words, mustTarget(t, "sudo"), "-n", "-E")
		p.kube().check(c, want)
	})
	t.Run("to a service's user", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		store := t.TempDir()
		if err := os.Chmod(store, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
		c.cache = filepath.Join(store, "cache")
		p := desktop(c).onTerminal()
		p.root.Binds = append(p.root.Binds, store)
		if os.Getuid() != 0 {
			p.root = nil
			t.Cleanup(func() { exec.Command(mustTool(t, "sudo"), "-n", "rm", "-rf", c.cache).Run() })
		}
		p.by = []string{mustTarget(t, "sudo"), "-n", "-E", "-H", "-u", "nobody"}
		p.kube().check(c, want)
	})
}

func nobody(t *testing.T) (uid, gid int) {
	t.Helper()
	who, err := user.Lookup("nobody")
	if err == nil {
		uid, err = strconv.Atoi(who.Uid)
	}
	if err == nil {
		gid, err = strconv.Atoi(who.Gid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}
