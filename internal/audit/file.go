package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/disk"
)

const (
	// fileName is always the newest file; those before it have .1 to .4 added.
	fileName = "audit.jsonl"
	// lockName is the file whose lock a writer holds, so that no other one renames
	// the file between its opening and the write. It is never removed.
	lockName = "audit.lock"
	// maxSize is at which size a file is renamed.
	maxSize = 5 << 20
	// kept is how many renamed files are kept.
	kept = 4
	// lockWait bounds the wait for the lock, which is held for a few system calls.
	// Only a process that was stopped holds it longer.
	lockWait = 5 * time.Second
)

var errNoPlace = errors.New("it has no place: no home that this user can write to")

// append adds a line to the newest file, by one write; for an empty line it only
// makes sure of room for one. A line that a killed process or a full disk
// has left without its end is ended first.
func (t *Trail) append(line []byte) error {
	if t.Dir == "" {
		return errNoPlace
	}
	d, err := perm.OpenRoot(t.Dir, true)
	if err != nil {
		return err
	}
	defer d.Close()
	lock, held, err := lockTrail(d)
	if err != nil {
		return err
	}
	defer lock.Close()
	f, size, err := openNewest(d)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if len(line) == 0 {
		return hasRoom(d, size)
	}
	if held && size > 0 && size+int64(len(line)) > maxSize {
		if err := rotate(d); err != nil {
			return errors.Join(err, addLine(f, size, line)) // better too long than lost
		}
		_ = f.Close()
		if f, size, err = openNewest(d); err != nil {
			return err
		}
	}
	return addLine(f, size, line)
}

func openNewest(d perm.Dir) (*os.File, int64, error) {
	f, err := d.OpenAppend(fileName)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// hasRoom tells whether the disk takes a line more, in a file of that size: what a
// process may write can be bounded.
func hasRoom(d perm.Dir, size int64) error {
	f, name, err := d.Temp(".tmp-")
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, 4096), size*boundsFiles)
	return errors.Join(err, f.Close(), d.Remove(name))
}

func addLine(f *os.File, size int64, line []byte) error {
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	_, err := f.Write(line)
	return err
}

// lockTrail takes the trail's lock, or goes on without it after a while: a process
// that was stopped with it must not keep others from their credentials. Then lines
// still do not mix, since each is one write to the file's end; only nothing is
// renamed.
func lockTrail(d perm.Dir) (f *os.File, held bool, err error) {
	f, err = d.OpenLock(lockName)
	if err != nil {
		return nil, false, err
	}
	began, pause := time.Now(), time.Millisecond
	for {
		held, err = disk.TryLock(f)
		if err != nil {
			_ = f.Close()
			return nil, false, err
		}
		if held || time.Since(began) > lockWait {
			return f, held, nil
		}
		time.Sleep(pause)
		pause = min(2*pause, 16*time.Millisecond)
	}
}

// rotate renames the newest file, and those before it as far as their names are
// taken. Where a process was killed in between, a name is free, and no file is lost
// for it.
func rotate(d perm.Dir) error {
	free := 1
	for free < kept {
		if _, err := d.ModTime(older(free)); errors.Is(err, fs.ErrNotExist) {
			break
		}
		free++
	}
	for i := free; i > 0; i-- {
		if err := d.Rename(older(i-1), older(i)); err != nil {
			return fmt.Errorf("it could not be rotated: %w", err)
		}
	}
	return nil
}

// older is the name of the n-th file before the newest; 0 is that.
func older(n int) string {
	if n == 0 {
		return fileName
	}
	return fileName + "." + strconv.Itoa(n)
}
