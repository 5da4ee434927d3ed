package yaml

import (
	"errors"
	"fmt"
	"strings"
)

// flow is how something is written in flow style.
type flow struct {
	json   bool   // everything quoted
	tight  bool   // no blank after a colon or a comma
	spread bool   // an entry a line
	indent string // of the line that the collection begins on, if spread
	unit   string // a step of indentation, if spread
	nl     string
}

func (f flow) write(x any) string {
	var parts []string
	open, shut := "{", "}"
	below := f
	below.indent += f.unit
	switch v := x.(type) {
	case Mapping:
		for _, p := range v {
			parts = append(parts, below.pair(p))
		}
	case List:
		open, shut = "[", "]"
		for _, e := range v {
			parts = append(parts, below.write(e))
		}
	case string:
		if f.json || strings.Contains(v, ",") {
			return quoted(v)
		}
		return scalar(v)
	default:
		return fmt.Sprint(v)
	}
	switch {
	case f.spread:
		line := f.nl + below.indent
		return open + line + strings.Join(parts, ","+line) + f.nl + f.indent + shut
	case f.tight:
		return open + strings.Join(parts, ",") + shut
	}
	return open + strings.Join(parts, ", ") + shut
}

// pair writes a key with its value; the indentation is that of its own line.
func (f flow) pair(p Pair) string {
	key, colon := scalar(p.Key()), ": "
	if f.json {
		key = quoted(p.Key())
	}
	if f.tight {
		colon = ":"
	}
	return key + colon + f.write(p.Val())
}

// flow tells how a file that is flow style throughout, such as JSON, is written;
// any other has its few collections in flow style in one line.
func (d *Document) flow() flow {
	f := flow{json: d.JSON, nl: d.NL, tight: d.JSON && strings.Contains(d.Text, `":`) && !strings.Contains(d.Text, `": `)}
	if d.Root == nil || !IsFlow(d.Root) {
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

// addFlow adds to a collection in flow style; write gives the text of the new
// entry.
func (d *Document) addFlow(c *Node, write func(flow) string) ([]byte, error) {
	open, err := d.Start(c)
	if err != nil {
		return nil, err
	}
	f := d.flow()
	if len(c.Content) == 0 {
		end, err := d.End(c)
		if err != nil {
			return nil, err
		}
		if d.skip(open+1, "") != end-1 || strings.Contains(d.Text[open:end], "#") {
			return nil, ByHand(c)
		}
		f.indent += d.indent(open)
		inner := f
		inner.indent += f.unit
		text := write(inner)
		if f.spread {
			text = f.nl + inner.indent + text + f.nl + f.indent
		}
		return d.Splice(open+1, end-1, text), nil
	}
	last := c.Content[len(c.Content)-1]
	entry := last
	if c.Kind == MappingNode {
		entry = c.Content[len(c.Content)-2]
	}
	begin, err := d.offset(entry)
	if err != nil {
		return nil, err
	}
	end, err := d.End(last)
	if err != nil {
		return nil, err
	}
	before := d.Text[d.lineStart(begin):begin]
	if strings.Trim(before, " \t") == "" && begin > d.lineEnd(open) { // an entry a line
		f.indent = before
		if unit, ok := strings.CutPrefix(before, d.indent(open)); ok && unit != "" {
			f.unit = unit
		}
		if f.unit == "" {
			f.unit = "  "
		}
		f.spread = len(last.Content) == 0 && d.JSON || strings.Contains(d.Text[begin:end], "\n")
		return d.Splice(end, end, ","+f.nl+f.indent+write(f)), nil
	}
	f.spread = false
	sep := ", "
	if f.tight {
		sep = ","
	}
	return d.Splice(end, end, sep+write(f)), nil
}

// removeFlow is removeItem in flow style, for an entry of n nodes; to is its end.
func (d *Document) removeFlow(l *Node, i, n, to int) ([]byte, error) {
	from, err := d.offset(l.Content[i])
	if err != nil {
		return nil, err
	}
	switch {
	case i > 0:
		from, err = d.End(l.Content[i-1])
	case len(l.Content) > n:
		to, err = d.offset(l.Content[n])
	default:
		open, err1 := d.Start(l)
		end, err2 := d.End(l)
		from, to, err = open+1, end-1, errors.Join(err1, err2)
	}
	if err != nil {
		return nil, err
	}
	return d.Splice(from, to, ""), nil
}
