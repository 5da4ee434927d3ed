package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Key is an API key that does not print: under every fmt verb, in JSON, in text
// encodings and in slog it renders masked. [Key.Reveal] is the one way to its
// value. Keys do not compare with ==, which would take the longer the more of
// them is alike: see [Key.Equal].
//
// It does not protect memory: the value is an ordinary Go string.
type Key struct {
	_     [0]func() // not comparable
	value *string   // fmt calls no method of an unexported field, but it does not follow its pointers
}

func newKey(text string) Key { return Key{value: &text} }

func (k Key) text() string {
	if k.value == nil {
		return ""
	}
	return *k.value
}

// Reveal returns the key itself, to be shown once to the one it is for. Whoever
// calls it answers for where it goes: a page or an answer that is not cached,
// never a log, a URL or a mail.
func (k Key) Reveal() string { return k.text() }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.value == nil }

// Hash returns what to store and look for instead of the key: the SHA-256 of
// the whole of it. The package comment says why that is enough for a key, and
// would not be for a password.
func (k Key) Hash() Hash { return sha256.Sum256([]byte(k.text())) }

// Equal reports whether both are the same key, in a time that does not tell how
// much of them is alike.
func (k Key) Equal(o Key) bool { return k.Hash().Equal(o.Hash()) }

// Masked returns the prefix and the last four characters, for lists and logs:
// enough for a person to tell keys apart, of no use to others.
func (k Key) Masked() string {
	if k.IsZero() {
		return ""
	}
	text := k.text()
	head := strings.LastIndexByte(text, '_') + 1
	return text[:head] + "..." + text[len(text)-shownLen:]
}

// String returns [Key.Masked].
func (k Key) String() string { return k.Masked() }

// Format implements [fmt.Formatter], so that %#v and %x print the mask too.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Masked()) }

// MarshalText renders the mask. It covers JSON as well.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Masked()), nil }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Masked()) }

// Hash is the SHA-256 of a key. As text it is 64 lower-case hexadecimal digits,
// those that sha256sum prints for the key without a line's end, which is how an
// incident's key is found in a database by hand. It may be indexed and used as
// a map's key.
type Hash [sha256.Size]byte

// ParseHash reads what [Hash.String] returns.
func ParseHash(text string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(text))
	return h, err
}

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the hash in hexadecimal. It covers JSON as well.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText returns.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return errors.New("apikey: a hash has 64 hexadecimal digits")
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return errors.New("apikey: a hash has 64 hexadecimal digits")
	}
	return nil
}

// Equal compares in constant time.
func (h Hash) Equal(o Hash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }
