// Package cache is how a credential is stored between two calls: files below one
// directory, 0700 and 0600, JSON, each replaced completely and each naming its
// format version; and the locks that make one process at a time renew them.
//
// Start with [Open]. A session has two halves: [Session] is durable and holds
// the refresh token; [Tokens] is short-lived and is all that a cached answer
// reads. What was exchanged for a token is stored apart, by [DerivedKey].
//
// Nothing here is repaired quietly. A file that others can open, that is a
// link, or that belongs to somebody else is an [*UnsafeError]. A short-lived
// file that does not parse counts as absent. A session that does not parse is
// set aside, never overwritten, and one of a later format is left alone
// ([*NewerError]).
//
// Not checked: what the tokens say, and whether the directory is on a file
// system that keeps modes and locks. The package is v0: its API and, through
// the format version, its files may still change.
package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/credential"
)

// maxFile bounds what is read into memory. Tokens are a few KiB; a provider's
// keys a few tens.
const maxFile = 1 << 20

// tempPrefix starts the name of a file that is being written.
const tempPrefix = ".tmp-"

// Store is a cache directory. Its methods can be called from many processes at
// once; those that change a session say which lock the caller must hold.
type Store struct {
	path string
	warn func(string)

	// Waiting, if set, is told who holds a lock that is waited for, once the wait
	// has become long.
	Waiting func(Holder)

	// UseKeyring has refresh tokens are stored in the keyring instead of the sessions' files.
	// Those that rest elsewhere move there when they are written next, unless Stay is set.
	// Nothing else ever goes there, and reading tokens never touches it.
	UseKeyring bool

	// Stay leaves a refresh token where it is stored, whatever UseKeyring says; that
	// is then for sessions that have none.
	Stay bool

	// KeyringBy is what had the keyring used, in the words of the program's own
	// settings, for errors; may be empty.
	KeyringBy string

	// Keyring is what UseKeyring and earlier sessions mean; nil: the one that is
	// registered, see [RegisterKeyring].
	Keyring Keyring
}

// Open names a cache directory; an absolute path. Nothing is read or made yet.
// warn is told, in a line, of what was found damaged and passed over.
func Open(path string, warn func(string)) *Store {
	return &Store{path: filepath.Clean(path), warn: warn}
}

// Session reads the durable half, without a refresh token that is stored in the
// keyring (SessionWithToken reads that too). A file that does not parse is set aside
// under the name <skey>.json.corrupt and counts as absent; the caller holds the
// session's refresh lock, so that no writer's file is moved away.
func (s *Store) Session(skey string) (*Session, error) {
	rec, err := s.readSession(skey)
	if errors.Is(err, ErrCorrupt) {
		rec, err = s.readSession(skey) // who wrote it without the lock may have ended by now
	}
	if !errors.Is(err, ErrCorrupt) {
		return rec, err
	}
	if err := s.setAside("sessions", skey); err != nil {
		return nil, err
	}
	return nil, ErrNotExist
}

