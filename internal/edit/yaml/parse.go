// Package yaml changes YAML text without touching another byte: comments, order,
// quoting, line ends and indentation stay as they are, in block style, in flow
// style and in JSON.
//
// [Parse] reads a text; the methods of [Document] find a part of it and return the
// text with that part changed. Where a part is written in a way that cannot be
// changed alone, the error is [ErrByHand]. A result is not checked here: whoever
// asked for it parses it again and compares its [Value] with what was meant.
package yaml

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Node is what the YAML reader knows of a part of a text.
type Node = yaml.Node

// The kinds of a [Node] and of a [Value].
const (
	ScalarNode   = yaml.ScalarNode
	SequenceNode = yaml.SequenceNode
	MappingNode  = yaml.MappingNode
	AliasNode    = yaml.AliasNode
)

// ErrByHand says that a text is written in a way that cannot be edited without
// touching the rest.
var ErrByHand = errors.New("edit it by hand")

// ByHand is the error for a part that is written in such a way.
func ByHand(n *Node) error {
	const why = "this is written in a way that cannot be edited without touching the rest"
	return fmt.Errorf("line %d: %s; %w", n.Line, why, ErrByHand)
}

const byteOrderMark = "\ufeff"

// Format is what is known of a kind of file.
type Format struct {
	Header Mapping  // what a file without content begins with
	Lists  []string // keys of the lists that show how a file is indented; the first that has an entry counts
	Values int      // how many values a file may have once its aliases are put in
}

// Document is a parsed text with what is needed to find its parts.
type Document struct {
	Text string // without a byte order mark; what has an offset has it here
	Root *Node  // nil: the text has no content
	Tree *Value // the same by meaning; an empty mapping if there is no content
	JSON bool   // all of it is JSON, and has to stay that
	NL   string // the line end that new lines get

	format Format
	bom    string // the mark, or nothing
	lines  []int  // where each line begins
}

// Parse reads a text. A second document is refused: nearly all readers pass over
// it.
func Parse(text []byte, format Format) (*Document, error) {
	d := &Document{format: format, NL: "\n", Text: string(text)}
	if rest, ok := strings.CutPrefix(d.Text, byteOrderMark); ok {
		d.bom, d.Text = byteOrderMark, rest
	}
	if strings.HasPrefix(d.Text, byteOrderMark) || strings.Contains(d.Text, "\n"+byteOrderMark) {
		return nil, errors.New("a byte order mark (U+FEFF) begins a line, and readers differ in what that means; remove it")
	}
	if !utf8.ValidString(d.Text) {
		return nil, errors.New("not UTF-8 text")
	}
	d.lines = lineStarts(d.Text)
	if i := strings.IndexByte(d.Text, '\n'); i > 0 && d.Text[i-1] == '\r' {
		d.NL = "\r\n"
	}
	d.JSON = strings.HasPrefix(strings.TrimSpace(d.Text), "{") && json.Valid([]byte(d.Text))

	readable := d.Text
	if d.JSON {
		readable = withoutSurrogates(readable)
	}
	dec := yaml.NewDecoder(strings.NewReader(readable))
	var doc, next Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	if err := dec.Decode(&next); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins here, and only the first is read", max(next.Line, 1))
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	d.Tree = &Value{Kind: MappingNode}
	if doc.Kind == 0 || IsNull(doc.Content[0]) && doc.Content[0].Value == "" { // nothing but comments, or ---
		return d, nil
	}
	d.Root = doc.Content[0]
	var err error
	d.Tree, err = d.Meaning(d.Root)
	return d, err
}

// withoutSurrogates puts U+FFFD, which is as long, in the place of each half of a pair
// as JSON escapes it (RFC 8259 section 7): YAML has no such escape.
func withoutSurrogates(s string) string {
	if !strings.Contains(s, `\ud`) && !strings.Contains(s, `\uD`) {
		return s
	}
	b := []byte(s)
	for i := 0; i+5 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] == 'u' && b[i+2]|0x20 == 'd' && b[i+3] >= '8' {
			copy(b[i+2:], "fffd")
		}
		i++ // of an escaped backslash, the second one
	}
	return string(b)
}

func syntaxError(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// Unique refuses a key that is there twice: parsers differ in which they take.
func Unique(m *Node, what string) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Kind == ScalarNode && seen[k.Value] {
			return fmt.Errorf("line %d: the key %s is in %s a second time", k.Line, k.Value, what)
		}
		seen[k.Value] = true
	}
	return nil
}

// lineStarts splits as libyaml does: at CR LF, LF, CR, and at the line breaks of
// Unicode.
func lineStarts(s string) []int {
	starts := []int{0}
	for i := 0; i < len(s); {
		n := breakLen(s[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		starts = append(starts, i)
	}
	return starts
}

// breakLen returns the length of the line break that s begins with, or 0.
func breakLen(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case s != "" && (s[0] == '\n' || s[0] == '\r'):
		return 1
	case strings.HasPrefix(s, "\u0085"):
		return 2
	case strings.HasPrefix(s, "\u2028"), strings.HasPrefix(s, "\u2029"):
		return 3
	}
	return 0
}

// offset returns where a node begins in the text; its properties (an anchor, a
// tag) are part of it.
func (d *Document) offset(n *Node) (int, error) {
	if n.Line < 1 || n.Line > len(d.lines) {
		return 0, ByHand(n)
	}
	off := d.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(d.Text[off:])
		if size == 0 {
			return 0, ByHand(n)
		}
		off += size
	}
	return off, nil
}

// lineStart returns where the line of an offset begins.
func (d *Document) lineStart(off int) int {
	for i := off; i > 0; i-- {
		if c := d.Text[i-1]; c == '\n' || c == '\r' {
			return i
		}
	}
	return 0
}

// lineEnd returns where the line of an offset ends, before its line break.
func (d *Document) lineEnd(off int) int {
	if i := strings.IndexAny(d.Text[off:], "\r\n"); i >= 0 {
		return off + i
	}
	return len(d.Text)
}

// endBefore returns where the line before the one that begins at start ends.
func (d *Document) endBefore(start int) int {
	return len(strings.TrimSuffix(strings.TrimSuffix(d.Text[:start], "\n"), "\r"))
}

// next returns where the line after that of an offset begins.
func (d *Document) next(off int) int {
	end := d.lineEnd(off)
	return end + breakLen(d.Text[end:])
}

// indent returns the blanks that a line begins with.
func (d *Document) indent(off int) string {
	line := d.Text[d.lineStart(off):d.lineEnd(off)]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// Splice returns the text with [from, to) replaced.
func (d *Document) Splice(from, to int, s string) []byte {
	return []byte(d.bom + d.Text[:from] + s + d.Text[to:])
}
