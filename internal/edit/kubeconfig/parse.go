package kubeconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize bounds a file, in bytes.
const MaxSize = 16 << 20

const byteOrderMark = "\ufeff"

// document is a parsed kubeconfig with what is needed to find its parts in the
// text.
type document struct {
	text  string     // without a byte order mark
	bom   string     // the mark, or nothing
	root  *yaml.Node // nil: the file has no content
	tree  *value     // the same by meaning; an empty mapping if there is no content
	lines []int      // where each line begins
	nl    string     // the line end that new lines get
	json  bool       // all of it is JSON, and has to stay that
}

// parse reads a text and refuses what kubectl would refuse, what is no
// kubeconfig, and more than one document.
func parse(text []byte) (*document, error) {
	d := &document{nl: "\n"}
	d.text = string(text)
	if strings.HasPrefix(d.text, byteOrderMark) {
		d.bom, d.text = byteOrderMark, d.text[len(byteOrderMark):]
	}
	switch {
	case len(text) > MaxSize:
		return nil, fmt.Errorf("larger than %d bytes", MaxSize)
	case !utf8.ValidString(d.text):
		return nil, errors.New("not UTF-8 text")
	}
	d.lines = lineStarts(d.text)
	if i := strings.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		d.nl = "\r\n"
	}
	d.json = strings.HasPrefix(strings.TrimSpace(d.text), "{") && json.Valid([]byte(d.text))

	dec := yaml.NewDecoder(strings.NewReader(d.text))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	if err := dec.Decode(&next); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins here, and kubectl reads only the first", next.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	d.tree = &value{kind: yaml.MappingNode}
	if doc.Kind == 0 {
		return d, nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Value == "" && root.ShortTag() == nullTag {
		return d, nil // nothing but comments, or ---
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: a kubeconfig is a mapping, with keys such as clusters and users", root.Line)
	}
	d.root = root
	var err error
	budget := maxValues
	if d.tree, err = newValue(root, &budget, 0); err != nil {
		return nil, err
	}
	return d, d.check()
}

func syntaxError(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// check refuses another kind of file, keys and names that are there twice, and
// lists that are none.
func (d *document) check() error {
	if err := unique(d.root, "the file"); err != nil {
		return err
	}
	for key, want := range map[string]string{"kind": "Config", "apiVersion": "v1"} {
		if v := d.tree.get(key); v != nil && v.text != want && !v.isNull() {
			return fmt.Errorf("line %d: %s is %q, and that of a kubeconfig is %s", v.line, key, v.text, want)
		}
	}
	for _, l := range []string{"clusters", "contexts", "users"} {
		v := d.tree.get(l)
		switch {
		case v == nil || v.isNull():
			continue
		case v.kind != yaml.SequenceNode:
			return fmt.Errorf("line %d: %s must be a list", v.line, l)
		}
		seen := map[string]int{}
		for _, item := range v.vals {
			if item.kind != yaml.MappingNode {
				return fmt.Errorf("line %d: an entry of %s must have a name", item.line, l)
			}
			name := item.str("name")
			if first, ok := seen[name]; ok { // client-go's conversion fails at it
				return fmt.Errorf("line %d: %q is in %s a second time (first in line %d), which kubectl refuses", item.line, name, l, first)
			}
			seen[name] = item.line
		}
	}
	return nil
}

// unique refuses a key that is there twice: parsers differ in which they take.
func unique(m *yaml.Node, what string) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Kind == yaml.ScalarNode && seen[k.Value] {
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
func (d *document) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(d.lines) {
		return 0, errForm(n)
	}
	off := d.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(d.text[off:])
		if size == 0 {
			return 0, errForm(n)
		}
		off += size
	}
	return off, nil
}

// errForm is for YAML that nobody writes into a kubeconfig.
func errForm(n *yaml.Node) error {
	return fmt.Errorf("line %d: this is written in a way that cannot be edited without touching the rest; edit it by hand", n.Line)
}

// lineStart returns where the line of an offset begins.
func (d *document) lineStart(off int) int {
	for i := off; i > 0; i-- {
		if c := d.text[i-1]; c == '\n' || c == '\r' {
			return i
		}
	}
	return 0
}

// lineEnd returns where the line of an offset ends, before its line break.
func (d *document) lineEnd(off int) int {
	if i := strings.IndexAny(d.text[off:], "\r\n"); i >= 0 {
		return off + i
	}
	return len(d.text)
}

// endBefore returns where the line before the one that begins at start ends.
func (d *document) endBefore(start int) int {
	return len(strings.TrimSuffix(strings.TrimSuffix(d.text[:start], "\n"), "\r"))
}

// next returns where the line after that of an offset begins.
func (d *document) next(off int) int {
	end := d.lineEnd(off)
	return end + breakLen(d.text[end:])
}

// indent returns the blanks that a line begins with.
func (d *document) indent(off int) string {
	line := d.text[d.lineStart(off):d.lineEnd(off)]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// splice returns the text with [from, to) replaced.
func (d *document) splice(from, to int, s string) []byte {
	var b bytes.Buffer
	b.WriteString(d.bom)
	b.WriteString(d.text[:from])
	b.WriteString(s)
	b.WriteString(d.text[to:])
	return b.Bytes()
}
