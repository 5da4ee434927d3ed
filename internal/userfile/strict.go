package userfile

import (
	"fmt"
	"io"
	"os"
)

// readUnchanged reads a file of which this was known before.
func readUnchanged(f *os.File, before os.FileInfo, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name(), most)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, fmt.Errorf("%s changed while it was read", f.Name())
	}
	return b, nil
}
