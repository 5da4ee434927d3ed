package yaml

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// IsFlow tells whether a list or a mapping is in brackets or braces.
func IsFlow(n *Node) bool { return n.Style&yaml.FlowStyle != 0 }

// IsTagged tells whether a tag is written.
func IsTagged(n *Node) bool { return n.Style&yaml.TaggedStyle != 0 }

// Absent tells whether a key has no value, not even the word null.
func Absent(n *Node) bool {
	return n.Kind == ScalarNode && n.Value == "" && n.ShortTag() == NullTag && n.Anchor == "" && !IsTagged(n)
}

// IsNull tells whether it is the null of YAML, however that is written.
func IsNull(n *Node) bool { return n.Kind == ScalarNode && n.ShortTag() == NullTag }

func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }

// AddItem adds an entry to the end of a list of the file, which need not be
// there yet.
func (d *Document) AddItem(key string, item Mapping) ([]byte, error) {
	s := styleOf(d)
	if d.Root == nil {
		return d.Fill(Pair{key, List{item}}), nil
	}
	l, err := d.Lookup(d.Root, key)
	if err != nil {
		return nil, err
	}
	if l == nil && d.Tree.Get(key) != nil { // merged in: a key of its own would hide it
		return nil, ByHand(d.Root)
	}
	if l == nil {
		return d.addKey(d.Root, Pair{key, List{item}})
	}
	empty := IsNull(l.Val) || l.Val.Kind == SequenceNode && len(l.Val.Content) == 0
	switch {
	case empty && !IsFlow(d.Root):
		return d.Open(l, s.dash, s.item(item, s.gap), true)
	case empty:
		return d.replaceFlow(d.Root, l, List{item})
	case l.Val.Kind != SequenceNode:
		return nil, ByHand(l.Val)
	case IsFlow(l.Val):
		return d.addFlow(l.Val, func(f flow) string { return f.write(item) })
	}
	first, err := d.dash(l.Val.Content[0])
	if err != nil {
		return nil, err
	}
	end, err := d.End(l.Val)
	if err != nil {
		return nil, err
	}
	column := first - d.lineStart(first)
	return d.Below(end, column, s.item(item, s.gap)), nil
}

// Fill gives a file without content what its format begins with and a first key,
// below its comments.
func (d *Document) Fill(p Pair) []byte {
	lines := styleOf(d).block(append(slices.Clip(d.format.Header), p))
	text := strings.Join(lines, d.NL) + d.NL
	if d.Text != "" && !strings.HasSuffix(d.Text, "\n") {
		text = d.NL + text
	}
	return d.Splice(len(d.Text), len(d.Text), text)
}

// dash finds the dash of a block list's item, which may stand on a line before
// it.
func (d *Document) dash(item *Node) (int, error) {
	off, err := d.offset(item)
	if err != nil {
		return 0, err
	}
	start := d.lineStart(off)
	for before := d.Text[start:off]; ; before = d.Text[start:d.lineEnd(start)] {
		word := strings.TrimLeft(before, " ")
		dash := start + len(before) - len(word)
		rest, ok := strings.CutPrefix(word, "-")
		rest = strings.TrimLeft(rest, " \t")
		switch {
		case ok && (rest == "" || rest[0] == '#'):
			return dash, nil
		case rest != "" && rest[0] != '#' || start == 0:
			return 0, ByHand(item)
		}
		start = d.lineStart(start - 1)
	}
}

// Below puts lines, indented by column, below the line of an offset and the
// comments that follow there and are indented by more.
func (d *Document) Below(off, column int, lines []string) []byte {
	at := d.lineEnd(off)
	for next := d.next(at); next > at && next < len(d.Text); next = d.next(at) {
		indent := d.indent(next)
		if len(indent) <= column || !strings.HasPrefix(d.Text[next+len(indent):], "#") {
			break
		}
		at = d.lineEnd(next)
	}
	text := strings.Join(indented(spaces(column), lines), d.NL)
	if next := d.next(at); next > at { // the line keeps its own line break, which need not be the file's usual one
		return d.Splice(next, next, text+d.NL)
	}
	return d.Splice(at, at, d.NL+text)
}

// addKey adds a key to the end of a mapping that has some, or to an empty one in
// flow style.
func (d *Document) addKey(m *Node, p Pair) ([]byte, error) {
	if IsFlow(m) {
		return d.addFlow(m, func(f flow) string { return f.pair(p) })
	}
	return d.AddLines(m, styleOf(d).block(Mapping{p}))
}

// AddLines adds lines to the end of a mapping in block style that has some, with
// its indentation.
func (d *Document) AddLines(m *Node, lines []string) ([]byte, error) {
	end, err := d.End(m)
	if err != nil {
		return nil, err
	}
	column := m.Content[0].Column - 1
	return d.Below(end, column, lines), nil
}

