package awsconfig

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TextError says why a text is not edited: the AWS CLI and the SDKs would not
// all read the result in the same way, or not at all.
type TextError struct {
	Line int // from 1; 0 if it is not a single line
	Why  string
}

func (e *TextError) Error() string {
	if e.Line == 0 {
		return e.Why
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Why)
}

func refuse(line int, format string, args ...any) error {
	return &TextError{line, fmt.Sprintf(format, args...)}
}

type kind int

const (
	blank    kind = iota
	comment       // # or ;, also after spaces
	header        // [section]
	property      // key = value, at the line's beginning
	indented      // goes on with the value above it, or is a nested key
	other         // at the line's beginning, without = or :
)

// line is one line of the text. Joined, they are the text.
type line struct {
	body, eol string
	kind      kind
	key       string // of a property or of an indented line that looks like one
	value     string
}

// section is a header and what stands below it, up to the next one.
type section struct {
	head, end int    // lines[head] is the header, lines[end] is the next one
	name      string // between the brackets
	cli, sdk  string // the profile that it is for botocore, and for the SDKs; may be empty
	quoted    bool
	odd       bool // a header for some readers only
}

// is tells whether it is a profile's, in the config or the credentials.
func (s *section) is(in Place, profile string) bool {
	if in == InCredentials {
		return s.name == profile
	}
	return s.cli == profile || s.sdk == profile
}

type document struct {
	lines    []line
	sections []section
}

// maxText bounds what is looked at. A real config has some KiB.
const maxText = 1 << 20

// parse splits a text into lines and sections, by what botocore (Python's
// RawConfigParser) and the SDKs (the SDKs' reference guide, "file format") have
// in common. It errs where they see other lines or other characters.
func parse(text string) (*document, error) {
	switch {
	case len(text) > maxText:
		return nil, refuse(0, "it is larger than %d bytes", maxText)
	case strings.HasPrefix(text, "\ufeff"):
		return nil, refuse(1,
			"it begins with a byte order mark, which the AWS CLI does not take; save it as UTF-8 without one")
	case strings.ContainsRune(text, 0):
		return nil, refuse(0, "it is not a text in UTF-8")
	}
	d, err := split(text, func(n int) error {
		return refuse(n, "there is a carriage return within the line, where some programs begin a new one")
	})
	if err != nil {
		return nil, err
	}
	for _, s := range d.sections {
		if body := d.lines[s.head].body; !closed(body) {
			return nil, refuse(s.head+1, "%q is not a section's name in brackets; the AWS CLI reads nothing of such a file",
				body)
		}
	}
	return d, nil
}

// closed tells whether a header has a name and a bracket at its end, before a
// comment.
func closed(body string) bool {
	trimmed := strings.TrimSpace(body)
	end := strings.LastIndex(trimmed, "]")
	if end < 0 || strings.TrimSpace(trimmed[1:end]) == "" {
		return false
	}
	rest := strings.TrimSpace(trimmed[end+1:])
	return rest == "" || rest[0] == '#' || rest[0] == ';'
}

// split makes the document; lone is asked about a carriage return in a line.
func split(text string, lone func(int) error) (*document, error) {
	d := &document{}
	for rest := text; rest != ""; {
		body, after, found := strings.Cut(rest, "\n")
		rest = after
		eol := ""
		if found {
			eol = "\n"
			if strings.HasSuffix(body, "\r") {
				body, eol = body[:len(body)-1], "\r\n"
			}
		}
		if strings.Contains(body, "\r") {
			if err := lone(len(d.lines) + 1); err != nil {
				return nil, err
			}
		}
		l := classify(body)
		l.eol = eol
		if l.kind == header {
			if n := len(d.sections); n > 0 {
				d.sections[n-1].end = len(d.lines)
			}
			d.sections = append(d.sections, newSection(body, len(d.lines)))
		}
		d.lines = append(d.lines, l)
	}
	if n := len(d.sections); n > 0 {
		d.sections[n-1].end = len(d.lines)
	}
	return d, nil
}

func classify(body string) line {
	l := line{body: body}
	trimmed := strings.TrimSpace(body)
	first, _ := utf8.DecodeRuneInString(body)
	switch {
	case trimmed == "":
		l.kind = blank
		return l
	case trimmed[0] == '#' || trimmed[0] == ';':
		l.kind = comment
		return l
	case body[0] == '[', trimmed[0] == '[' && bracketed(trimmed) != "":
		l.kind = header
		return l
	case unicode.IsSpace(first):
		l.kind = indented
	default:
		l.kind = property
	}
	i := strings.IndexAny(trimmed, "=:")
	if i < 0 {
		if l.kind == property {
			l.kind = other
		}
		return l
	}
	l.key = strings.ToLower(strings.TrimSpace(trimmed[:i]))
	l.value = strings.TrimSpace(trimmed[i+1:])
	return l
}

