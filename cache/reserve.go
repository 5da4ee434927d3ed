package cache

import (
	"os"
)

// reserved is how much room is made sure of before a refresh token is spent: a
// large refresh token with all that stands beside it.
const reserved = 32 << 10

// Reservation is room on the disk for a session's next durable half. It is made
// before a refresh is sent: once the server has rotated the token, a disk that
// is full must not cost its successor.
type Reservation struct {
	d    dir
	f    *os.File
	temp string
	name string
}

// Reserve makes sure that the session can be written. The caller holds the
// session's refresh lock, and ends with Commit or Release.
func (s *Store) Reserve(skey string) (*Reservation, error) {
	d, err := s.open(true, "sessions")
	if err != nil {
		return nil, err
	}
	f, temp, err := newTemp(d)
	if err != nil {
		d.close()
		return nil, err
	}
	r := &Reservation{d, f, temp, skey + ".json"}
	if _, err = f.Write(make([]byte, reserved)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// Commit writes the session into the reserved room and gives it its name. When
// it returns nil, file and directory are synced.
func (r *Reservation) Commit(rec *Session) error {
	defer r.Release()
	b, err := rec.encode()
	if err != nil {
		return err
	}
	if _, err := r.f.WriteAt(b, 0); err != nil {
		return err
	}
	if err := r.f.Truncate(int64(len(b))); err != nil {
		return err
	}
	if err := finish(r.d, r.f, r.temp, r.name, true); err != nil {
		return err
	}
	r.temp = ""
	return nil
}

// Release gives the room back. After Commit it does nothing.
func (r *Reservation) Release() {
	if r.f == nil {
		return
	}
	_ = r.f.Close()
	if r.temp != "" {
		_ = r.d.remove(r.temp)
	}
	r.d.close()
	r.f = nil
}
