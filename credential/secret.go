package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask stands for a secret wherever one would be printed.
const mask = "[secret]"

// Secret is a string that does not print: under every fmt verb, in JSON, in
// text encodings and in slog it renders as a mask. [Secret.Reveal] is the one
// way to its value, so that a search for that word finds every place where a
// secret leaves the process.
//
// It does not protect memory: the value is an ordinary Go string.
type Secret struct {
	_ [0]func() // no ==, which would compare pointers: see Equal
	// A pointer: fmt calls no method on what stands in an unexported field, and
	// prints a pointer there as an address.
	value *string
}

// NewSecret wraps a value that must not be printed.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal returns the value. Whoever calls it answers for where it goes.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both have the same value, in a time that does not tell
// where they differ.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns a mask, or nothing for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format implements [fmt.Formatter], so that %#v and %x print the mask too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText renders the mask. It covers JSON as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
