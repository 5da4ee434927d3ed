package kubeconfig

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// verify parses a result and compares its meaning with that of the old text
// after change. Whatever went wrong in an edit ends here.
func (d *document) verify(text []byte, change func(root *value)) ([]byte, error) {
	// Beside ours a carriage return alone could become part of a CR LF.
	if bare := strings.ReplaceAll(d.text, "\r\n", ""); strings.Contains(bare, "\r") {
		return nil, errors.New("this file has carriage returns without line feeds; edit it by hand")
	}
	got, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("this file cannot be edited without damage (%w); edit it by hand", err)
	}
	want := d.tree.clone()
	change(want)
	if !got.tree.equal(want) || d.json && !got.json {
		return nil, errors.New("this file cannot be edited without changing more than was asked for; edit it by hand")
	}
	return text, nil
}

func isFlow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// absent tells whether a key has no value, not even the word null.
func absent(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.ShortTag() == nullTag && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == nullTag }

func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }

// addItem adds an entry to the end of a list of the file, which need not be
// there yet.
func (d *document) addItem(key string, item mapping) ([]byte, error) {
	s := styleOf(d)
	if d.root == nil {
		return d.fill(pair{key, list{item}}), nil
	}
	l, err := d.lookup(d.root, key)
	if err != nil {
		return nil, err
	}
	if l == nil && d.tree.get(key) != nil { // merged in: a key of its own would hide it
		return nil, errForm(d.root)
	}
	if l == nil {
		return d.addKey(d.root, pair{key, list{item}})
	}
	empty := isNull(l.val) || l.val.Kind == yaml.SequenceNode && len(l.val.Content) == 0
	switch {
	case empty && !isFlow(d.root):
		lines := indented(spaces(l.key.Column-1+s.dash), s.item(item, s.gap))
		return d.open(l, lines, true)
	case empty:
		return d.replaceFlow(d.root, l, list{item})
	case l.val.Kind != yaml.SequenceNode:
		return nil, errForm(l.val)
	case isFlow(l.val):
		return d.addFlow(l.val, func(f flow) string { return f.write(item) })
	}
	first, err := d.dash(l.val.Content[0])
	if err != nil {
		return nil, err
	}
	end, err := d.end(l.val)
	if err != nil {
		return nil, err
	}
	column := first - d.lineStart(first)
	return d.addLines(end, column, indented(spaces(column), s.item(item, s.gap))), nil
}

// fill gives a file without content its first key, below its comments.
func (d *document) fill(p pair) []byte {
	lines := styleOf(d).block(mapping{{"apiVersion", "v1"}, {"kind", "Config"}, p})
	text := strings.Join(lines, d.nl) + d.nl
	if d.text != "" && !strings.HasSuffix(d.text, "\n") {
		text = d.nl + text
	}
	return d.splice(len(d.text), len(d.text), text)
}

// dash finds the dash of a block list's item, which may stand on a line before
// it.
func (d *document) dash(item *yaml.Node) (int, error) {
	off, err := d.offset(item)
	if err != nil {
		return 0, err
	}
	start := d.lineStart(off)
	for before := d.text[start:off]; ; before = d.text[start:d.lineEnd(start)] {
		word := strings.TrimLeft(before, " ")
		dash := start + len(before) - len(word)
		rest, ok := strings.CutPrefix(word, "-")
		rest = strings.TrimLeft(rest, " \t")
		switch {
		case ok && (rest == "" || rest[0] == '#'):
			return dash, nil
		case rest != "" && rest[0] != '#' || start == 0:
			return 0, errForm(item)
		}
		start = d.lineStart(start - 1)
	}
}

// addLines puts lines below the line of an offset, and below the comments that
// follow there and are indented by more than column.
func (d *document) addLines(off, column int, lines []string) []byte {
	at := d.lineEnd(off)
	for next := d.next(at); next > at && next < len(d.text); next = d.next(at) {
		indent := d.indent(next)
		if len(indent) <= column || !strings.HasPrefix(d.text[next+len(indent):], "#") {
			break
		}
		at = d.lineEnd(next)
	}
	text := strings.Join(lines, d.nl)
	if next := d.next(at); next > at { // the line keeps its own line break, which need not be the file's usual one
		return d.splice(next, next, text+d.nl)
	}
	return d.splice(at, at, d.nl+text)
}

// addKey adds a key to the end of a mapping that has some, or to an empty one in
// flow style.
func (d *document) addKey(m *yaml.Node, p pair) ([]byte, error) {
	if isFlow(m) {
		return d.addFlow(m, func(f flow) string { return f.pair(p) })
	}
	end, err := d.end(m)
	if err != nil {
		return nil, err
	}
	column := m.Content[0].Column - 1
	return d.addLines(end, column, indented(spaces(column), styleOf(d).block(mapping{p}))), nil
}

