package kubeconfig

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// removeItem removes an entry of a list. The last one leaves an empty list.
func (d *document) removeItem(key string, i int) ([]byte, error) {
	l, err := d.lookup(d.root, key)
	if err != nil {
		return nil, err
	}
	if l == nil || l.val.Kind != yaml.SequenceNode || i >= len(l.val.Content) {
		return nil, errForm(d.root)
	}
	items := l.val.Content
	to, err := d.end(items[i])
	if err != nil {
		return nil, err
	}
	if isFlow(l.val) {
		return d.removeFlow(l.val, i, 1, to)
	}
	dash, err := d.dash(items[i])
	if err != nil {
		return nil, err
	}
	from, to := d.lineStart(dash), d.next(to)
	if to == len(d.text) && d.lineEnd(to-1) == to && from > 0 { // the file has no line break at its end, and gets none
		from = d.endBefore(from)
	}
	if len(items) > 1 {
		return d.splice(from, to, ""), nil
	}
	at := l.colon
	if l.val.Anchor != "" || l.val.Style&yaml.TaggedStyle != 0 {
		off, err := d.offset(l.val)
		if err != nil {
			return nil, err
		}
		at = off + len(strings.TrimRight(strings.SplitN(d.text[off:d.lineEnd(off)], "#", 2)[0], " \t"))
	}
	return d.splice(at, to, " []"+d.text[at:from]), nil
}

// removeExec takes the stanza out of a user entry.
func (d *document) removeExec(i int) ([]byte, error) {
	item, err := d.item("users", i)
	if err != nil {
		return nil, err
	}
	l, err := d.lookup(item, "user")
	if err != nil {
		return nil, err
	}
	if l != nil && l.val.Kind == yaml.MappingNode { // not an alias
		for j := 0; j < len(l.val.Content); j += 2 {
			if l.val.Content[j].Value == "exec" {
				return d.removeKey(l.val, j)
			}
		}
	}
	return nil, errForm(item)
}

// removeKey removes the key at a place of a mapping.
func (d *document) removeKey(m *yaml.Node, i int) ([]byte, error) {
	key, val := m.Content[i], m.Content[i+1]
	from, err := d.offset(key)
	if err != nil {
		return nil, err
	}
	to, err := d.end(val)
	if err != nil {
		return nil, err
	}
	if absent(val) {
		l, err := d.lookup(m, key.Value)
		if err != nil {
			return nil, err
		}
		to = l.colon
	}
	if isFlow(m) {
		return d.removeFlow(m, i, 2, to)
	}
	start := d.lineStart(from)
	if strings.Trim(d.text[start:from], " ") != "" || len(m.Content) == 2 {
		return nil, errForm(key)
	}
	return d.splice(start, d.next(to), ""), nil
}

// removeFlow is removeItem in flow style, for an entry of n nodes; to is its end.
func (d *document) removeFlow(l *yaml.Node, i, n, to int) ([]byte, error) {
	from, err := d.offset(l.Content[i])
	if err != nil {
		return nil, err
	}
	switch {
	case i > 0:
		from, err = d.end(l.Content[i-1])
	case len(l.Content) > n:
		to, err = d.offset(l.Content[n])
	default:
		open, err1 := d.start(l)
		end, err2 := d.end(l)
		from, to, err = open+1, end-1, errors.Join(err1, err2)
	}
	if err != nil {
		return nil, err
	}
	return d.splice(from, to, ""), nil
}