// setAside gives a file that does not parse another name.
func (s *Store) setAside(dir, key string) error {
	d, err := s.open(false, dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Rename(key+".json", key+".json.corrupt"); err != nil {
		return err
	}
	path := filepath.Join(s.path, dir, key+".json")
	s.warn(fmt.Sprintf("%s does not parse; it was set aside as %s.corrupt", path, path))
	return nil
}

func (s *Store) sessionPath(skey string) string {
	return filepath.Join(s.path, "sessions", skey+".json")
}

func (s *Store) readSession(skey string) (*Session, error) {
	b, err := s.read("sessions", skey+".json")
	if err != nil {
		return nil, err
	}
	rec, err := decodeSession(b)
	if v, ok := errors.AsType[newer](err); ok {
		return nil, &NewerError{s.sessionPath(skey), int(v)}
	}
	return rec, err
}

// Peek reads the durable half without its refresh token, changes nothing, and
// needs no lock: it may be replaced at any moment.
func (s *Store) Peek(skey string) (*Session, error) {
	rec, err := s.readSession(skey)
	if err == nil {
		rec.Renewable = rec.RefreshTokenIn != "" || !rec.RefreshToken.IsZero()
		rec.RefreshToken = credential.Secret{}
	}
	return rec, err
}

// Tokens reads the short-lived half. It takes no lock.
func (s *Store) Tokens(skey, tkey string) (*Tokens, error) {
	elem := []string{"tokens", skey, tkey + ".json"}
	b, err := s.read(elem...)
	if err != nil {
		return nil, s.orAbsent(err, elem...)
	}
	rec, err := decodeTokens(b)
	return rec, s.orAbsent(err, elem...)
}

// WriteTokens replaces the short-lived half.
func (s *Store) WriteTokens(skey, tkey string, t *Tokens) error {
	if old, err := s.read("tokens", skey, tkey+".json"); err == nil {
		t.unknown, _ = unknownFields(old, tokensFile{Tokens: t})
	}
	b, err := t.encode()
	if err != nil {
		return err
	}
	return s.write(b, false, "tokens", skey, tkey+".json")
}

// DropToken forgets one token of the short-lived half; the other stays. The caller
// holds the session's refresh lock.
func (s *Store) DropToken(skey, tkey string, token credential.Secret) error {
	t, err := s.Tokens(skey, tkey)
	if err != nil {
		return err
	}
	if t.AccessToken.Equal(token) {
		t.AccessToken, t.ExpiresAt = credential.Secret{}, time.Now().UTC()
	}
	if t.IDToken.Equal(token) {
		t.IDToken, t.IDTokenExpiresAt = credential.Secret{}, time.Now().UTC()
	}
	return s.WriteTokens(skey, tkey, t)
}

// Derived reads what was exchanged for a token of the session.
func (s *Store) Derived(skey, dkey string) (credential.Credential, error) {
	elem := []string{"derived", skey, dkey + ".json"}
	b, err := s.read(elem...)
	if err != nil {
		return credential.Credential{}, s.orAbsent(err, elem...)
	}
	c, err := decodeDerived(b)
	return c, s.orAbsent(err, elem...)
}

// WriteDerived replaces it.
func (s *Store) WriteDerived(skey, dkey string, c credential.Credential) error {
	b, err := encodeDerived(c)
	if err != nil {
		return err
	}
	return s.write(b, false, "derived", skey, dkey+".json")
}

// RemoveDerived forgets it.
func (s *Store) RemoveDerived(skey, dkey string) error {
	return s.removeAll("derived/"+skey, func(name string) bool { return name == dkey+".json" })
}

// Provider reads a provider's metadata and keys.
func (s *Store) Provider(pkey string) (*Provider, error) {
	p := &Provider{}
	return p, s.readJSON(p, &p.Version, "providers", pkey+".json")
}

// WriteProvider replaces them.
func (s *Store) WriteProvider(pkey string, p *Provider) error {
	p.Version = formatVersion
	return s.writeJSON(p, "providers", pkey+".json")
}

// Latch reads the mark of a failed sign-in.
func (s *Store) Latch(skey string) (*Latch, error) {
	l := &Latch{}
	return l, s.readJSON(l, &l.Version, "latches", skey+".json")
}

// WriteLatch replaces it; the caller holds the sign-in lock.
func (s *Store) WriteLatch(skey string, l *Latch) error {
	l.Version = formatVersion
	return s.writeJSON(l, "latches", skey+".json")
}

// ClearLatch forgets it. No latch is no error.
func (s *Store) ClearLatch(skey string) error {
	return s.removeAll("latches", func(name string) bool { return name == skey+".json" })
}

// RemoveSession forgets a session with its tokens and derivations and what it
// has in the keyring, the durable half last. The caller holds the session's refresh lock.
func (s *Store) RemoveSession(skey string) error {
	err := errors.Join(s.RemoveTokens(skey), s.removeEntries(skey),
		s.removeAll("sessions", func(name string) bool { return name == skey+".json" }))
	for _, name := range []string{"tokens", "derived"} {
		if d, err := s.open(false, name); err == nil {
			d.RemoveDir(skey) // empty, if all went well; whoever writes there holds the lock
			d.Close()
		}
	}
	return err
}

// EndSession forgets all of a session but whose it was. The caller holds the
// session's refresh lock.
func (s *Store) EndSession(skey string) error {
	rec, err := s.readSession(skey)
	if err != nil {
		return s.RemoveSession(skey)
	}
	err = errors.Join(s.RemoveTokens(skey), s.removeEntries(skey))
	rec.RefreshToken, rec.RefreshTokenIn, rec.EndedAt = credential.Secret{}, "", time.Now().UTC()
	if s.writeSession(skey, rec) != nil { // better nothing than a token that is known to be dead
		return errors.Join(err, s.RemoveSession(skey))
	}
	return err
}

// writeSession replaces the durable half, without room that was reserved for it.
func (s *Store) writeSession(skey string, rec *Session) error {
	b, err := rec.encode()
	if err != nil {
		return err
	}
	return s.write(b, true, "sessions", skey+".json")
}

// Amend changes what stands in a session next to its refresh token, which is stored
// where it is. The caller holds the session's refresh lock.
func (s *Store) Amend(skey string, change func(*Session)) error {
	rec, err := s.readSession(skey)
	if err != nil {
		return err
	}
	change(rec)
	return s.writeSession(skey, rec)
}

// RemoveTokens forgets a session's short-lived halves and derivations.
func (s *Store) RemoveTokens(skey string) error {
	all := func(string) bool { return true }
	return errors.Join(s.removeAll("tokens/"+skey, all), s.removeAll("derived/"+skey, all))
}

// orAbsent turns a damaged or later short-lived file into an absent one, named
// on the way.
func (s *Store) orAbsent(err error, elem ...string) error {
	var v newer
	if err == nil || !errors.Is(err, ErrCorrupt) && !errors.As(err, &v) {
		return err
	}
	s.warn(fmt.Sprintf("%s is passed over: %v", filepath.Join(append([]string{s.path}, elem...)...), err))
	return ErrNotExist
}

// open opens a directory of the cache.
func (s *Store) open(create bool, elem ...string) (perm.Dir, error) {
	if create {
		if note := perm.HomeNote(s.path); note != "" {
			s.warn(note)
		}
	}
	d, err := perm.OpenRoot(s.path, create)
	for _, name := range elem {
		if err != nil {
			return perm.Dir{}, err
		}
		parent := d
		d, err = parent.Sub(name, create)
		parent.Close()
	}
	return d, err
}

func (s *Store) read(elem ...string) ([]byte, error) {
	last := len(elem) - 1
	d, err := s.open(false, elem[:last]...)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	b, err := d.Read(elem[last], maxFile)
	if errors.Is(err, perm.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return b, err
}

// readJSON reads a short-lived file into v.
func (s *Store) readJSON(v any, version *int, elem ...string) error {
	b, err := s.read(elem...)
	if err == nil {
		err = decode(b, v, version)
	}
	return s.orAbsent(err, elem...)
}

func (s *Store) writeJSON(v any, elem ...string) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.write(b, false, elem...)
}

// write replaces a whole file. What is not durable a power cut may leave
// empty; it does not parse then, and so counts as absent.
func (s *Store) write(b []byte, durable bool, elem ...string) error {
	last := len(elem) - 1
	d, err := s.open(true, elem[:last]...)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Write(tempPrefix, elem[last], b, durable)
}

// removeAll removes the files of a directory that match; an absent directory
// has none.
func (s *Store) removeAll(rel string, match func(string) bool) error {
	return s.inDir(rel, func(d perm.Dir, name string) error {
		if !match(name) {
			return nil
		}
		return d.Remove(name)
	})
}

// inDir calls f for each file of a directory, and joins its errors, except that one
// is not there any more; an absent directory has none.
func (s *Store) inDir(rel string, f func(d perm.Dir, name string) error) error {
	d, err := s.open(false, strings.Split(rel, "/")...)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Names()
	for _, name := range names {
		if ferr := f(d, name); !errors.Is(ferr, ErrNotExist) {
			err = errors.Join(err, ferr)
		}
	}
	return err
}
