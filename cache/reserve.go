package cache

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// reserved is how much room is made sure of before a refresh token is spent: a
// large refresh token with all that stands next to it.
const reserved = 32 << 10

// Reservation is room on the disk for a session's next durable half. It is made
// before a refresh is sent: once the server has rotated the token, a disk that
// is full must not cost its successor.
type Reservation struct {
	d       perm.Dir
	f       *os.File
	temp    string
	name    string
	skey    string
	store   *Store
	keyring *roomInKeyring // nil: the token goes into the file
}

// Reserve makes sure that the session can be written, into the keyring too if
// that is where tokens go; ctx may end the wait for a keyring before its own time.
// The caller holds the session's refresh lock, and ends with Commit or Release.
func (s *Store) Reserve(ctx context.Context, skey string) (*Reservation, error) {
	r, err := s.reserveFile(skey)
	if err != nil || !s.intoKeyring(skey) {
		return r, err
	}
	if err := r.reserveKey(ctx); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

func (s *Store) reserveFile(skey string) (*Reservation, error) {
	d, err := s.open(true, "sessions")
	if err != nil {
		return nil, err
	}
	f, temp, err := d.Temp(tempPrefix)
	if err != nil {
		d.Close()
		return nil, err
	}
	r := &Reservation{d: d, f: f, temp: temp, name: skey + ".json", skey: skey, store: s}
	if _, err = f.Write(make([]byte, reserved)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// Commit stores the session. When it returns nil, it is durable: file and
// directory are synced, and what the keyring holds was read again. What is left of it in
// another place is removed.
func (r *Reservation) Commit(rec *Session) error {
	defer r.Release()
	was := r.stored()
	if r.keyring != nil && !rec.RefreshToken.IsZero() {
		return r.commitToKeyring(rec, was)
	}
	rec.RefreshTokenIn = ""
	if err := r.write(rec); err != nil {
		return err
	}
	if was != nil && was.RefreshTokenIn != "" {
		if err := r.store.dropEntries(r.skey); err != nil {
			r.store.warn(err.Error())
		}
	}
	return nil
}

// renamePause is how long a rename that failed waits before its second try.
const renamePause = 100 * time.Millisecond

// write puts the session into the reserved room and gives it its name. The
// token before this one is spent, so no step that fails keeps the next ones from
// being tried: content that could not be synced beats a session that is lost for
// certain. An error is of the step that failed, even if the session got stored
// in the end.
func (r *Reservation) write(rec *Session) error {
	b, err := rec.encode()
	if err != nil {
		return err
	}
	if err := r.fill(b); err != nil {
		// The room was not worth its name (a file system that writes each block
		// again): try another.
		if r.store.write(b, true, "sessions", r.name) == nil {
			return nil
		}
		return errors.Join(err, r.overwrite(b))
	}
	synced := r.f.Sync()
	closed := r.f.Close() // where NFS reports a quota
	err = r.d.Rename(r.temp, r.name)
	if err != nil {
		time.Sleep(renamePause)
		err = r.d.Rename(r.temp, r.name)
	}
	if err != nil {
		return errors.Join(err, r.overwrite(b))
	}
	r.temp = ""
	return errors.Join(synced, closed, r.d.Sync())
}

// fill replaces the room's content. JSON does not mind the blanks that stay
// where the file cannot be cut to its length.
func (r *Reservation) fill(b []byte) error {
	padded := bytes.Repeat([]byte(" "), max(reserved, len(b)))
	copy(padded, b)
	_, err := r.f.WriteAt(padded, 0)
	if err == nil {
		_ = r.f.Truncate(int64(len(b)))
	}
	return err
}

// overwrite writes into the file itself, for want of any other way. Torn by a
// crash it is set aside by the next reader; the file that it was holds a token
// that is spent. The copy under the temporary name stays if this fails too.
func (r *Reservation) overwrite(b []byte) error {
	f, err := r.d.OpenToWrite(r.name)
	if err != nil {
		r.temp = ""
		return err
	}
	defer f.Close()
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		r.temp = ""
	}
	return err
}

// Release gives the room back. After Commit it does nothing.
func (r *Reservation) Release() {
	if r.f == nil {
		return
	}
	_ = r.f.Close()
	if r.temp != "" {
		_ = r.d.Remove(r.temp)
	}
	if k := r.keyring; k != nil && k.spare && !k.failed { // nothing is sealed by it
		_ = r.store.ringRemove(context.Background(), k.account+ringKey)
	}
	r.d.Close()
	r.f = nil
}
