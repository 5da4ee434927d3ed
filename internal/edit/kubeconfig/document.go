package kubeconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// maxSize bounds a file, in bytes.
const maxSize = 16 << 20

// format is that of a kubeconfig; a new one begins as kubectl's own.
var format = yaml.Format{
	Header: yaml.Mapping{{"apiVersion", "v1"}, {"kind", "Config"}},
	Lists:  []string{"users", "contexts", "clusters"},
	Values: 1 << 19,
}

// document is a parsed kubeconfig.
type document struct{ *yaml.Document }

// parse reads a text and refuses what kubectl would refuse, what is no
// kubeconfig, and more than one document.
func parse(text []byte) (*document, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("larger than %d bytes", maxSize)
	}
	d, err := yaml.Parse(text, format)
	if err != nil {
		return nil, err
	}
	if d.Root == nil {
		return &document{d}, nil
	}
	if d.Root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: a kubeconfig is a mapping, with keys such as clusters and users", d.Root.Line)
	}
	return &document{d}, check(d)
}

// check refuses another kind of file, keys and names that are there twice, and
// lists that are none.
func check(d *yaml.Document) error {
	if err := yaml.Unique(d.Root, "the file"); err != nil {
		return err
	}
	for key, want := range map[string]string{"kind": "Config", "apiVersion": "v1"} {
		if v := d.Tree.Get(key); v != nil && v.Text != want && !v.IsNull() {
			return fmt.Errorf("line %d: %s is %q, and that of a kubeconfig is %s", v.Line, key, v.Text, want)
		}
	}
	for _, l := range []string{"clusters", "contexts", "users"} {
		v := d.Tree.Get(l)
		switch {
		case v == nil || v.IsNull():
			continue
		case v.Kind != yaml.SequenceNode:
			return fmt.Errorf("line %d: %s must be a list", v.Line, l)
		}
		seen := map[string]int{}
		for _, item := range v.Vals {
			if item.Kind != yaml.MappingNode {
				return fmt.Errorf("line %d: an entry of %s must have a name", item.Line, l)
			}
			name := item.Str("name")
			if first, ok := seen[name]; ok { // client-go's conversion fails at it
				return fmt.Errorf("line %d: %q is in %s a second time (first in line %d), which kubectl refuses",
					item.Line, name, l, first)
			}
			seen[name] = item.Line
		}
	}
	return nil
}

// verify parses a result and compares its meaning with that of the old text
// after change. Whatever went wrong in an edit ends here.
func (d *document) verify(text []byte, change func(root *yaml.Value)) ([]byte, error) {
	// Next to ours a carriage return alone could become part of a CR LF.
	if bare := strings.ReplaceAll(d.Text, "\r\n", ""); strings.Contains(bare, "\r") {
		return nil, errors.New("this file has carriage returns without line feeds; edit it by hand")
	}
	got, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("this file cannot be edited without damage (%w); edit it by hand", err)
	}
	want := d.Tree.Clone()
	change(want)
	if !got.Tree.Equal(want) || d.JSON && !got.JSON {
		return nil, errors.New("this file cannot be edited without changing more than was asked for; edit it by hand")
	}
	return text, nil
}

// item returns the node of a list's entry.
func (d *document) item(key string, i int) (*yaml.Node, error) {
	l, err := d.Lookup(d.Root, key)
	if err != nil {
		return nil, err
	}
	if l == nil || l.Val.Kind != yaml.SequenceNode || i >= len(l.Val.Content) {
		return nil, yaml.ByHand(d.Root)
	}
	return l.Val.Content[i], nil
}

// add is what AddItem does, by meaning.
func (d *document) add(root *yaml.Value, key string, entry yaml.Mapping) {
	d.begin(root)
	l := root.Own(key)
	if l == nil || l.IsNull() {
		l = &yaml.Value{Kind: yaml.SequenceNode}
		root.Set(key, l)
	}
	l.Vals = append(l.Vals, yaml.ValueOf(entry))
}

// begin is what Fill does, by meaning.
func (d *document) begin(root *yaml.Value) {
	if d.Root == nil {
		*root = *yaml.ValueOf(format.Header)
	}
}

// remove removes an entry of a list.
func (d *document) remove(key string, i int) ([]byte, error) {
	out, err := d.RemoveItem(key, i)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *yaml.Value) {
		l := root.Own(key)
		l.Vals = slices.Delete(l.Vals, i, i+1)
	})
}

// removeExec takes the stanza out of a user entry.
func (d *document) removeExec(i int) ([]byte, error) {
	item, err := d.item("users", i)
	if err != nil {
		return nil, err
	}
	l, err := d.Lookup(item, "user")
	if err != nil {
		return nil, err
	}
	if l != nil && l.Val.Kind == yaml.MappingNode { // not an alias
		if e, err := d.Lookup(l.Val, "exec"); e != nil && err == nil {
			return d.RemoveKey(l.Val, "exec")
		}
	}
	return nil, yaml.ByHand(item)
}
