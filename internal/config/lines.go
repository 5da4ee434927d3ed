package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document is a config file as lines, and what the YAML reader makes of them.
type document struct {
	bom   string
	lines []string // with their ends
	eol   string
	top   *yaml.Node // a mapping
}

// entry is a key of a block mapping: its lines are from start up to end, which
// may include comments that belong to what follows.
type entry struct {
	key, value *yaml.Node
	start, end int
}

func newDocument(text []byte) (*document, error) {
	s := string(text)
	t := &document{eol: "\n"}
	if rest, ok := strings.CutPrefix(s, "\ufeff"); ok {
		t.bom, s = "\ufeff", rest
	}
	// The YAML reader counts further characters as the end of a line; nobody writes
	// them on purpose.
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\u0085\u2028\u2029") || strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\r") {
		return nil, fmt.Errorf("it is not UTF-8 with the line ends of Unix or Windows: %w", ErrByHand)
	}
	if line := secondDocument(text); line > 0 {
		return nil, fmt.Errorf("line %d: a second document begins there: %w", line, ErrByHand)
	}
	t.lines = strings.SplitAfter(s, "\n")
	if t.lines[len(t.lines)-1] == "" {
		t.lines = t.lines[:len(t.lines)-1]
	}
	if len(t.lines) > 0 && strings.HasSuffix(t.lines[0], "\r\n") {
		t.eol = "\r\n"
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err == nil && doc.Kind == 0 { // nothing, or comments
		t.insert(len(t.lines), "version: "+version)
	}
	return t, t.parse()
}

// secondDocument returns where a second YAML document begins, or 0.
func secondDocument(b []byte) int {
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if d.Decode(&doc) != nil {
		return 0
	}
	var second yaml.Node
	if err := d.Decode(&second); errors.Is(err, io.EOF) {
		return 0
	}
	return max(second.Line, 1)
}

func (t *document) bytes() []byte { return []byte(t.bom + strings.Join(t.lines, "")) }

func (t *document) parse() error {
	b := t.bytes()
	f, findings := parse("", User, b)
	for _, x := range findings {
		if f == nil || !x.harmless {
			return errors.New(strings.TrimPrefix(strings.TrimPrefix(x.Error(), ":"), " "))
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return err
	}
	t.top = resolve(doc.Content[0])
	return nil
}

// reparse is parse after a change.
func (t *document) reparse() error {
	if err := t.parse(); err != nil {
		return fmt.Errorf("the change would break it (%w): %w", err, ErrByHand)
	}
	return nil
}

// entries lists what is in a block mapping that ends before line end.
func (t *document) entries(m *yaml.Node, end int) ([]entry, error) {
	if m.Kind != yaml.MappingNode || m.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("line %d: it is not written as lines of keys and values: %w", m.Line, ErrByHand)
	}
	var list []entry
	for i := 0; i+1 < len(m.Content); i += 2 {
		key := m.Content[i]
		e := entry{key, m.Content[i+1], key.Line - 1, end}
		if e.start >= len(t.lines) || indentOf(t.lines[e.start]) != key.Column-1 || i > 0 && e.start <= list[len(list)-1].start {
			return nil, fmt.Errorf("line %d: its key does not stand at the start of a line: %w", key.Line, ErrByHand)
		}
		if i > 0 {
			list[len(list)-1].end = e.start
		}
		list = append(list, e)
	}
	return list, nil
}

// lookup goes down by keys. Not found, it returns how far it came: the last entry
// that is there.
func (t *document) lookup(keys ...string) (e entry, found bool, err error) {
	e = entry{value: t.top, start: -1, end: len(t.lines)}
	for _, key := range keys {
		if isEmpty(e.value) {
			return e, false, nil
		}
		list, err := t.entries(e.value, e.end)
		if err != nil {
			return e, false, err
		}
		i := slices.IndexFunc(list, func(e entry) bool { return e.key.Value == key })
		if i < 0 {
			return e, false, nil
		}
		e = list[i]
	}
	return e, true, nil
}

