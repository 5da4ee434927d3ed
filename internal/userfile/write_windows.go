package userfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Rename is os.Rename, tried again for a moment: a virus scanner or a reader may
// hold the file open.
func Rename(from, to string) error {
	for try := 0; ; try++ {
		err := os.Rename(from, to)
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || try == 20 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// sameOwner does nothing: a new file has the access list of its directory.
func sameOwner(*os.File, os.FileInfo) bool { return true }

// syncDir does nothing: Windows has no way to sync a directory, and NTFS journals
// its renames.
func syncDir(string) error { return nil }

// tryLockDir does nothing: Windows locks no directories.
func tryLockDir(string) (unlock func(), busy bool) { return func() {}, false }

// IsMount is false: Windows mounts no single files.
func IsMount(error) bool { return false }
