package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// format bounds what aliases of aliases can blow up to.
var format = yaml.Format{Values: 200_000}

// step is how much what is in a section is indented more than its name.
const step = 2

// document is a config file whose entries are changed one by one. Only such are
// that have lines of their own.
type document struct{ *yaml.Document }

func newDocument(text []byte) (*document, error) {
	s := string(text)
	// The YAML reader counts further characters as the end of a line; nobody writes
	// them on purpose.
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\u0085\u2028\u2029") ||
		strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\r") {
		return nil, fmt.Errorf("it is not UTF-8 with the line ends of Unix or Windows: %w", ErrByHand)
	}
	d, err := yaml.Parse(text, format)
	f, findings := parse("", User, text)
	for _, x := range findings {
		if f == nil || !x.harmless && err == nil {
			return nil, errors.New(strings.TrimPrefix(strings.TrimPrefix(x.Error(), ":"), " "))
		}
	}
	if err != nil { // of what parse has nothing against: a second document, too many aliases
		return nil, fmt.Errorf("%w: %w", err, ErrByHand)
	}
	t := &document{d}
	if d.Root == nil {
		return t, t.reparse(d.Fill(yaml.Pair{"version", json.Number(version)}), nil)
	}
	return t, nil
}

// reparse reads the text after a change.
func (t *document) reparse(text []byte, err error) error {
	if err != nil {
		return err
	}
	changed, err := newDocument(text)
	if err != nil {
		return fmt.Errorf("the change would break it (%w): %w", err, ErrByHand)
	}
	*t = *changed
	return nil
}

// find goes down by keys. Not found, it returns how far it came: the last entry
// that is there, or nil for the file itself.
func (t *document) find(keys ...string) (at *yaml.Entry, found bool, err error) {
	for _, key := range keys {
		m, err := t.mapping(at)
		if m == nil || err != nil {
			return at, false, err
		}
		e, err := t.Lookup(m, key)
		if e == nil || err != nil {
			return at, false, err
		}
		if before := t.Text[:e.KeyStart]; strings.Trim(before[strings.LastIndexByte(before, '\n')+1:], " ") != "" {
			return at, false, fmt.Errorf("line %d: its key is not at the start of a line: %w", e.Key.Line, ErrByHand)
		}
		at = e
	}
	return at, true, nil
}

// mapping returns the mapping that an entry has, or the file; nil if nothing is
// written there, or {}.
func (t *document) mapping(at *yaml.Entry) (*yaml.Node, error) {
	m := t.Root
	if at != nil {
		m = at.Val
	}
	switch {
	case m.Anchor == "" && (yaml.IsNull(m) || m.Kind == yaml.MappingNode && len(m.Content) == 0):
		return nil, nil
	case m.Kind != yaml.MappingNode || yaml.IsFlow(m):
		return nil, fmt.Errorf("line %d: it is not written as lines of keys and values: %w", m.Line, ErrByHand)
	}
	return m, nil
}

// add adds a line at the end of the mapping that an entry has, or the file.
func (t *document) add(at *yaml.Entry, line string) error {
	m, err := t.mapping(at)
	if err != nil {
		return err
	}
	var text []byte
	if m == nil { // {} and ~ make room
		text, err = t.Open(at, step, []string{line}, true)
	} else {
		text, err = t.AddLines(m, []string{line})
	}
	return t.reparse(t.ended(text, line), err)
}

// ended returns a text that a line was added to: the file's last line ends too.
func (t *document) ended(text []byte, line string) []byte {
	if strings.HasSuffix(string(text), line) {
		return append(text, t.NL...)
	}
	return text
}

func (t *document) addProfile(name string) error {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return fmt.Errorf("%q is not a name for a profile", name)
	}
	return t.addTo([]string{"profiles"}, scalar(name)+":")
}

// addTo adds a line to a section, which is made if it is not there.
func (t *document) addTo(path []string, line string) error {
	at, found, err := t.find(path...)
	if err == nil && !found {
		if err = t.add(at, scalar(path[len(path)-1])+":"); err == nil {
			at, _, err = t.find(path...)
		}
	}
	if err != nil {
		return err
	}
	return t.add(at, line)
}

