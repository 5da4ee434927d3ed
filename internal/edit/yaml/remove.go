package yaml

import (
	"slices"
	"strings"
)

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
