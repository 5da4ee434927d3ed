package kubeconfig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// What is to be written: a string, a bool, a list or a mapping.
type (
	list    []any
	mapping []pair
	pair    struct {
		key string
		val any
	}
)

// style is how a file is indented in block style.
type style struct {
	step int // of a mapping below its key
	dash int // of a list's dashes below its key
	gap  int // from a dash to what follows it
	nl   string
}

// styleOf takes over what a file does: that of users if it has some, else that
// of the other lists, else kubectl's own.
func styleOf(d *document) style {
	s := style{step: 2, dash: 0, gap: 2, nl: d.nl}
	if d.root == nil || d.root.Style&yaml.FlowStyle != 0 {
		return s
	}
	for _, key := range []string{"users", "contexts", "clusters"} {
		l, err := d.lookup(d.root, key)
		if err != nil || l == nil || l.val.Kind != yaml.SequenceNode || l.val.Style&yaml.FlowStyle != 0 {
			continue
		}
		if len(l.val.Content) == 0 {
			continue
		}
		dash, err := d.dash(l.val.Content[0])
		if err != nil {
			continue
		}
		column := dash - d.lineStart(dash)
		s.dash = max(0, column+1-l.key.Column)
		for _, item := range l.val.Content {
			if item.Kind != yaml.MappingNode || item.Style&yaml.FlowStyle != 0 {
				continue
			}
			if off, err := d.offset(item); err == nil && off < d.lineEnd(dash) && item.Anchor == "" {
				s.gap = item.Column - 1 - column
			}
			for i := 0; i+1 < len(item.Content); i += 2 {
				k, v := item.Content[i], item.Content[i+1]
				if v.Kind == yaml.MappingNode && v.Style&yaml.FlowStyle == 0 && v.Line > k.Line {
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
func (s style) block(m mapping) []string {
	var out []string
	below := strings.Repeat(" ", s.step)
	for _, p := range m {
		key := scalar(p.key)
		switch v := p.val.(type) {
		case mapping:
			out = append(out, key+":")
			out = append(out, indented(below, s.block(v))...)
		case list:
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
	m, ok := item.(mapping)
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
	if !strings.Contains(body, "\n") || strings.TrimSpace(body) == "" || strings.HasPrefix(body, "\n") || strings.HasSuffix(body, "\n") {
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
	return r >= ' ' && r < 0x7f || r > 0x9f && r != '\u2028' && r != '\u2029' && r != '\ufeff' && r != '\ufffe' && r != '\uffff'
}

// plain is what every parser reads as text without quotes: a word, an option, an
// address. Numbers, dates and YAML 1.1's many words for true begin or look
// otherwise.
var plain = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-{0,2}[A-Za-z]|/)[A-Za-z0-9_./@=%+,-]*(:[A-Za-z0-9_./@=%+,-]+)*$`)
})

var notText = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}

// scalar returns a string in one line, quoted only if it must be.
func scalar(s string) string {
	if plain().MatchString(s) && !slices.Contains(notText, strings.ToLower(s)) {
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
	case mapping:
		for _, p := range v {
			parts = append(parts, below.pair(p))
		}
	case list:
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
func (f flow) pair(p pair) string {
	key, colon := scalar(p.key), ": "
	if f.json {
		key = quoted(p.key)
	}
	if f.tight {
		colon = ":"
	}
	return key + colon + f.write(p.val)
}
