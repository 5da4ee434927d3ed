package userfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sso-exec/sso-exec/internal/disk"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// ErrChanged says that a file is no longer what it was when the change to it was
// worked out.
var ErrChanged = fault.Hint(errors.New("somebody else changed it in the meantime; nothing was written"),
	"run the command again, and look at what it would change now")

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

// WriteAtomic replaces the whole content of a file of the user's: whoever
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
	target, err := Follow(path)
	if err != nil {
		return err
	}
	dir, name := filepath.Dir(target), filepath.Base(target)
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	d := disk.Open(dir)
	defer d.Close()
	lock(d)
	old, st, err := current(target)
	switch {
	case err != nil:
		return err
	case o.Was != nil && !bytes.Equal(old, o.Was):
		return &os.PathError{Op: "write", Path: path, Err: ErrChanged}
	case st != nil && bytes.Equal(old, data):
		return nil
	}
	temp, err := writeTemp(d, name, data, o.Perm, st, false)
	if err != nil {
		return err
	}
	if o.Backup && st != nil {
		// It stands next to the name that the user gave, not where a link leads: that may
		// be a repository of settings.
		err = replace(path+".bak", old, st, false)
	}
	if err == nil && o.Was != nil {
		// Once more: a backup on a slow disk takes its time, and an editor no lock.
		if now, _, e := current(target); e != nil || !bytes.Equal(now, o.Was) {
			err = &os.PathError{Op: "write", Path: path, Err: ErrChanged}
		}
	}
	if err = rename(d, temp, name, err); isMount(err) {
		return Overwrite(target, data)
	}
	return err
}

// Replace is WriteAtomic for who has looked at the file: it puts a new file in
// the place of what has this name, a link too, with the mode and the owner of old,
// or else 0600. Where it cannot have that owner, or something is mounted on the
// file, nothing is changed and [MustStay] is true of the error.
func Replace(path string, data []byte, old os.FileInfo) error { return replace(path, data, old, true) }

func replace(path string, data []byte, old os.FileInfo, sameOwner bool) error {
	d, name := disk.Open(filepath.Dir(path)), filepath.Base(path)
	defer d.Close()
	temp, err := writeTemp(d, name, data, 0o600, old, sameOwner)
	if err != nil {
		return err
	}
	return rename(d, temp, name, nil)
}

// rename ends a replacement: it removes the new file if that failed before, or if
// it cannot get its name.
func rename(d disk.Dir, temp, name string, err error) error {
	if err == nil {
		err = d.Rename(temp, name)
	}
	if err != nil {
		_ = d.Remove(temp)
		return err
	}
	return d.Sync()
}

var errOwner = errors.New("a new file cannot have the owner of the old one")

// MustStay tells of an error of Replace that the file may be written in place, and
// not replaced.
func MustStay(err error) bool { return errors.Is(err, errOwner) || isMount(err) }

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

// lock keeps other writers of our own out of a directory until that is closed.
// The lock is the system's: no file is left, and a process that is killed holds
// nothing. Where there is none (some network file systems) the check of Was is all
// there is.
func lock(d disk.Dir) {
	for deadline := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		if ok, err := d.TryLock(); ok || err != nil || time.Now().After(deadline) {
			return
		}
	}
}

// Follow returns where a path ends, following links by hand: the file at the end
// need not be there yet.
func Follow(path string) (string, error) {
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
	if !IsRegular(st) {
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

// writeTemp writes a new file that is to replace the one of that name, synced,
// with the mode and owner of old, or else with perm.
func writeTemp(d disk.Dir, name string, data []byte, perm fs.FileMode, old os.FileInfo,
	sameOwner bool) (temp string, err error) {
	f, temp, err := d.Temp(".sso-exec-" + name + "-")
	if err != nil {
		return "", err
	}
	if _, err = f.Write(data); err == nil && old != nil {
		perm = old.Mode().Perm()
		owner, group := giveOwner(f, old)
		if !group {
			perm &= 0o700 // the old group's rights are not the new group's
		}
		if sameOwner && !(owner && group) {
			err = errOwner
		}
	}
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = d.Remove(temp)
	}
	return temp, err
}