// Open puts lines below a key, indented by step more than it, in place of its
// value; with keepProps an anchor or a tag stays. What follows a value on the key's
// own line, a comment, stays there.
func (d *Document) Open(l *Entry, step int, lines []string, keepProps bool) ([]byte, error) {
	from, to, err := d.Span(l)
	if err == nil && keepProps && !Absent(l.Val) {
		from, err = d.Start(l.Val)
	}
	if err != nil {
		return nil, err
	}
	block := d.NL + strings.Join(indented(spaces(l.Key.Column-1+step), lines), d.NL)
	head, keyLine := strings.TrimRight(d.Text[:from], " \t"), d.lineEnd(l.Colon)
	rest := strings.TrimLeft(d.Text[to:d.lineEnd(to)], " \t")
	switch {
	case from > keyLine && keepProps: // an empty list on a later line, maybe below comments
		if rest != "" {
			return nil, ByHand(l.Val)
		}
		return d.Splice(d.endBefore(d.lineStart(from)), d.lineEnd(to), block), nil
	case from > keyLine: // the comments of what is replaced go with it
		return d.Splice(keyLine, d.lineEnd(to), block), nil
	case l.Val.Kind == MappingNode && !IsFlow(l.Val): // all but its anchor or tag does
		return d.Splice(len(head), d.lineEnd(to), block), nil
	case rest != "" && rest[0] != '#':
		return nil, ByHand(l.Val)
	}
	return d.Splice(len(head), d.lineEnd(to), d.Text[to:d.lineEnd(to)]+block), nil
}

// replaceFlow replaces the value of a key of a mapping in flow style.
func (d *Document) replaceFlow(m *Node, l *Entry, val any) ([]byte, error) {
	f := d.flow()
	f.indent = d.indent(l.KeyStart)
	alone := strings.Trim(d.Text[d.lineStart(l.KeyStart):l.KeyStart], " \t") == ""
	f.spread = f.spread && alone && IsFlow(m) && !Absent(l.Val)
	return d.SetText(l, f.write(val))
}

// SetText puts a text in the place of a key's value, where that begins.
func (d *Document) SetText(l *Entry, text string) ([]byte, error) {
	from, to, err := d.Span(l)
	if err != nil {
		return nil, err
	}
	if Absent(l.Val) {
		text = " " + text
	}
	return d.Splice(from, to, text), nil
}

// SetValue gives a key of a mapping another mapping as its value.
func (d *Document) SetValue(m *Node, key string, val Mapping) ([]byte, error) {
	if m.Kind != MappingNode || len(m.Content) == 0 {
		return nil, ByHand(m)
	}
	if err := Unique(m, "this entry"); err != nil {
		return nil, err
	}
	l, err := d.Lookup(m, key)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return d.addKey(m, Pair{key, val})
	case IsFlow(m):
		return d.replaceFlow(m, l, val)
	}
	s := styleOf(d)
	return d.Open(l, s.step, s.block(val), false)
}

// SetScalar gives a key of a mapping another string as its value, in the quotes
// that the old one had.
func (d *Document) SetScalar(m *Node, key, s string) ([]byte, error) {
	l, err := d.Lookup(m, key)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return d.addKey(m, Pair{key, s})
	case l.Val.Kind != ScalarNode && l.Val.Kind != AliasNode:
		return nil, ByHand(l.Val)
	}
	text := scalar(s)
	if d.JSON || l.Val.Style&yaml.DoubleQuotedStyle != 0 {
		text = quoted(s)
	}
	return d.SetText(l, text)
}

// RemoveItem removes an entry of a list. The last one leaves an empty list.
func (d *Document) RemoveItem(key string, i int) ([]byte, error) {
	l, err := d.Lookup(d.Root, key)
	if err != nil {
		return nil, err
	}
	if l == nil || l.Val.Kind != SequenceNode || i >= len(l.Val.Content) {
		return nil, ByHand(d.Root)
	}
	items := l.Val.Content
	to, err := d.End(items[i])
	if err != nil {
		return nil, err
	}
	if IsFlow(l.Val) {
		return d.removeFlow(l.Val, i, 1, to)
	}
	dash, err := d.dash(items[i])
	if err != nil {
		return nil, err
	}
	from, to := d.lineStart(dash), d.next(to)
	if to == len(d.Text) && d.lineEnd(to-1) == to && from > 0 { // the file has no line break at its end, and gets none
		from = d.endBefore(from)
	}
	if len(items) > 1 {
		return d.Splice(from, to, ""), nil
	}
	at := l.Colon
	if l.Val.Anchor != "" || IsTagged(l.Val) {
		off, err := d.offset(l.Val)
		if err != nil {
			return nil, err
		}
		at = off + len(strings.TrimRight(strings.SplitN(d.Text[off:d.lineEnd(off)], "#", 2)[0], " \t"))
	}
	return d.Splice(at, to, " []"+d.Text[at:from]), nil
}

// RemoveKey removes a key of a mapping, in block style with its lines; it is there.
func (d *Document) RemoveKey(m *Node, key string) ([]byte, error) {
	l, err := d.Lookup(m, key)
	if err != nil {
		return nil, err
	}
	if !IsFlow(m) {
		return d.RemoveLines(l)
	}
	_, to, err := d.Span(l)
	if err != nil {
		return nil, err
	}
	return d.removeFlow(m, slices.Index(m.Content, l.Key), 2, to)
}

// RemoveLines removes an entry of a mapping in block style with its lines. A
// comment above it stays.
func (d *Document) RemoveLines(l *Entry) ([]byte, error) {
	_, to, err := d.Span(l)
	if err != nil {
		return nil, err
	}
	start := d.lineStart(l.KeyStart)
	if strings.Trim(d.Text[start:l.KeyStart], " ") != "" {
		return nil, ByHand(l.Key)
	}
	return d.Splice(start, d.next(to), ""), nil
}
