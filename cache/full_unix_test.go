//go:build unix

package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/credential"
)

// reserveUnderLimit is a helper: no file may grow beyond 16 KiB, as on a disk
// with that much left.
func reserveUnderLimit(s *Store, skey string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 16 << 10, Max: 16 << 10}); err != nil {
		return err
	}
	room, err := s.Reserve(context.Background(), skey)
	if err == nil {
		room.Release()
		return errors.New("room was found where there is none")
	}
	if !errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("another error: %w", err)
	}
	return nil
}

// Where the next session cannot be written, Reserve says so, and leaves the
// stored one and no litter.
func TestReserveWithoutRoom(t *testing.T) {
	s := newStore(t)
	commit(t, s, "k", aSession())
	if out, err := helper(t, "reserve-small", s, "k").Output(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if rec, err := s.Session("k"); err != nil || rec.RefreshToken.Reveal() != "rt-1" {
		t.Errorf("the stored session reads as %v, %v", rec, err)
	}
	if names := left(t, s, "sessions", "k.json"); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// A disk that fills up after Reserve does not keep Commit from writing.
func TestCommitOnADiskThatFilledUp(t *testing.T) {
	s := smallDisk(t)
	if s == nil {
		t.Log("not root, or no tmpfs: only TestReserveWithoutRoom speaks of full disks here")
		return
	}
	commit(t, s, "k", aSession())
	room, err := s.Reserve(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	if _, err := s.Reserve(context.Background(), "other"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Reserve on a full disk: %v", err)
	}
	if err := s.WriteTokens("k", "t", telltale(1500)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("WriteTokens on a full disk: %v", err)
	}
	rec := aSession()
	rec.RefreshToken = credentialOf(20 << 10)
	if err := room.Commit(rec); err != nil {
		t.Fatalf("Commit into the reserved room: %v", err)
	}
	got, err := s.Session("k")
	if err != nil || !got.RefreshToken.Equal(rec.RefreshToken) {
		t.Errorf("reads as %v", err)
	}
	for _, dir := range []string{"sessions", "tokens/k"} {
		if names := left(t, s, dir, "k.json"); len(names) > 0 {
			t.Errorf("left in %s: %q", dir, names)
		}
	}
}

// fill takes what is left of the disk.
func fill(t *testing.T, s *Store) {
	t.Helper()
	f, err := os.Create(filepath.Join(filepath.Dir(s.path), "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}

// commitReadOnly is a helper: between Reserve and Commit the directory becomes
// one in which nothing can be renamed.
func commitReadOnly(s *Store, skey string) error {
	for _, token := range []string{"first", "second"} {
		room, err := s.Reserve(context.Background(), skey)
		if err != nil {
			return err
		}
		dir := filepath.Join(s.path, "sessions")
		if token == "second" {
			if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a directory
				return err
			}
		}
		rec := aSession()
		rec.RefreshToken = credential.NewSecret(token)
		err = room.Commit(rec)
		if cerr := os.Chmod(dir, 0o700); cerr != nil { //nolint:gosec // a directory
			return cerr
		}
		if token == "first" && err != nil {
			return err
		}
		if token == "second" && err == nil {
			return errors.New("nothing is said of the rename that failed")
		}
		if rec, err := s.Session(skey); err != nil || rec.RefreshToken.Reveal() != token {
			return fmt.Errorf("after Commit the session reads as %v, %w", rec, err)
		}
	}
	return nil
}

// The token before is spent: a rename that is refused does not lose the next.
func TestCommitWhereNothingCanBeRenamed(t *testing.T) {
	base := t.TempDir()
	s := Open(filepath.Join(base, "cache"), func(string) {})
	cmd := helper(t, "commit-read-only", s, "k")
	if os.Geteuid() == 0 { // whom no mode binds: as somebody else, with a copy of the binary that they can reach
		exe, err := os.ReadFile(cmd.Path)
		must(t, err)
		cmd.Path = filepath.Join(base, "helper")
		must(t, os.WriteFile(cmd.Path, exe, 0o700))
		for _, path := range []string{filepath.Dir(base), base, cmd.Path} {
			must(t, os.Chown(path, whoever, whoever))
		}
		cmd.Dir = base
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: whoever, Gid: whoever}}
	}
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}
