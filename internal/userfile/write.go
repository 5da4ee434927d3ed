package userfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrChanged says that a file is no longer what it was when the change to it was
// worked out.
var ErrChanged = errors.New("somebody else changed it in the meantime; nothing was written")

// WriteOptions are how WriteAtomic writes.
type WriteOptions struct {
	// Perm is the mode of a file that is new. One that is there keeps its own.
	Perm fs.FileMode
	// Backup keeps what was there as path.bak, in the place of an older one.
	Backup bool
	// Was, if it is not nil, is what the file must still hold (empty: or there is
	// none); else the error is ErrChanged. Of several writers at once one succeeds.
	Was []byte
}

// WriteAtomic replaces the content of a file of the user's as a whole: whoever
// reads it sees the old or the new, after a crash too; only a file that is a
// mount of its own is written in place. A link stays, and the file that it leads
// to is replaced. Mode, owner and group are kept as far as
// this user may; access lists and further hard links are not. Directories that
// are missing are made, 0700. Where nothing would change nothing is written, and
// no backup is made.
//
// A file that this user may not write to is left alone even where its directory
// would let it be replaced: somebody made it read-only on purpose.
func WriteAtomic(path string, data []byte, o WriteOptions) error {
	target, err := follow(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(target)
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	defer lockDir(dir)()
	old, st, err := current(target)
	switch {
	case err != nil:
		return err
	case o.Was != nil && !bytes.Equal(old, o.Was):
		return &os.PathError{Op: "write", Path: path, Err: ErrChanged}
	case st != nil && bytes.Equal(old, data):
		return nil
	}
	temp, err := writeTemp(target, data, o.Perm, st)
	if err != nil {
		return err
	}
	if o.Backup && st != nil {
		err = backup(path, old, st)
	}
	if err == nil && o.Was != nil {
		// Once more: a backup on a slow disk takes its time, and an editor no lock.
		if now, _, e := current(target); e != nil || !bytes.Equal(now, o.Was) {
			err = &os.PathError{Op: "write", Path: path, Err: ErrChanged}
		}
	}
	if err == nil {
		err = Rename(temp, target)
	}
	if err == nil {
		return syncDir(dir)
	}
	_ = os.Remove(temp)
	if IsMount(err) {
		return Overwrite(target, data)
	}
	return err
}

// Overwrite writes a file in place. What may need room on the disk comes first,
// so that a full one leaves the old text.
func Overwrite(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	size := st.Size()
	if int64(len(data)) > size {
		_, err := f.WriteAt(data[size:], size)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return errors.Join(err, f.Truncate(size))
		}
	}
	if _, err := f.WriteAt(data[:min(size, int64(len(data)))], 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
}

// lockWait bounds the wait for another writer, who holds the lock for as long as
// a write takes. Who can read the directory can hold it for ever; then the check
// of Was is all there is.
const lockWait = 10 * time.Second

// lockDir keeps other writers of ours out of a directory until unlock is called.
// The lock is the system's, on the directory itself: no file is left, and a
// process that is killed holds nothing. Where there is none (some network file
// systems, Windows) the check of Was is all there is.
func lockDir(dir string) (unlock func()) {
	for deadline := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		unlock, busy := tryLockDir(dir)
		if !busy || time.Now().After(deadline) {
			return unlock
		}
	}
}

// follow returns where a path ends, following links by hand: the file at the end
// need not be there yet.
func follow(path string) (string, error) {
	for range 40 {
		to, err := os.Readlink(path)
		if err != nil { // no link, or nothing is there
			return path, nil // whatever else is wrong shows when it is opened
		}
		if !filepath.IsAbs(to) {
			// Not Join, which takes dir/.. away although dir may be a link itself.
			to = filepath.Dir(path) + string(filepath.Separator) + to
		}
		path = to
	}
	return "", &os.PathError{Op: "write", Path: path, Err: errors.New("too many links")}
}

// current returns what is in a file that can be written to; neither error nor
// FileInfo: there is none.
func current(path string) ([]byte, os.FileInfo, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	b, err := Read(path)
	return b, st, err
}

// backup writes path.bak. It stands beside the name that the user gave, not
// where a link leads: that may be a repository of settings.
func backup(path string, old []byte, st os.FileInfo) error {
	temp, err := writeTemp(path+".bak", old, 0, st)
	if err != nil {
		return err
	}
	if err := Rename(temp, path+".bak"); err != nil {
		_ = os.Remove(temp)
		return err
	}
	return nil
}

// writeTemp writes a new file beside path, synced, with the mode and owner of
// like, or else with perm.
func writeTemp(path string, data []byte, perm fs.FileMode, like os.FileInfo) (temp string, err error) {
	dir, prefix := filepath.Dir(path), ".sso-exec-"+filepath.Base(path)+"-"
	sweep(dir, prefix)
	f, err := os.CreateTemp(dir, prefix+"*") // O_EXCL, 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return "", err
	}
	if like != nil {
		perm = like.Mode().Perm()
		if !sameOwner(f, like) {
			perm &= 0o700 // the old group's rights are not the new group's
		}
	}
	if err = f.Chmod(perm); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// tempAge is when a temporary file belongs to a process that was killed.
const tempAge = time.Hour

func sweep(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.Type().IsRegular() {
			continue
		}
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > tempAge {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