// addToMap adds a key without a value to a map, which may be in braces.
func (t *document) addToMap(path []string, name string) error {
	e, _, err := t.find(path...)
	if err != nil {
		return err
	}
	if yaml.IsFlow(e.Val) && len(e.Val.Content) > 0 {
		return t.reparse(t.SetValue(e.Val, name, yaml.Mapping{}))
	}
	return t.addTo(path, scalar(name)+": {}")
}

func (t *document) setKey(profile, key string, values []string) error {
	path := append([]string{"profiles", profile}, strings.SplitN(key, ".", 2)...)
	e, found, err := t.find(path...)
	switch last := len(path) - 1; {
	case err != nil:
		return err
	case !found:
		return t.addTo(path[:last], scalar(path[last])+": "+flow(values))
	}
	return t.setValue(e, values)
}

func (t *document) setDefault(name string) error {
	e, found, err := t.find("default-profile")
	if err == nil && found {
		return t.setValue(e, []string{name})
	}
	if err == nil {
		e, _, err = t.find("version")
	}
	if err != nil {
		return err
	}
	_, end, err := t.Span(e)
	if err != nil {
		return err
	}
	line := "default-profile: " + scalar(name)
	return t.reparse(t.ended(t.Below(end, e.Key.Column-1, []string{line}), line), nil)
}

// remove takes an entry's lines away; a comment above it stays.
func (t *document) remove(keys ...string) error {
	e, found, err := t.find(keys...)
	if err != nil || !found {
		return err
	}
	return t.reparse(t.RemoveLines(e))
}

// setValue replaces an entry's value; a comment behind it stays.
func (t *document) setValue(e *yaml.Entry, values []string) error {
	byHand := func(why string) error { return fmt.Errorf("line %d: %s: %w", e.Key.Line, why, ErrByHand) }
	v, key := e.Val, e.Key.Value
	written := strings.TrimRight(t.Text[e.KeyStart:e.Colon-1], " ")
	if !slices.Contains([]string{key, `"` + key + `"`, "'" + key + "'", scalar(key)}, written) {
		return byHand("its key is written in an unusual way")
	}
	if v.Kind == yaml.MappingNode || v.Kind == yaml.AliasNode || v.Anchor != "" || yaml.IsTagged(v) {
		return byHand("its value is a section, an alias, or has an anchor or a tag")
	}
	_, end, err := t.Span(e)
	if err != nil {
		return err
	}
	if !strings.Contains(t.Text[e.Colon:end], "\n") {
		return t.reparse(t.SetText(e, flow(values)))
	}
	if v.Kind == yaml.SequenceNode && !yaml.IsFlow(v) && len(values) > 0 {
		return t.setItems(v, end, values)
	}
	if last, _, _ := strings.Cut(t.Text[end:], "\n"); strings.Contains(t.Text[e.Colon:end]+last, "#") {
		return byHand("its value may have comments, which would be lost")
	}
	return t.reparse(t.Splice(e.Colon, end, " "+flow(values)), nil)
}

// setItems replaces the lines of a list that has one for each item, up to an end.
func (t *document) setItems(list *yaml.Node, end int, values []string) error {
	first, err := t.Start(list.Content[0])
	if err != nil {
		return err
	}
	first = strings.LastIndexByte(t.Text[:first], '\n') + 1
	last, _, _ := strings.Cut(t.Text[end:], "\n")
	for line := range strings.SplitSeq(t.Text[first:end]+last, "\n") {
		if item := strings.TrimLeft(line, " "); !strings.HasPrefix(item, "- ") || strings.Contains(item, "#") {
			return fmt.Errorf("line %d: its list has comments, or items of several lines: %w", list.Line, ErrByHand)
		}
	}
	var lines []string
	for _, v := range values {
		lines = append(lines, strings.Repeat(" ", list.Column-1)+"- "+scalar(v))
	}
	return t.reparse(t.ended(t.Splice(first, end, strings.Join(lines, t.NL)), lines[len(lines)-1]), nil)
}
