package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// maxLine is longer than any line of our own.
const maxLine = 64 << 10

// Read calls do for each event of the trail in a directory, oldest file first, in
// the order in which they were written. Others may write and rotate meanwhile.
// broken is how many lines were no event, and were passed over. No trail, or no place for one, is no error.
func Read(dir string, do func(Event)) (broken int, err error) {
	if dir == "" {
		return 0, nil
	}
	d, err := perm.OpenRoot(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer d.Close()
	files, err := openAll(d)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		st, err := f.Stat()
		if err != nil {
			return broken, err
		}
		n, err := readFile(io.LimitReader(f, st.Size()), do)
		broken += n
		if err != nil {
			return broken, err
		}
	}
	return broken, nil
}

// openAll opens the files, oldest first, while nobody renames them. Where there is
// no place for a lock, nobody can.
func openAll(d perm.Dir) (files []*os.File, err error) {
	if lock, _, err := lockTrail(d); err == nil {
		defer lock.Close()
	}
	for i := kept; i >= 0; i-- {
		f, err := d.OpenRead(older(i))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return files, err
		default:
			files = append(files, f)
		}
	}
	return files, nil
}

func readFile(r io.Reader, do func(Event)) (broken int, err error) {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := b.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = b.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return broken, err
		}
		var e Event
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case !whole, json.Unmarshal(line, &e) != nil, e.Time.IsZero(), e.Event == "":
			broken++
		default:
			do(e)
		}
		if err != nil {
			return broken, nil
		}
	}
}
