package userfile

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// statOf is what Go says of a file with these attributes, of which it knows the mode.
type statOf struct {
	mode       os.FileMode
	attributes uint32
}

func (s statOf) Name() string       { return "" }
func (s statOf) Size() int64        { return 0 }
func (s statOf) Mode() os.FileMode  { return s.mode }
func (s statOf) ModTime() time.Time { return time.Time{} }
func (s statOf) IsDir() bool        { return s.mode.IsDir() }
func (s statOf) Sys() any           { return &syscall.Win32FileAttributeData{FileAttributes: s.attributes} }

// What OneDrive keeps in step is a file; a junction, a directory of OneDrive's, a link and
// a device are none.
func TestIsRegular(t *testing.T) {
	const reparse, dir = syscall.FILE_ATTRIBUTE_REPARSE_POINT, syscall.FILE_ATTRIBUTE_DIRECTORY
	for st, want := range map[statOf]bool{
		{0o666, syscall.FILE_ATTRIBUTE_ARCHIVE}:                true,
		{0o666 | os.ModeIrregular, reparse}:                    true,
		{0o666 | os.ModeIrregular, reparse | dir}:              false,
		{0o777 | os.ModeIrregular | os.ModeDir, reparse | dir}: false,
		{0o666 | os.ModeSymlink, reparse}:                      false,
		{0o666 | os.ModeSocket, reparse}:                       false,
		{0o666 | os.ModeDevice | os.ModeCharDevice, 0}:         false,
	} {
		if got := IsRegular(st); got != want {
			t.Errorf("%v, %#x: %v", st.mode, st.attributes, got)
		}
	}
}
