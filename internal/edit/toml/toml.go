// Package toml sets and removes a key of a table in a TOML file (v1.0.0), and leaves
// every other byte as it is. It reads how a file is divided into tables, keys and
// values; what values mean it reads of plain strings alone.
package toml

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Entry is a key with its value.
type Entry struct {
	Table []string // that it stands in, as its header names it; none: before all headers
	Key   []string // more than one part: a dotted key
	Value []byte   // as it is written

	start, end           int // of its lines
	valueStart, valueEnd int
	block                int // which header it is below; -1: none
}

// Path is the whole name of the key.
func (e *Entry) Path() []string { return slices.Concat(e.Table, e.Key) }

// Document is a file's text, divided.
type Document struct {
	Entries []Entry

	text   []byte
	blocks []block
}

// block is a header.
type block struct {
	name  []string
	array bool
	end   int // of its line
}

// deepest is how far values may stand in each other.
const deepest = 100

// Parse divides a text.
func Parse(text []byte) (*Document, error) {
	s := &scanner{text: text}
	d := &Document{text: text}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		s.at = len("\ufeff")
	}
	for s.at < len(text) {
		start := s.at
		err := s.statement(d)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", bytes.Count(text[:start], []byte("\n"))+1, err)
		}
	}
	return d, nil
}

// Line is the number of an entry's first line.
func (d *Document) Line(e *Entry) int { return bytes.Count(d.text[:e.start], []byte("\n")) + 1 }

// Strings are the texts of a value that is a string, or an array of strings; ok is false
// for others, and for those of several lines.
func (e *Entry) Strings() (list []string, ok bool) {
	s := &scanner{text: e.Value}
	if s.peek() != '[' {
		text, err := s.plain()
		return []string{text}, err == nil
	}
	s.at++
	for {
		if s.gap(); s.peek() == ']' {
			return list, true
		}
		text, err := s.plain()
		if err != nil {
			return nil, false
		}
		list = append(list, text)
		if s.gap(); s.peek() == ',' {
			s.at++
		}
	}
}