// isEmpty reports whether nothing is written there, or {}.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Anchor == "" || n.Kind == yaml.MappingNode && len(n.Content) == 0 && n.Anchor == ""
}

// last is the line after an entry, without the comments and blank lines behind
// it.
func (t *document) last(e entry) int {
	end := e.end
	for end > e.start+1 {
		line := strings.TrimSpace(t.lines[end-1])
		if line != "" && line != "..." && line[0] != '#' {
			break
		}
		end--
	}
	return end
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// parts splits a line from its end.
func parts(line string) (body, eol string) {
	body = strings.TrimRight(line, "\r\n")
	return body, line[len(body):]
}

// insert puts lines before a line.
func (t *document) insert(at int, texts ...string) {
	if at > 0 && !strings.HasSuffix(t.lines[at-1], "\n") {
		t.lines[at-1] += t.eol
	}
	for i, text := range texts {
		t.lines = slices.Insert(t.lines, at+i, text+t.eol)
	}
}

// insertInto adds a line at the end of the mapping that an entry holds.
func (t *document) insertInto(e entry, text string) error {
	at := t.last(e)
	indent := 0
	switch {
	case !isEmpty(e.value):
		list, err := t.entries(e.value, e.end)
		if err != nil {
			return err
		}
		indent = list[0].key.Column - 1
	default:
		if err := t.replace(e, ""); err != nil { // {} and ~ make room
			return err
		}
		at, indent = e.start+1, indentOf(t.lines[e.start])+2
	}
	t.insert(at, strings.Repeat(" ", indent)+text)
	return t.reparse()
}

func (t *document) addProfile(name string) error {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return fmt.Errorf("%q is no name for a profile", name)
	}
	top, found, err := t.lookup("profiles")
	if err == nil && !found {
		if err = t.insertInto(top, "profiles:"); err == nil {
			top, _, err = t.lookup("profiles")
		}
	}
	if err != nil {
		return err
	}
	return t.insertInto(top, scalar(name)+":")
}

func (t *document) setKey(profile, key string, values []string) error {
	path := []string{"profiles", profile}
	if section, name, ok := strings.Cut(key, "."); ok {
		path, key = append(path, section), name
		in, found, err := t.lookup(path...)
		if err == nil && !found {
			err = t.insertInto(in, scalar(section)+":")
		}
		if err != nil {
			return err
		}
	}
	e, found, err := t.lookup(append(path, key)...)
	switch {
	case err != nil:
		return err
	case !found:
		return t.insertInto(e, scalar(key)+": "+flow(values))
	}
	if err := t.setValue(e, values); err != nil {
		return err
	}
	return t.reparse()
}

func (t *document) setDefault(name string) error {
	e, found, err := t.lookup("default-profile")
	if err != nil {
		return err
	}
	if found {
		err = t.setValue(e, []string{name})
	} else if e, found, err = t.lookup("version"); found {
		t.insert(t.last(e), strings.Repeat(" ", e.key.Column-1)+"default-profile: "+scalar(name))
	}
	if err != nil {
		return err
	}
	return t.reparse()
}

// remove takes an entry's lines away; a comment above it stays.
func (t *document) remove(keys ...string) error {
	e, found, err := t.lookup(keys...)
	if err != nil || !found {
		return err
	}
	t.lines = slices.Delete(t.lines, e.start, t.last(e))
	return t.reparse()
}

// colon returns where an entry's value begins: behind the colon.
func (t *document) colon(e entry) (int, error) {
	body, _ := parts(t.lines[e.start])
	indent := indentOf(body)
	name := e.key.Value
	for _, key := range []string{name, `"` + name + `"`, "'" + name + "'", scalar(name)} {
		if rest, ok := strings.CutPrefix(body[indent:], key); ok {
			if trimmed := strings.TrimLeft(rest, " "); strings.HasPrefix(trimmed, ":") {
				return len(body) - len(trimmed) + 1, nil
			}
		}
	}
	return 0, fmt.Errorf("line %d: its key is written in an unusual way: %w", e.key.Line, ErrByHand)
}

