package session_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// A cached answer opens one file, as the kernel counts it.
func TestCachedOpensOneFile(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		p := m.process()
		p.token(t, p.exchanged("orders", "billing"))
		skey, tkey := m.request.SessionKey(), m.request.TokenKey()
		for name, c := range map[string]struct {
			need session.Need
			file string
		}{
			"access":  {access, filepath.Join("tokens", skey, tkey+".json")},
			"id":      {id, filepath.Join("tokens", skey, tkey+".json")},
			"derived": {p.exchanged("orders", "billing"), filepath.Join("derived", skey) + "/"},
		} {
			opened := watch(t, m.dir)
			if _, good, err := m.process().Cached(c.need); err != nil || !good {
				t.Fatalf("%s: not from the cache: %v", name, err)
			}
			if files := opened(); len(files) != 1 || !strings.HasPrefix(files[0], c.file) {
				t.Errorf("%s: it opens %q", name, files)
			}
		}
	})
}

// watch tells which files below a directory are opened from now on.
func watch(t *testing.T, root string) (opened func() []string) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	dirs := map[int32]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		wd, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CREATE)
		dirs[int32(wd)], _ = filepath.Rel(root, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() (files []string) {
		b := make([]byte, 64<<10)
		n, err := unix.Read(fd, b)
		if err != nil {
			t.Fatalf("nothing was opened: %v", err)
		}
		for b = b[:n]; len(b) > 0; {
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
			name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
			if mask&unix.IN_ISDIR == 0 {
				files = append(files, filepath.Join(dirs[wd], name))
			}
			b = b[end:]
		}
		return files
	}
}
