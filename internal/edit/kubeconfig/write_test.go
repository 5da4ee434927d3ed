package kubeconfig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/sso-exec/sso-exec/internal/fault"
)

func to(text string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(text), nil }
}

// only fails if there is anything but these names in a directory: a lock, or a
// file that was to replace another.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("in the directory: %q, want %q", got, names)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// cannot tells whether an error is of the storage, and begins with these words.
func cannot(err error, words string) bool {
	return errors.Is(err, fault.Storage) && strings.HasPrefix(err.Error(), words)
}

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "config")
	for _, text := range []string{"one", "longer", "s"} {
		old := ""
		err := Update(t.Context(), path, func(b []byte) ([]byte, error) {
			old = string(b)
			return []byte(text), nil
		})
		if err != nil || content(t, path) != text {
			t.Fatalf("%q: %v", content(t, path), err)
		}
		if text == "longer" && old != "one" {
			t.Errorf("the old text is %q", old)
		}
	}
	only(t, filepath.Dir(path), "config")
	// A failure, and an edit that changes nothing, leave the file as it is.
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no")
	if err := Update(t.Context(), path, func([]byte) ([]byte, error) { return []byte("x"), failure }); !errors.Is(err,
		failure) {
		t.Error(err)
	}
	if err := Update(t.Context(), path, to("s")); err != nil {
		t.Error(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || content(t, path) != "s" {
		t.Errorf("it was written: %v", err)
	}
	only(t, filepath.Dir(path), "config")
}

// kubectl's lock is waited for, for a bounded time, and left where it is.
func TestStaleLock(t *testing.T) {
	defer func(d time.Duration) { lockWait = d }(lockWait)
	lockWait = 30 * time.Millisecond
	dir := write(t, map[string]string{"config": "old", "config.lock": ""})
	path := filepath.Join(dir, "config")
	if err := Update(t.Context(), path, to("new")); !cannot(err, path+".lock is there: ") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lockWait = time.Hour
	if err := Update(ctx, path, to("new")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	only(t, dir, "config", "config.lock")
	if content(t, path) != "old" {
		t.Error("it was written")
	}
	// Once it is gone the wait ends.
	done := make(chan error)
	go func() { done <- Update(t.Context(), path, to("new")) }()
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || content(t, path) != "new" {
		t.Errorf("%q, %v", content(t, path), err)
	}
}

// A lock that a killed process has left holds nobody back, whoever it was.
func TestLeftLock(t *testing.T) {
	defer func(d time.Duration) { lockWait = d }(lockWait)
	lockWait = 30 * time.Millisecond
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		age  time.Duration
		left bool
	}{
		"ours": {lockText, 0o600, 0, true}, "kubectl's": {"", 0, 2 * time.Minute, true},
		"kubectl's, perhaps alive": {"", 0, 0, false}, "somebody's": {"42", 0o600, time.Hour, false},
	} {
		dir := write(t, map[string]string{"config": "old", "config.lock": c.text})
		path := filepath.Join(dir, "config")
		at := time.Now().Add(-c.age)
		if err := errors.Join(os.Chmod(path+".lock", c.mode), os.Chtimes(path+".lock", at, at)); err != nil {
			t.Fatal(err)
		}
		err := Update(t.Context(), path, to("new"))
		c.left = c.left && runtime.GOOS != "windows" // where all that is left stays, as kubectl's does
		if c.left && (err != nil || content(t, path) != "new") || !c.left && !cannot(err, path+".lock is there: ") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path + ".lock"); (err == nil) == c.left {
			t.Errorf("%s: the lock: %v", name, err)
		}
	}
	// One that somebody holds is nobody else's.
	path := filepath.Join(write(t, map[string]string{"config": "old"}), "config")
	err := Update(t.Context(), path, func([]byte) ([]byte, error) {
		if err := Update(t.Context(), path, to("other")); !cannot(err, path+".lock is there: ") {
			t.Errorf("%v", err)
		}
		return []byte("new"), nil
	})
	if err != nil || content(t, path) != "new" {
		t.Errorf("%v, %q", err, content(t, path))
	}
}

// Many writers lose nothing of each other's.
func TestConcurrentUpdates(t *testing.T) {
	defer func(d time.Duration) { lockWait = d }(lockWait)
	lockWait = time.Hour
	path := filepath.Join(write(t, map[string]string{"config": "kind: Config\nusers: []\n"}), "config")
	const writers = 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			err := Update(t.Context(), path, func(old []byte) ([]byte, error) {
				return SetUser(old, fmt.Sprint("user", i), corp, false)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := judge(t, []byte(content(t, path))); len(c.AuthInfos) != writers {
		t.Errorf("%d users", len(c.AuthInfos))
	}
}

// The lock is client-go's own: while it is ours, kubectl config fails.
func TestLockIsClientGos(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"config": "kind: Config\n"}), "config")
	rules := clientcmd.NewDefaultPathOptions()
	rules.LoadingRules.ExplicitPath = path
	kubectl := func() error {
		return clientcmd.ModifyConfig(rules, api.Config{CurrentContext: "x"}, false)
	}
	err := Update(t.Context(), path, func(old []byte) ([]byte, error) {
		if err := kubectl(); !errors.Is(err, os.ErrExist) {
			t.Errorf("kubectl config: %v", err)
		}
		return SetUser(old, "corp", corp, false)
	})
	if err != nil {
		t.Error(err)
	}
	if err := kubectl(); err != nil {
		t.Errorf("kubectl config, later: %v", err)
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, os.DevNull} {
		if err := writeFile(path, []byte("x")); err == nil || !strings.Contains(err.Error(), "regular") {
			t.Errorf("%s: %v", path, err)
		}
	}
	only(t, dir)
}
