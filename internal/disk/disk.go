// Package disk is how the house writes: a directory that is held open, a file
// that takes another's place in it, and a lock on an open file.
//
// Whoever reads a file that is replaced sees the old or the new one, after a
// crash too. On Unix what is in a directory is reached from its descriptor, by a
// name that is one component, and no link is followed there. Who owns the
// directory, and who else can write to it, is not checked here.
package disk

import (
	"crypto/rand"
	"os"
	"strings"
	"time"
)

// tempAge is when a temporary file belongs to a process that was killed.
const tempAge = time.Hour

// Temp makes a new file, 0600, whose name begins with prefix, and returns it with
// its name. Those of that prefix that killed processes left are removed.
func (d Dir) Temp(prefix string) (f *os.File, name string, err error) {
	names, _ := d.Names() // whoever cannot list a directory may still write to it
	for _, old := range names {
		if !strings.HasPrefix(old, prefix) {
			continue
		}
		if at, err := d.ModTime(old); err == nil && time.Since(at) > tempAge {
			_ = d.Remove(old)
		}
	}
	name = prefix + rand.Text()
	f, err = d.create(name)
	return f, name, err
}

// Write replaces a file, or makes it, 0600: a temporary file, whose name begins
// with prefix, is written and renamed. With durable both the file and the
// directory are synced, so that the new content outlives a power cut; without, a
// cut may leave an empty file.
func (d Dir) Write(prefix, name string, b []byte, durable bool) error {
	f, temp, err := d.Temp(prefix)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Write(b); err == nil && durable {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close() // Windows cannot rename an open file
	}
	if err == nil {
		err = d.Rename(temp, name)
	}
	if err != nil {
		_ = d.Remove(temp)
		return err
	}
	if durable {
		return d.Sync()
	}
	return nil
}
