package kubeconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// storage is a failure to lock or to write a file.
func storage(err error, hints ...string) error {
	return &fault.Error{Kind: fault.Storage, Err: err, Hints: hints}
}

func readOnly(path string) error {
	return storage(errors.New(path+" is read-only"), "make it writable, or name another file with --kubeconfig")
}

// notWritten says that a file, its lock or its backup cannot be written, unless
// the error says that itself.
func notWritten(path string, err error) error {
	if err == nil || errors.Is(err, fault.Storage) {
		return err
	}
	return storage(fmt.Errorf("%s cannot be written: %w", path, err),
		"make room or fix that place, or name another file with --kubeconfig")
}

// lockWait is how long an Update waits for the lock. kubectl does not wait at
// all, and holds it for some milliseconds.
var lockWait = 5 * time.Second

// lockPoll is how often it looks.
const lockPoll = 20 * time.Millisecond

// Update replaces a file by what edit makes of its text, under kubectl's lock. A
// file that is not there has no text; it is made with mode 0600, its directory
// with 0755, as kubectl does. If edit fails, or changes nothing, nothing is
// written. What keeps it from writing is a [fault.Storage]. It must not wait for a
// person: whoever kills us meanwhile leaves a lock that nobody opens.
func Update(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as kubectl does; the file is 0600
		return notWritten(path, err)
	}
	unlock, err := lock(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	old, err := Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := edit(old)
	if err != nil || bytes.Equal(text, old) {
		return err
	}
	return notWritten(path, writeFile(path, text))
}

// lock makes path's lock file as client-go does, which fails if it is there.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	name := path + ".lock"
	for deadline := time.After(lockWait); ; {
		err := hold(name)
		if errors.Is(err, fs.ErrExist) {
			err = takeOver(name)
		}
		if err == nil {
			return func() error { return release(name) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, notWritten(path, fmt.Errorf("it cannot be locked: %w", err))
		}
		select {
		case <-time.After(lockPoll):
		case <-deadline:
			return nil, storage(fmt.Errorf("%s is there: another kubectl writes the file now, or was killed while it did; "+
				"in that case remove it", name))
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// held are the lock files that this process has, open and locked.
var held struct {
	sync.Mutex
	files map[string]*os.File
}

// lockText is in our lock files, kubectl's are empty. It is written under the
// system's lock on the file, which ends with the process that has it: so a lock
// file with this text that can be locked was left by one that was killed.
const lockText = "sso-exec\n"

// lockAge is when an empty lock file was left by a kubectl that was killed.
const lockAge = time.Minute

// hold makes a lock file, which fails if it is there.
func hold(name string) error {
	held.Lock()
	defer held.Unlock()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		tryLock(f)
		own(name, f)
	}
	return err
}

// takeOver makes a lock file ours that a killed process has left; else it fails
// as hold does.
func takeOver(name string) error {
	st, err := os.Lstat(name)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 && time.Since(st.ModTime()) < lockAge {
		return fs.ErrExist
	}
	if st.Mode().Perm() == 0 { // kubectl's
		_ = os.Chmod(name, 0o600)
	}
	held.Lock()
	defer held.Unlock()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fs.ErrExist
	}
	text, err := io.ReadAll(io.LimitReader(f, 100))
	if err == nil && (len(text) == 0 || string(text) == lockText) && tryLock(f) {
		// Whoever had it may have removed it meanwhile, and another made a new one.
		is, err1 := f.Stat()
		named, err2 := os.Lstat(name)
		if err1 == nil && err2 == nil && os.SameFile(is, named) {
			own(name, f)
			return nil
		}
	}
	_ = f.Close()
	return fs.ErrExist
}

func own(name string, f *os.File) {
	_, _ = f.WriteAt([]byte(lockText), 0) // without it there is a lock all the same
	if held.files == nil {
		held.files = map[string]*os.File{}
	}
	held.files[name] = f
}

func release(name string) error {
	held.Lock()
	defer held.Unlock()
	f := held.files[name]
	delete(held.files, name)
	return remove(name, f)
}

// Unlock removes the lock files that this process holds. It is for whoever is
// about to end the process: nothing can be locked after it.
func Unlock() {
	held.Lock() // for good
	for name, f := range held.files {
		_ = remove(name, f)
	}
}

// BackupName is the name of a file's backup with a number, from 0: path.bak,
// path.bak.1 and so on.
func BackupName(path string, n int) string {
	if n == 0 {
		return path + ".bak"
	}
	return fmt.Sprintf("%s.bak.%d", path, n)
}

// Backup keeps a file's text under another name, in the place of an older
// backup, with the file's mode and owner. A failure is a [fault.Storage].
func Backup(path, name string, text []byte) error {
	st, err := os.Stat(path)
	if err == nil {
		err = userfile.Replace(name, text, st)
	}
	if userfile.MustStay(err) {
		err = userfile.Replace(name, text, nil) // ours, and 0600
	}
	if err != nil {
		return notWritten(path, fmt.Errorf("no backup can be kept: %w", err))
	}
	return nil
}

// Writable tells, as [Update] would, whether a file may be written to, or made;
// its directory must take a lock and a backup. It errs as Update does.
func Writable(path string) error {
	if err := takesFiles(filepath.Dir(path)); err != nil {
		return notWritten(path, err)
	}
	real, err := userfile.Follow(path)
	if err != nil {
		return notWritten(path, err)
	}
	st, err := os.Lstat(real)
	switch {
	case err == nil:
		if err := opens(real, st); err != nil || links(st) > 1 { // in place, then
			return notWritten(path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return notWritten(path, err)
	}
	if real == path {
		return nil
	}
	return notWritten(path, takesFiles(filepath.Dir(real)))
}

// takesFiles tells whether files can be made in a directory, or in the one that
// it would be made in, by making one.
func takesFiles(dir string) error {
	for {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			break
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".sso-exec.*.tmp")
	if err != nil {
		if why, ok := errors.AsType[*fs.PathError](err); ok { // its path is a name that nobody knows
			err = why.Err
		}
		return fmt.Errorf("no file can be made in %s: %w", dir, err)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

// opens tells whether a file is one to write to, by its mode and by opening it.
func opens(path string, st fs.FileInfo) error {
	switch {
	case !userfile.IsRegular(st):
		return fmt.Errorf("%s is not a regular file", path)
	case st.Mode().Perm()&0o200 == 0: // root could, but was not meant to
		return readOnly(path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		return readOnly(path)
	}
	if err == nil {
		_ = f.Close() // nothing was written; Windows replaces no file that is open
	}
	return err
}

// writeFile replaces a whole file: after a crash it is the old or the new
// one. Links are followed, and mode and owner are kept. Where that cannot be (a
// hard link, a file that is mounted alone, an owner who cannot be given) it is
// written in place, so that only a crash at that moment could harm it.
func writeFile(path string, text []byte) error {
	path, err := userfile.Follow(path)
	if err != nil {
		return err
	}
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return userfile.Replace(path, text, nil)
	}
	if err == nil {
		err = opens(path, st)
	}
	if err != nil {
		return err
	}
	if links(st) < 2 {
		if err := userfile.Replace(path, text, st); !userfile.MustStay(err) {
			return err
		}
	}
	return userfile.Overwrite(path, text)
}
