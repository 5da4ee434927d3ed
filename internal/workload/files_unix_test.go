//go:build unix

package workload

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe that nobody writes into must not be waited for; a link is followed; a
// loose mode is fine; a file of others that cannot be read is named.
func TestOddFiles(t *testing.T) {
	env := at(t, nil)
	pipe := filepath.Join(env.Root, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := parse(t, "file:"+pipe, env)
	check(t, s, wanted, "not here", "is a pipe")
	if err := s.Available(); kind(err) != "not here" {
		t.Error(err)
	}
	link := filepath.Join(env.Root, "link")
	target := put(t, env.Root, "target", good(wanted))
	if err := os.Chmod(target, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	check(t, parse(t, "file:"+link, env), wanted, "ok", "")
	loop := filepath.Join(env.Root, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	check(t, parse(t, "file:"+loop, env), wanted, "not here", "")
	if os.Geteuid() == 0 {
		t.Log("root reads every file")
		return
	}
	if err := os.Chmod(target, 0); err != nil {
		t.Fatal(err)
	}
	check(t, parse(t, "file:"+target, env), wanted, "not here", "cannot be read by this user")
}