// open puts a block below a key, in place of its value. What follows a value on
// the key's own line, a comment, stays there.
func (d *document) open(l *mapped, lines []string, keepProps bool) ([]byte, error) {
	from, to := l.colon, l.colon
	if !absent(l.val) {
		var err error
		from, err = d.offset(l.val)
		if err == nil && keepProps {
			from, err = d.start(l.val)
		}
		if err != nil {
			return nil, err
		}
		if to, err = d.end(l.val); err != nil {
			return nil, err
		}
	}
	block := d.nl + strings.Join(lines, d.nl)
	head, keyLine := strings.TrimRight(d.text[:from], " \t"), d.lineEnd(l.colon)
	rest := strings.TrimLeft(d.text[to:d.lineEnd(to)], " \t")
	switch {
	case from > keyLine && keepProps: // an empty list on a later line, maybe below comments
		if rest != "" {
			return nil, errForm(l.val)
		}
		return d.splice(d.endBefore(d.lineStart(from)), d.lineEnd(to), block), nil
	case from > keyLine: // the comments of what is replaced go with it
		return d.splice(keyLine, d.lineEnd(to), block), nil
	case l.val.Kind == yaml.MappingNode && !isFlow(l.val): // all but its anchor or tag does
		return d.splice(len(head), d.lineEnd(to), block), nil
	case rest != "" && rest[0] != '#':
		return nil, errForm(l.val)
	}
	return d.splice(len(head), d.lineEnd(to), d.text[to:d.lineEnd(to)]+block), nil
}

// addFlow adds to a collection in flow style; write gives the text of the new
// entry.
func (d *document) addFlow(c *yaml.Node, write func(flow) string) ([]byte, error) {
	open, err := d.start(c)
	if err != nil {
		return nil, err
	}
	f := d.flow()
	if len(c.Content) == 0 {
		end, err := d.end(c)
		if err != nil {
			return nil, err
		}
		if d.skip(open+1, "") != end-1 || strings.Contains(d.text[open:end], "#") {
			return nil, errForm(c)
		}
		f.indent += d.indent(open)
		inner := f
		inner.indent += f.unit
		text := write(inner)
		if f.spread {
			text = f.nl + inner.indent + text + f.nl + f.indent
		}
		return d.splice(open+1, end-1, text), nil
	}
	last := c.Content[len(c.Content)-1]
	entry := last
	if c.Kind == yaml.MappingNode {
		entry = c.Content[len(c.Content)-2]
	}
	begin, err := d.offset(entry)
	if err != nil {
		return nil, err
	}
	end, err := d.end(last)
	if err != nil {
		return nil, err
	}
	if before := d.text[d.lineStart(begin):begin]; strings.Trim(before, " \t") == "" && begin > d.lineEnd(open) { // an entry a line
		f.indent = before
		if unit, ok := strings.CutPrefix(before, d.indent(open)); ok && unit != "" {
			f.unit = unit
		}
		if f.unit == "" {
			f.unit = "  "
		}
		f.spread = len(last.Content) == 0 && d.json || strings.Contains(d.text[begin:end], "\n")
		return d.splice(end, end, ","+f.nl+f.indent+write(f)), nil
	}
	f.spread = false
	sep := ", "
	if f.tight {
		sep = ","
	}
	return d.splice(end, end, sep+write(f)), nil
}

// flow tells how a file that is flow style as a whole, such as JSON, is written;
// any other has its few collections in flow style in one line.
func (d *document) flow() flow {
	f := flow{json: d.json, nl: d.nl, tight: d.json && strings.Contains(d.text, `":`) && !strings.Contains(d.text, `": `)}
	if d.root == nil || !isFlow(d.root) {
		return f
	}
	for _, start := range d.lines[1:] {
		if f.unit = d.indent(start); f.unit != "" {
			f.spread = true
			break
		}
	}
	return f
}

// replaceFlow replaces the value of a key of a mapping in flow style.
func (d *document) replaceFlow(m *yaml.Node, l *mapped, val any) ([]byte, error) {
	f := d.flow()
	f.indent = d.indent(l.keyStart)
	if absent(l.val) {
		f.spread = false
		return d.splice(l.colon, l.colon, " "+f.write(val)), nil
	}
	from, err := d.offset(l.val)
	if err != nil {
		return nil, err
	}
	to, err := d.end(l.val)
	if err != nil {
		return nil, err
	}
	alone := strings.Trim(d.text[d.lineStart(l.keyStart):l.keyStart], " \t") == ""
	f.spread = f.spread && alone
	if !isFlow(m) {
		f.spread = false
	}
	return d.splice(from, to, f.write(val)), nil
}

// setValue gives a key of a mapping another mapping as its value.
func (d *document) setValue(m *yaml.Node, key string, val mapping) ([]byte, error) {
	if m.Kind != yaml.MappingNode || len(m.Content) == 0 {
		return nil, errForm(m)
	}
	if err := unique(m, "this entry"); err != nil {
		return nil, err
	}
	l, err := d.lookup(m, key)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return d.addKey(m, pair{key, val})
	case isFlow(m):
		return d.replaceFlow(m, l, val)
	}
	s := styleOf(d)
	return d.open(l, indented(spaces(l.key.Column-1+s.step), s.block(val)), false)
}

// setScalar gives a key of a mapping another string as its value, in the quotes
// that the old one had.
func (d *document) setScalar(m *yaml.Node, key, s string) ([]byte, error) {
	l, err := d.lookup(m, key)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return d.addKey(m, pair{key, s})
	case l.val.Kind != yaml.ScalarNode && l.val.Kind != yaml.AliasNode:
		return nil, errForm(l.val)
	}
	text := scalar(s)
	if d.json || l.val.Style&yaml.DoubleQuotedStyle != 0 {
		text = quoted(s)
	}
	if absent(l.val) {
		return d.splice(l.colon, l.colon, " "+text), nil
	}
	from, err := d.offset(l.val)
	if err != nil {
		return nil, err
	}
	to, err := d.end(l.val)
	if err != nil {
		return nil, err
	}
	return d.splice(from, to, text), nil
}
