package yaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

type (
	// List is written as a sequence. What stands in it, and in a Mapping, is a string,
	// a List or a Mapping, or prints as it is to be written.
	List []any
	// Mapping is written as a mapping, in this order.
	Mapping []Pair
	// Pair is a key, which is a string, and its value.
	Pair [2]any
)

// Key returns the key.
func (p Pair) Key() string { return p[0].(string) }

// Val returns the value.
func (p Pair) Val() any { return p[1] }

// style is how a file is indented in block style.
type style struct {
	step int // of a mapping below its key
	dash int // of a list's dashes below its key
	gap  int // from a dash to what follows it
}

// styleOf takes over what a file does: that of the first of the format's lists
// that it has, else two blanks a step and dashes below their key.
func styleOf(d *Document) style {
	s := style{step: 2, dash: 0, gap: 2}
	if d.Root == nil || IsFlow(d.Root) {
		return s
	}
	for _, key := range d.format.Lists {
		l, err := d.Lookup(d.Root, key)
		if err != nil || l == nil || l.Val.Kind != SequenceNode || IsFlow(l.Val) || len(l.Val.Content) == 0 {
			continue
		}
		dash, err := d.dash(l.Val.Content[0])
		if err != nil {
			continue
		}
		column := dash - d.lineStart(dash)
		s.dash = max(0, column+1-l.Key.Column)
		for _, item := range l.Val.Content {
			if item.Kind != MappingNode || IsFlow(item) {
				continue
			}
			if off, err := d.offset(item); err == nil && off < d.lineEnd(dash) && item.Anchor == "" {
				s.gap = item.Column - 1 - column
			}
			for i := 0; i+1 < len(item.Content); i += 2 {
				k, v := item.Content[i], item.Content[i+1]
				if v.Kind == MappingNode && !IsFlow(v) && v.Line > k.Line {
					s.step = v.Column - k.Column
					return s
				}
			}
		}
		return s
	}
	return s
}

// block returns the lines of a mapping in block style, without its own
// indentation.
func (s style) block(m Mapping) []string {
	var out []string
	below := strings.Repeat(" ", s.step)
	for _, p := range m {
		key := scalar(p.Key())
		switch v := p.Val().(type) {
		case Mapping:
			out = append(out, key+":")
			out = append(out, indented(below, s.block(v))...)
		case List:
			out = append(out, key+":")
			for _, item := range v {
				out = append(out, indented(strings.Repeat(" ", s.dash), s.item(item, 2))...)
			}
		case string:
			if literal(v) {
				header, body := "|", strings.TrimSuffix(v, "\n")
				if body == v {
					header = "|-"
				}
				out = append(out, key+": "+header)
				out = append(out, indented(below, strings.Split(body, "\n"))...)
				continue
			}
			out = append(out, key+": "+scalar(v))
		default:
			out = append(out, fmt.Sprintf("%s: %v", key, v))
		}
	}
	return out
}

// item returns the lines of a list's item, with its dash.
func (s style) item(item any, gap int) []string {
	m, ok := item.(Mapping)
	if !ok {
		return []string{"- " + scalar(item.(string))}
	}
	lines := indented(strings.Repeat(" ", gap), s.block(m))
	lines[0] = "-" + lines[0][1:]
	return lines
}

func indented(by string, lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if l != "" { // a blank line of a literal
			out[i] = by + l
		}
	}
	return out
}

// literal tells whether a text of several lines reads well after a |.
func literal(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(body, "\n") || strings.TrimSpace(body) == "" || strings.HasPrefix(body, "\n") ||
		strings.HasSuffix(body, "\n") {
		return false
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != strings.TrimRight(line, " \t") || strings.HasPrefix(line, "\t") {
			return false
		}
	}
	return body[0] != ' ' && !strings.ContainsFunc(body, func(r rune) bool { return r != '\n' && !printable(r) })
}

func printable(r rune) bool {
	return r >= ' ' && r < 0x7f || r > 0x9f && r != '\u2028' && r != '\u2029' && r != '\ufeff' && r != '\ufffe' &&
		r != '\uffff'
}

// IsPlain tells whether every parser reads a text without quotes as what it is: a
// word, an option, an address. Numbers, dates and YAML 1.1's words for true begin
// or look otherwise; those words have to be told apart.
func IsPlain(s string) bool { return plain().MatchString(s) }

var plain = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-{0,2}[A-Za-z]|/)[A-Za-z0-9_./@=%+,-]*(:[A-Za-z0-9_./@=%+,-]+)*$`)
})

var notText = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// scalar returns a string in one line, quoted only if it must be.
func scalar(s string) string {
	if IsPlain(s) && !slices.Contains(notText, strings.ToLower(s)) {
		return s
	}
	return quoted(s)
}

// quoted returns a string as both JSON and YAML read it.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if printable(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