// Set has a table that is there have a key with this value, in place of the one that it
// has, else as its last.
func (d *Document) Set(table []string, key, value string) ([]byte, error) {
	at, path := -1, append(slices.Clone(table), key)
	for i, b := range d.blocks {
		if len(b.name) >= len(path) && slices.Equal(b.name[:len(path)], path) {
			return nil, fmt.Errorf("%s is a table", Name(path))
		}
		if slices.Equal(b.name, table) {
			if at >= 0 || b.array {
				return nil, fmt.Errorf("%s is there more than once", Name(table))
			}
			at = i
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("no section [%s]", Name(table))
	}
	end, indent := d.blocks[at].end, []byte(nil)
	for _, e := range d.Entries {
		switch {
		case e.block != at:
		case slices.Equal(e.Key, []string{key}):
			return splice(d.text, e.valueStart, e.valueEnd, value), nil
		case e.Key[0] == key:
			return nil, fmt.Errorf("%s is a table", Name(path))
		default:
			end = e.end
			line := d.text[e.start:]
			indent = line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		}
	}
	newline := "\n"
	if bytes.Contains(d.text[:end], []byte("\r\n")) {
		newline = "\r\n"
	}
	line := string(indent) + key + " = " + value
	if d.text[end-1] == '\n' {
		return splice(d.text, end, end, line+newline), nil
	}
	return splice(d.text, end, end, newline+line), nil
}

// Remove takes out an entry with its lines.
func (d *Document) Remove(e *Entry) []byte {
	start, end := e.start, e.end
	if d.text[end-1] != '\n' { // the last line, which ends with the text
		start = len(bytes.TrimSuffix(bytes.TrimSuffix(d.text[:start], []byte("\n")), []byte("\r")))
	}
	return splice(d.text, start, end, "")
}

// Quote writes an array of strings.
func Quote(words ...string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('"')
		for _, r := range w {
			switch {
			case r == '"' || r == '\\':
				b.WriteString(`\` + string(r))
			case r < ' ' || r == 0x7f:
				fmt.Fprintf(&b, `\u%04X`, r)
			default:
				b.WriteRune(r)
			}
		}
		b.WriteByte('"')
	}
	return "[" + b.String() + "]"
}

// Name writes the name of a table or a key.
func Name(path []string) string {
	parts := slices.Clone(path)
	for i, p := range parts {
		if p == "" || strings.ContainsFunc(p, func(r rune) bool { return r > 0x7e || !bare(byte(r&0x7f)) }) {
			parts[i] = strconv.Quote(p)
		}
	}
	return strings.Join(parts, ".")
}

func splice(text []byte, start, end int, with string) []byte {
	return slices.Concat(text[:start], []byte(with), text[end:])
}

var errUnread = errors.New("it cannot be read")

type scanner struct {
	text []byte
	at   int
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) blank() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.at++
	}
}

// gap passes over blanks, comments and line ends.
func (s *scanner) gap() {
	for {
		s.blank()
		if s.peek() != '#' && s.peek() != '\n' && s.peek() != '\r' || s.lineEnd() != nil {
			return
		}
	}
}

// lineEnd passes over the rest of a line, in which only a comment can be.
func (s *scanner) lineEnd() error {
	s.blank()
	if s.peek() == '#' {
		rest := s.text[s.at:]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			rest = rest[:n]
		}
		s.at += len(bytes.TrimSuffix(rest, []byte("\r")))
	}
	rest := s.text[s.at:]
	switch {
	case len(rest) == 0:
	case rest[0] == '\n':
		s.at++
	case bytes.HasPrefix(rest, []byte("\r\n")):
		s.at += 2
	default:
		return errUnread
	}
	return nil
}

// statement is a line, or as many as a value has.
func (s *scanner) statement(d *Document) error {
	start := s.at
	s.blank()
	switch s.peek() {
	case '#', '\n', '\r', 0:
		return s.lineEnd()
	case '[':
		return s.header(d)
	}
	key, err := s.key()
	if err != nil || s.peek() != '=' {
		return errUnread
	}
	s.at++
	s.blank()
	e := Entry{Key: key, start: start, valueStart: s.at, block: len(d.blocks) - 1}
	if e.block >= 0 {
		e.Table = d.blocks[e.block].name
	}
	if err := s.value(0); err != nil {
		return err
	}
	e.valueEnd = s.at
	if err := s.lineEnd(); err != nil {
		return err
	}
	e.Value, e.end = s.text[e.valueStart:e.valueEnd], s.at
	d.Entries = append(d.Entries, e)
	return nil
}

func (s *scanner) header(d *Document) error {
	b := block{array: bytes.HasPrefix(s.text[s.at:], []byte("[["))}
	closing := "]"
	if s.at++; b.array {
		closing, s.at = "]]", s.at+1
	}
	var err error
	if b.name, err = s.key(); err != nil || !bytes.HasPrefix(s.text[s.at:], []byte(closing)) {
		return errUnread
	}
	s.at += len(closing)
	err = s.lineEnd()
	b.end = s.at
	d.blocks = append(d.blocks, b)
	return err
}

func bare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// key reads a key of one or more parts, and the blanks around it.
func (s *scanner) key() (path []string, err error) {
	for {
		s.blank()
		start, part := s.at, ""
		if c := s.peek(); c == '"' || c == '\'' {
			if part, err = s.plain(); err != nil {
				return nil, err
			}
		} else {
			for bare(s.peek()) {
				s.at++
			}
			if part = string(s.text[start:s.at]); part == "" {
				return nil, errUnread
			}
		}
		path = append(path, part)
		if s.blank(); s.peek() != '.' {
			return path, nil
		}
		s.at++
	}
}

// plain reads a string of one line.
func (s *scanner) plain() (string, error) {
	start := s.at
	if err := s.quoted(); err != nil {
		return "", err
	}
	text := string(s.text[start:s.at])
	switch {
	case strings.HasPrefix(text, `"""`), strings.HasPrefix(text, "'''"):
		return "", errUnread
	case text[0] == '"':
		return strconv.Unquote(text) // Go has all of TOML's escapes
	}
	return text[1 : len(text)-1], nil
}

// quoted passes over a string.
func (s *scanner) quoted() error {
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return errUnread
	}
	long := bytes.Repeat([]byte{quote}, 3)
	if !bytes.HasPrefix(s.text[s.at:], long) {
		long = long[:1]
	}
	for s.at += len(long); s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == '\\' && quote == '"':
			s.at++
		case c == '\n' && len(long) == 1:
			return errUnread
		case c == quote && bytes.HasPrefix(s.text[s.at:], long):
			s.at += len(long)
			for i := 0; i < 2 && len(long) == 3 && s.peek() == quote; i++ { // which belong to it
				s.at++
			}
			return nil
		}
	}
	return errUnread
}

// value passes over a value.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case depth > deepest:
		return errors.New("it is nested too deep")
	case c == '"' || c == '\'':
		return s.quoted()
	case c == '[' || c == '{':
		s.at++
		for {
			if s.gap(); s.peek() == c+2 { // the closing one, in ASCII
				s.at++
				return nil
			}
			if c == '{' {
				if _, err := s.key(); err != nil || s.peek() != '=' {
					return errUnread
				}
				s.at++
				s.blank()
			}
			if err := s.value(depth + 1); err != nil {
				return err
			}
			if s.gap(); s.peek() == ',' {
				s.at++
			} else if s.peek() != c+2 {
				return errUnread
			}
		}
	}
	start := s.at // a number, a date, a truth
	for c := s.peek(); bare(c) || c == '+' || c == '.' || c == ':' || c == ' ' && s.at > start; c = s.peek() {
		s.at++
	}
	if s.at = start + len(bytes.TrimRight(s.text[start:s.at], " ")); s.at == start {
		return errUnread
	}
	return nil
}
