package disk

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Dir is a directory.
type Dir struct {
	Path string
	lock *windows.Handle // of [Dir.TryLock]; 0: it is not taken
}

// Open names a directory.
func Open(path string) Dir { return Dir{path, new(windows.Handle)} }

// Close gives the lock back. Windows holds no directory open.
func (d Dir) Close() {
	if d.lock != nil && *d.lock != 0 {
		_ = windows.CloseHandle(*d.lock)
		*d.lock = 0
	}
}

func (d Dir) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.Path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// ModTime is when a file was last written to.
func (d Dir) ModTime(name string) (time.Time, error) {
	st, err := os.Lstat(filepath.Join(d.Path, name))
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// Rename gives a file another name, in the place of what has it. Those who have that one
// open go on reading it: os.Root renames with POSIX semantics, as NTFS can since Windows
// 10 1607. os.Rename does not.
func (d Dir) Rename(from, to string) error {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	return RetrySharing(func() error { return root.Rename(from, to) })
}

// Remove removes a file.
func (d Dir) Remove(name string) error {
	return RetrySharing(func() error { return os.Remove(filepath.Join(d.Path, name)) })
}

// RemoveDir removes a directory if it is empty.
func (d Dir) RemoveDir(name string) { _ = os.Remove(filepath.Join(d.Path, name)) }

// Sync does nothing: Windows has no way to sync a directory, and NTFS journals
// its renames.
func (d Dir) Sync() error { return nil }

// Names lists the directory.
func (d Dir) Names() ([]string, error) {
	f, err := os.Open(d.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// TryLock takes the directory's lock, until that is closed or the process ends, if
// nobody has it. Windows locks no directories: it is a file that one process at a time
// may have open, and that goes with its handle.
//
// It is made by NtCreateFile: CreateFile has one error for a lock that is just going and
// for a directory that may not be written to.
func (d Dir) TryLock() (bool, error) {
	path, err := windows.UTF16PtrFromString(d.Path)
	if err != nil {
		return false, err
	}
	root, err := windows.CreateFile(path, windows.FILE_TRAVERSE|windows.SYNCHRONIZE, windows.FILE_SHARE_READ|
		windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return false, err
	}
	defer windows.CloseHandle(root) //nolint:errcheck // nothing was written through it
	name, err := windows.NewNTUnicodeString(".sso-exec.lock")
	if err != nil {
		return false, err
	}
	at := windows.OBJECT_ATTRIBUTES{RootDirectory: root, ObjectName: name}
	at.Length = uint32(unsafe.Sizeof(at))
	var h windows.Handle
	err = windows.NtCreateFile(&h, windows.FILE_GENERIC_WRITE|windows.DELETE, &at, new(windows.IO_STATUS_BLOCK), nil,
		windows.FILE_ATTRIBUTE_HIDDEN, 0, windows.FILE_OPEN_IF, windows.FILE_NON_DIRECTORY_FILE|
			windows.FILE_SYNCHRONOUS_IO_NONALERT|windows.FILE_DELETE_ON_CLOSE|windows.FILE_OPEN_REPARSE_POINT, 0, 0)
	switch status, _ := err.(windows.NTStatus); status { //nolint:errorlint // it is never wrapped
	case windows.STATUS_SUCCESS:
		*d.lock = h
		return true, nil
	case windows.STATUS_SHARING_VIOLATION, windows.STATUS_DELETE_PENDING: // somebody has it; it is going
		return false, nil
	default:
		return false, &os.PathError{Op: "lock", Path: d.Path, Err: status.Errno()}
	}
}

// TryLock takes the lock of an open file, until that is closed, if nobody has it:
// that of its first byte, which no other handle can read or write then.
func TryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}

// patience is for how long [RetrySharing] tries.
const patience = 5 * time.Second

// RetrySharing tries again, for five seconds, while another process (a reader, a virus
// scanner) holds the file open: at first after a millisecond, and ever more rarely,
// not in step with others that wait.
func RetrySharing(f func() error) error {
	wait := time.Millisecond
	for end := time.Now().Add(patience); ; {
		err := f()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
			time.Now().After(end) {
			return err
		}
		time.Sleep(wait + rand.N(wait))
		wait = min(2*wait, 32*time.Millisecond)
	}
}
