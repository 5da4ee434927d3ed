package apikey

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	bodyLen     = 32 // log2(62) × 32 = 190 bits
	checksumLen = 6  // 62⁶ > 2³²
	tailLen     = bodyLen + checksumLen
	shownLen    = 4 // characters of a key's end that its masked form shows
)

// Format is how the keys of one service, and of one environment of it, look.
// Make it with [NewFormat] or [MustFormat]; the zero value makes and knows no
// keys. Keep it: with another prefix no key that was handed out is known.
type Format struct{ prefix string }

// NewFormat returns the format whose keys begin with the prefix and an
// underscore. The prefix names the service and what the key is for, such as
// "acme_live" and "acme_test": three to 24 lower-case letters and digits in
// words divided by single underscores, the first of them a letter. Keys of one
// format are no keys of another.
func NewFormat(prefix string) (Format, error) {
	if len(prefix) < 3 || len(prefix) > 24 {
		return Format{}, errors.New("apikey: a prefix has 3 to 24 characters")
	}
	if prefix[0] < 'a' || prefix[0] > 'z' {
		return Format{}, errors.New("apikey: a prefix begins with a lower-case letter")
	}
	for word := range strings.SplitSeq(prefix, "_") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return Format{}, errors.New("apikey: a prefix is of lower-case letters and digits, in words divided by single " +
				"underscores")
		}
	}
	return Format{prefix}, nil
}

// MustFormat is [NewFormat] for prefixes that stand in the program. It panics
// where that returns an error.
func MustFormat(prefix string) Format {
	f, err := NewFormat(prefix)
	if err != nil {
		panic(err)
	}
	return f
}

// Prefix returns the prefix, without the underscore that follows it in a key.
func (f Format) Prefix() string { return f.prefix }

// Pattern returns a regular expression, for RE2, PCRE and Hyperscan alike, that
// matches every key of the format; it is meant for secret scanners. It has no
// word boundaries, since they would miss the key in "\nacme_live_…" of a quoted
// string; what it matches wrongly, the checksum tells: see [Format.Parse].
func (f Format) Pattern() string {
	return fmt.Sprintf("%s_[0-9A-Za-z]{%d}", f.prefix, tailLen)
}

// Generate makes a new key. It fails only where the system's randomness does.
func (f Format) Generate() (Key, error) {
	if f.prefix == "" {
		return Key{}, errors.New("apikey: the format has no prefix: make it with NewFormat")
	}
	body, err := random(rand.Reader, bodyLen)
	if err != nil {
		return Key{}, err
	}
	text := f.prefix + "_" + body
	return newKey(text + checksum(text)), nil
}

// Parse returns the key that a text is: the whole of it, spaces not excepted.
// It looks nothing up, so a key that parses may be unknown, expired or revoked; one
// that does not was never issued. Any one character that is changed, added or
// left out is found, any two neighbours that are swapped, and any run of up to
// four wrong characters before the checksum; of other faults, all but one in
// four billion. Errors are [ErrInvalid] with the fault in words, and do not
// repeat the text.
func (f Format) Parse(text string) (Key, error) {
	head := f.prefix + "_"
	tail, ok := strings.CutPrefix(text, head)
	if !ok || f.prefix == "" {
		return Key{}, fmt.Errorf("%w: it does not begin as the keys of this service", ErrInvalid)
	}
	if len(tail) != tailLen {
		return Key{}, fmt.Errorf("%w: it has %d characters, not %d", ErrInvalid, len(text), len(head)+tailLen)
	}
	for i := range len(tail) {
		if strings.IndexByte(base62, tail[i]) < 0 {
			return Key{}, fmt.Errorf("%w: its character %d is not allowed in a key", ErrInvalid, len(head)+i+1)
		}
	}
	// No secret is compared: anybody can compute the checksum.
	if end := len(text) - checksumLen; checksum(text[:end]) != text[end:] {
		return Key{}, fmt.Errorf("%w: its checksum is wrong, so it was mistyped or is not a key", ErrInvalid)
	}
	// A copy: the text may be a part of something much larger.
	return newKey(strings.Clone(text)), nil
}

// Find returns the keys of the format in a text, wherever they stand in it: to
// scan what is about to be published, or logs. Each has a checksum that fits.
func (f Format) Find(text string) []Key {
	if f.prefix == "" {
		return nil
	}
	var found []Key
	size := len(f.prefix) + 1 + tailLen
	for {
		i := strings.Index(text, f.prefix+"_")
		if i < 0 || len(text)-i < size {
			return found
		}
		if key, err := f.Parse(text[i : i+size]); err == nil {
			found = append(found, key)
			text = text[i+size:]
		} else {
			text = text[i+1:] // what begins like a key may overlap with one
		}
	}
}

// checksum returns the CRC-32 of a text in base62.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [checksumLen]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

// random draws n characters of base62, each as likely as the others: 248 is the
// largest multiple of 62 in a byte, and what is not below it is drawn again.
func random(source io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	for range 16 { // of sound randomness, two draws are nearly always enough
		drawn := make([]byte, n)
		if _, err := io.ReadFull(source, drawn); err != nil {
			return "", fmt.Errorf("apikey: no randomness: %w", err)
		}
		for _, b := range drawn {
			if b < 248 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
		if len(out) == n {
			return string(out), nil
		}
	}
	return "", errors.New("apikey: the source of randomness is broken")
}
