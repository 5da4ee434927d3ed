//go:build unix

package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// The kubelet writes a new directory, swaps the link ..data and removes the old
// directory, while many read.
func TestKubernetesRotationRace(t *testing.T) {
	env := at(t, nil)
	env.pause = sleep
	dir := env.Root
	swap := func(i int) {
		name := fmt.Sprintf("..2024_%d", i)
		put(t, dir, name+"/token", podToken("web", "uid-1", now+int64(i)))
		tmp := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(name, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		_ = os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..2024_%d", i-1)))
	}
	swap(1)
	if err := os.Symlink("..data/token", filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	s := parse(t, "kubernetes:"+filepath.Join(dir, "token"), env)
	principal, err := s.Principal()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers, swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 2; ; i++ {
			select {
			case <-stop:
				return
			default:
				swap(i)
			}
		}
	})
	for range 50 {
		readers.Go(func() {
			for range 40 {
				if _, err := s.Token(t.Context(), wanted); err != nil {
					t.Error(err)
				}
				if p, err := s.Principal(); err != nil || p != principal {
					t.Errorf("principal %s, %v", p, err)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	swapper.Wait()
}

// The kubelet has removed the old directory, and the link was followed there.
func TestLinkBeingSwapped(t *testing.T) {
	env := at(t, nil)
	put(t, env.Root, "..new/token", podToken("web", "uid-1", now))
	data, path := filepath.Join(env.Root, "..data"), filepath.Join(env.Root, "token")
	for name, target := range map[string]string{data: "..old", path: "..data/token"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	looked := 0
	env.pause = func(context.Context, time.Duration) error {
		if looked++; looked == 3 {
			_ = os.Remove(data)
			return os.Symlink("..new", data)
		}
		return nil
	}
	check(t, parse(t, "kubernetes:"+path, env), wanted, "ok", "")
	if looked != 3 {
		t.Errorf("looked again %d times", looked)
	}
}