// setValue replaces an entry's value.
func (t *document) setValue(e entry, values []string) error {
	v, last := e.value, t.last(e)
	switch {
	case v.Kind == yaml.MappingNode || v.Kind == yaml.AliasNode || v.Anchor != "" || v.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d: its value is a section, an alias, or has an anchor or a tag: %w", e.key.Line, ErrByHand)
	case last == e.start+1:
		return t.replace(e, flow(values))
	case v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0 && len(values) > 0:
		return t.setItems(e, values)
	}
	for _, line := range t.lines[e.start:last] {
		if strings.Contains(line, "#") {
			return fmt.Errorf("line %d: its value may have comments, which would be lost: %w", e.key.Line, ErrByHand)
		}
	}
	colon, err := t.colon(e)
	if err != nil {
		return err
	}
	body, _ := parts(t.lines[e.start])
	t.lines = slices.Replace(t.lines, e.start, last, body[:colon]+" "+flow(values)+t.eol)
	return nil
}

// setItems replaces the lines of a list that has one for each item.
func (t *document) setItems(e entry, values []string) error {
	first, last := e.value.Content[0].Line-1, t.last(e)
	for _, line := range t.lines[first:last] {
		if item := strings.TrimLeft(line, " "); !strings.HasPrefix(item, "- ") || strings.Contains(item, "#") {
			return fmt.Errorf("line %d: its list has comments, or items of several lines: %w", e.key.Line, ErrByHand)
		}
	}
	indent := t.lines[first][:indentOf(t.lines[first])]
	t.lines = slices.Delete(t.lines, first, last)
	for i, v := range values {
		t.insert(first+i, indent+"- "+scalar(v))
	}
	return nil
}

// replace exchanges a value that stands on its key's line; a comment behind it
// stays.
func (t *document) replace(e entry, value string) error {
	if t.last(e) != e.start+1 && value == "" && e.value.Kind == yaml.MappingNode {
		return fmt.Errorf("line %d: it is written in an unusual way: %w", e.key.Line, ErrByHand)
	}
	colon, err := t.colon(e)
	if err != nil {
		return err
	}
	body, eol := parts(t.lines[e.start])
	old, comment, err := splitComment(body[colon:], e.value)
	if err != nil {
		return fmt.Errorf("line %d: %w", e.key.Line, err)
	}
	space := old[:len(old)-len(strings.TrimLeft(old, " \t"))]
	if space == "" || strings.TrimSpace(old) == "" {
		space = " "
	}
	if value == "" {
		space = ""
	}
	t.lines[e.start] = body[:colon] + space + value + comment + eol
	return nil
}

// splitComment splits what follows a key's colon into the value and the comment
// behind it, with its space: at the first # from which on nothing is the value's.
func splitComment(rest string, value *yaml.Node) (text, comment string, err error) {
	want, err := treeOf(value)
	if err != nil {
		return "", "", err
	}
	for i, tries := 0, 0; i <= len(rest) && tries < 100; i++ {
		if i < len(rest) && (rest[i] != '#' || i == 0 || !strings.ContainsRune(" \t", rune(rest[i-1]))) {
			continue
		}
		tries++
		var doc yaml.Node
		if yaml.NewDecoder(bytes.NewReader([]byte("k:"+rest[:i]))).Decode(&doc) != nil || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		if got, err := treeOf(doc.Content[0].Content[1]); err == nil && reflect.DeepEqual(got, want) {
			text = strings.TrimRight(rest[:i], " \t")
			return text, rest[len(text):], nil
		}
	}
	return "", "", fmt.Errorf("its value is written in an unusual way: %w", ErrByHand)
}
