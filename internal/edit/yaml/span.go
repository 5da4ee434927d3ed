package yaml

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The parser tells where a node begins, but not where it ends. That is found
// here, by walking over its text. A mistake would not get past verify.

// End returns where a node's text ends: after its last character, without the
// comment or the line break that follow.
func (d *Document) End(n *Node) (int, error) {
	off, err := d.Start(n)
	if err != nil {
		return 0, err
	}
	rest := d.Text[off:]
	switch {
	case n.Kind == AliasNode:
		return d.match(n, off, "*"+n.Value)
	case n.Kind == ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0:
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return off + i + 1, nil
			}
		}
		return 0, ByHand(n)
	case n.Kind == ScalarNode && n.Style&yaml.SingleQuotedStyle != 0:
		for i := 1; i < len(rest); i++ {
			switch {
			case strings.HasPrefix(rest[i:], "''"):
				i++
			case rest[i] == '\'':
				return off + i + 1, nil
			}
		}
		return 0, ByHand(n)
	case n.Kind == ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return d.blockScalarEnd(n, off)
	case n.Kind == ScalarNode && n.Value == "":
		return off, nil // a key without a value
	case n.Kind == ScalarNode:
		return d.match(n, off, n.Value)
	case n.Style&yaml.FlowStyle != 0 && rest != "" && (rest[0] == '{' || rest[0] == '['):
		return d.flowEnd(n, off+1)
	case len(n.Content) > 0:
		return d.End(n.Content[len(n.Content)-1])
	}
	return 0, ByHand(n)
}

// Start returns where a node's text begins behind its properties (an anchor, a
// tag), which may stand on a line before it.
func (d *Document) Start(n *Node) (int, error) {
	off, err := d.offset(n)
	if err != nil || n.Kind == AliasNode {
		return off, err
	}
	for off < len(d.Text) && (d.Text[off] == '&' || d.Text[off] == '!') {
		ends := func(r rune) bool { return isBlank(r) || strings.ContainsRune(",[]{}", r) }
		props := off + strings.IndexFunc(d.Text[off:]+" ", ends)
		if off = d.skip(props, ""); n.Kind == ScalarNode && n.Value == "" && n.Style&^yaml.TaggedStyle == 0 {
			return props, nil // a property of nothing
		}
	}
	return off, nil
}

// skip passes over blanks, line breaks, comments and the characters of also.
func (d *Document) skip(off int, also string) int {
	for off < len(d.Text) {
		r, size := utf8.DecodeRuneInString(d.Text[off:])
		switch {
		case r == '#' && (off == 0 || strings.ContainsRune(" \t\r\n,[]{}", rune(d.Text[off-1]))):
			off = d.lineEnd(off)
		case isBlank(r) || strings.ContainsRune(also, r):
			off += size
		default:
			return off
		}
	}
	return off
}

// flowEnd returns the end of a flow collection whose inside begins at off.
func (d *Document) flowEnd(n *Node, off int) (int, error) {
	for _, c := range n.Content {
		end, err := d.End(c)
		if err != nil {
			return 0, err
		}
		off = max(off, end)
	}
	off = d.skip(off, ",:")
	if off < len(d.Text) && (d.Text[off] == '}' || d.Text[off] == ']') {
		return off + 1, nil
	}
	return 0, ByHand(n)
}

// blockScalarEnd is End for a literal or folded scalar with its header at off.
func (d *Document) blockScalarEnd(n *Node, off int) (int, error) {
	header := off + 1
	for header < len(d.Text) && strings.IndexByte("+-0123456789", d.Text[header]) >= 0 {
		header++
	}
	keep := strings.Contains(d.Text[off:header], "+")
	body := strings.TrimRightFunc(n.Value, isBlank)
	end := header
	if body != "" {
		var err error
		if end, err = d.match(n, d.lineEnd(header), strings.TrimLeftFunc(body, isBlank)); err != nil {
			return 0, err
		}
	}
	end = d.lineEnd(end)
	if keep { // its blank lines at the end are part of it
		breaks := strings.Count(n.Value[len(body):], "\n")
		if body != "" {
			breaks--
		}
		for range breaks {
			if next := d.next(end); next < len(d.Text) {
				end = d.lineEnd(next)
			}
		}
	}
	return end, nil
}

// match walks over a text that is there as it is, except for the blanks and line
// breaks within, and returns where it ends.
func (d *Document) match(n *Node, off int, s string) (int, error) {
	blank := true
	for _, r := range s {
		if isBlank(r) {
			blank = true
			continue
		}
		got, size := utf8.DecodeRuneInString(d.Text[off:])
		for blank && isBlank(got) && size > 0 {
			off += size
			got, size = utf8.DecodeRuneInString(d.Text[off:])
		}
		if got != r || size == 0 {
			return 0, ByHand(n)
		}
		off += size
		blank = false
	}
	return off, nil
}

// isBlank is true for blanks and for what YAML takes as a line break.
func isBlank(r rune) bool { return strings.ContainsRune(" \t\r\n\u0085\u2028\u2029", r) }

// Entry is a key of a mapping in the text.
type Entry struct {
	Key, Val *Node
	KeyStart int
	Colon    int // behind its colon
}

// Lookup finds a key that stands in the mapping itself; nil if there is none.
func (d *Document) Lookup(m *Node, key string) (*Entry, error) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Kind != ScalarNode || k.Value != key {
			continue
		}
		start, err := d.offset(k)
		if err != nil {
			return nil, err
		}
		end, err := d.End(k)
		if err != nil {
			return nil, err
		}
		blanks := len(d.Text[end:]) - len(strings.TrimLeft(d.Text[end:], " \t"))
		colon := end + blanks + 1
		if colon > len(d.Text) || d.Text[colon-1] != ':' {
			return nil, ByHand(k)
		}
		return &Entry{k, m.Content[i+1], start, colon}, nil
	}
	return nil, nil
}

// Span returns where an entry's value begins, with its anchor or tag, and where it
// ends; of one that is absent both are behind the colon.
func (d *Document) Span(l *Entry) (from, to int, err error) {
	if Absent(l.Val) {
		return l.Colon, l.Colon, nil
	}
	if from, err = d.offset(l.Val); err == nil {
		to, err = d.End(l.Val)
	}
	return from, to, err
}
