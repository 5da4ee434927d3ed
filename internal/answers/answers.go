// Package answers remembers which question a stored token answered, so that the same
// one can be answered again before the rest of the program is initialised. An entry
// holds the answer's text without its token, and where in which file the token is.
//
// It imports what package os needs, and nothing else: packages are initialised in the
// order of their import paths as soon as their imports are, so that one without others
// runs before a hundred that a repeated answer has no use for.
package answers

import (
	"strconv"
	"time"
)

const (
	magic = "sso-exec answer 1"
	most  = 1 << 18 // bytes of an entry
)

// ID tells one state of a file from another: device, inode, size, mode, owner, links,
// and the times of the last change of content and of the inode. The zero ID is that of
// a file that is not there.
type ID [8]int64

const (
	sizeAt = 2
	timeAt = 6 // of the content, and of the inode
)

// Size is how many bytes the file has.
func (id ID) Size() int64 { return id[sizeAt] }

// Settled is from when on a further change, of whatever kind, shows in the ID: the ticks
// of a file system's clock are up to 10 ms long, or where it keeps whole seconds, two.
func (id ID) Settled() time.Time {
	tick := 100 * time.Millisecond
	if id != (ID{}) && id[timeAt+1]%1e9 == 0 {
		tick = 3 * time.Second
	}
	return time.Unix(0, max(id[timeAt], id[timeAt+1])).Add(tick)
}

// File is a file that an answer came of.
type File struct {
	Path string // empty: the program itself
	ID   ID
}

// Part is a part of an answer: a text, or, with a length, what stands at an offset of the
// token's file.
type Part struct {
	Text    string
	At, Len int64
}

// Entry is a question with its answer.
type Entry struct {
	Key     string // see [Key]
	Written int64  // nanoseconds since 1970: before that, the clock has been set back
	End     int64  // from then on it must be worked out again
	Files   []File // what else was read; links are followed
	Token   File   // DIRECTORY/KEY/FILE below the cache directory
	Parts   []Part
}

// Encode is the entry as it is stored; nil: it is too long to be read again.
func (e *Entry) Encode() []byte {
	b := field(nil, magic)
	b = field(b, e.Key)
	b = number(b, e.Written, e.End, int64(len(e.Files)))
	for _, f := range append(e.Files[:len(e.Files):len(e.Files)], e.Token) {
		b = number(field(b, f.Path), f.ID[:]...)
	}
	for _, p := range e.Parts {
		b = number(field(b, p.Text), p.At, p.Len)
	}
	if b = field(b, Name(string(b))); len(b) > most {
		return nil
	}
	return b
}

// Whole reports whether a file is an entry.
func Whole(b []byte) bool {
	_, ok := decode(b)
	return ok
}

// decode reads an entry; ok is false if anything about it is odd.
func decode(b []byte) (e Entry, ok bool) {
	d := decoder{rest: string(b), ok: len(b) <= most}
	if d.text() != magic {
		return e, false
	}
	e.Key, e.Written, e.End = d.text(), d.number(), d.number()
	for n := d.number(); d.ok && n > 0; n-- {
		e.Files = append(e.Files, d.file())
	}
	e.Token = d.file()
	for d.ok {
		before := len(b) - len(d.rest)
		p := Part{Text: d.text()}
		if d.ok && d.rest == "" { // the checksum is the last
			return e, p.Text == Name(string(b[:before])) && len(e.Parts) > 0
		}
		p.At, p.Len = d.number(), d.number()
		if d.ok = d.ok && p.At >= 0 && p.Len >= 0 && p.Len < most; d.ok {
			e.Parts = append(e.Parts, p)
		}
	}
	return e, false
}

type decoder struct {
	rest string
	ok   bool
}

func (d *decoder) text() string {
	colon := 0
	for colon < len(d.rest) && colon < 8 && d.rest[colon] != ':' {
		colon++
	}
	if !d.ok || colon >= len(d.rest) {
		d.ok = false
		return ""
	}
	n, err := strconv.Atoi(d.rest[:colon])
	if d.ok = err == nil && n >= 0 && n <= len(d.rest)-colon-1; !d.ok {
		return ""
	}
	text := d.rest[colon+1 : colon+1+n]
	d.rest = d.rest[colon+1+n:]
	return text
}

func (d *decoder) number() int64 {
	n, err := strconv.ParseInt(d.text(), 10, 64)
	d.ok = d.ok && err == nil
	return n
}

func (d *decoder) file() (f File) {
	f.Path = d.text()
	for i := range f.ID {
		f.ID[i] = d.number()
	}
	return f
}

// field appends a text with its length before it: two lists of texts are never the same.
func field(b []byte, text string) []byte {
	b = append(strconv.AppendInt(b, int64(len(text)), 10), ':')
	return append(b, text...)
}

func number(b []byte, all ...int64) []byte {
	for _, n := range all {
		b = field(b, strconv.FormatInt(n, 10))
	}
	return b
}

// Name is the name of a key's file: FNV-1a of 64 bits, as hex digits. Two keys may have
// one name; the key stands in the file.
func Name(key string) string {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	const digits = "0123456789abcdef"
	var name [16]byte
	for i := range name {
		name[i] = digits[h>>(60-4*i)&15]
	}
	return string(name[:])
}