// bracketed returns what the SDKs read between the brackets of a header, which
// may have a comment behind it.
func bracketed(trimmed string) string {
	if i := strings.IndexAny(trimmed, "#;"); i >= 0 {
		trimmed = strings.TrimSpace(trimmed[:i])
	}
	if !strings.HasPrefix(trimmed, "[") || !strings.HasSuffix(trimmed, "]") {
		return ""
	}
	return strings.TrimSpace(trimmed[1 : len(trimmed)-1])
}

func newSection(body string, at int) section {
	trimmed := strings.TrimSpace(body)
	s := section{head: at, odd: body[0] != '['}
	// botocore: up to the last bracket, and the words as a shell splits them.
	if end := strings.LastIndex(trimmed, "]"); end > 0 {
		switch inner := trimmed[1:end]; {
		case inner == "default":
			s.cli = inner
		case strings.HasPrefix(inner, "profile"):
			if words, err := splitWords(inner); err == nil && len(words) == 2 {
				s.cli = words[1]
			}
		}
	}
	inner := bracketed(trimmed)
	s.name, s.odd = inner, s.odd || inner == ""
	name, isProfile := strings.CutPrefix(inner, "profile")
	switch {
	case inner == "default":
		s.sdk = inner
	case isProfile && strings.TrimLeft(name, " \t") != name:
		s.sdk = strings.TrimSpace(name)
		for _, quote := range []string{`"`, `'`} {
			if n := len(s.sdk); n > 2 && strings.HasPrefix(s.sdk, quote) && strings.HasSuffix(s.sdk, quote) {
				s.sdk, s.quoted = s.sdk[1:n-1], true
				break
			}
		}
	}
	return s
}

// find returns the section of a profile, or nil. It errs where there are
// several, or where not everybody takes it for that profile's.
func (d *document) find(profile string) (*section, error) {
	var found *section
	for i := range d.sections {
		s := &d.sections[i]
		if s.cli != profile && s.sdk != profile {
			continue
		}
		switch {
		case s.cli != s.sdk || s.odd:
			return nil, refuse(s.head+1, "not every program reads this as the profile %q; write it as %s, at the line's "+
				"beginning", profile, headerFor(profile))
		case found != nil:
			return nil, refuse(s.head+1, "the profile %q has a section at line %d already; the AWS CLI takes one only", profile,
				found.head+1)
		}
		found = s
	}
	if found != nil && found.end < len(d.lines) && d.lines[found.end].body[0] != '[' {
		return nil, refuse(found.end+1, "the section's name is indented; some programs take it for a part of the profile %q",
			profile)
	}
	return found, nil
}

// keyLines returns the lines in a section that hold a key, and refuses those
// whose meaning depends on who reads them.
func (d *document) keyLines(s *section, key string) ([]int, error) {
	var at []int
	nesting := false // below a key without a value of its own
	for i := s.head + 1; i < s.end; i++ {
		l := d.lines[i]
		switch {
		case l.kind == property:
			nesting = l.value == ""
			if l.key == key {
				at = append(at, i)
			}
		case l.kind == indented && l.key == key && !nesting:
			return nil, refuse(i+1, "%s is indented, which programs read differently; move it to the line's beginning", key)
		}
	}
	if len(at) > 1 {
		return nil, refuse(at[1]+1, "%s is set at line %d already; the AWS CLI takes one only", key, at[0]+1)
	}
	return at, nil
}

// valueEnd returns the line after a property with the lines that go on with it.
func (d *document) valueEnd(at, end int) int {
	last := at
	for i := at + 1; i < end; i++ {
		switch d.lines[i].kind {
		case indented:
			last = i
		case property, other:
			return last + 1
		}
	}
	return last + 1
}

// splitWords splits a line as Python's shlex.split does, in its POSIX mode and
// without comments.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case quote == '\'' && r != '\'', quote == '"' && r != '"' && r != '\\':
			word.WriteRune(r)
		case r == '\\':
			inWord, escaped = true, true
		case quote != 0:
			quote = 0
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quotation without an end")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
