package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// maxUnsafe bounds how many unsafe files Check reports.
const maxUnsafe = 10

// Check judges the directories and files of the cache as whoever reads one does, and
// counts the sessions. It changes nothing and takes no lock. The error joins the first
// ten [*UnsafeError]; it is [ErrNotExist] where there is no cache directory.
func (s *Store) Check(ctx context.Context) (sessions int, err error) {
	d, err := perm.OpenRoot(s.path, false)
	if err != nil {
		return 0, err
	}
	c := check{ctx: ctx}
	c.dir(d, "")
	if ctx.Err() != nil {
		c.unsafe = append(c.unsafe, context.Cause(ctx))
	}
	return c.sessions, errors.Join(c.unsafe...)
}

type check struct {
	ctx      context.Context
	sessions int
	unsafe   []error
}

// dir judges what is in a directory, and closes it.
func (c *check) dir(d perm.Dir, rel string) {
	defer d.Close()
	names, err := d.Names()
	c.note(err)
	for _, name := range names {
		if c.ctx.Err() != nil || len(c.unsafe) >= maxUnsafe {
			return
		}
		at := filepath.Join(rel, name)
		if at == "answers" { // an entry there that is not ours alone is passed over
			continue
		}
		if rel == "sessions" && strings.HasSuffix(name, ".json") {
			c.sessions++
		}
		if st, err := os.Lstat(filepath.Join(d.Path, name)); err == nil && st.IsDir() {
			sub, err := d.Sub(name, false)
			if c.note(err); err == nil {
				c.dir(sub, at)
			}
			continue
		}
		f, err := d.OpenRead(name)
		if c.note(err); err == nil {
			_ = f.Close()
		}
	}
}

// note keeps an error, except of what has gone meanwhile.
func (c *check) note(err error) {
	if err != nil && !errors.Is(err, ErrNotExist) {
		c.unsafe = append(c.unsafe, err)
	}
}

// Probe makes a file in the cache directory, which must be there, as large as the room
// that a sign-in reserves, and syncs it. The caller may lock it, and removes it with
// remove. If the process is killed first, a later writer removes it.
func (s *Store) Probe() (f *os.File, remove func(), err error) {
	d, err := s.open(false, "sessions")
	if errors.Is(err, ErrNotExist) {
		d, err = s.open(false)
	}
	if err != nil {
		return nil, nil, err
	}
	f, name, err := d.Temp(tempPrefix)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	remove = func() {
		_ = f.Close()
		_ = d.Remove(name)
		d.Close()
	}
	if _, err = f.Write(make([]byte, reserved)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		remove()
		return nil, nil, err
	}
	return f, remove, nil
}

// ProbeKeyring writes an entry to the keyring, reads it again and removes it.
func (s *Store) ProbeKeyring(ctx context.Context) error {
	probe := s.account("doctor") + ringProbe
	if err := s.ringSet(ctx, probe, strings.Repeat("-", 32)); err != nil {
		return err
	}
	return s.ringRemove(ctx, probe)
}
