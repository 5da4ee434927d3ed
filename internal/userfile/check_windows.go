package userfile

import "os"

func open(path string) (*os.File, error) { return os.Open(path) }

// OpenLog opens a log file to append to.
func OpenLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Windows file modes say nothing about access; the access list of the file's
// directory is the user's own affair.
func checkNotWritable(*os.File, os.FileInfo) error { return nil }
func checkNotReadable(*os.File, os.FileInfo) error { return nil }
