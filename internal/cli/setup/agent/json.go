package agent

import (
	"errors"
	"slices"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// jsonFile is a file of JSON, which is YAML too.
type jsonFile struct{ *yaml.Document }

func (d jsonFile) text() []byte { return d.Splice(0, 0, "") }

func (d jsonFile) servers(h hook) (all []server) {
	for _, path := range matching(d.Tree, h.server, nil) {
		entry := at(d.Tree, path...)
		all = append(all, server{path, textAt(entry, h.url...), textAt(entry, h.key...), at(entry, h.key...) != nil})
	}
	return all
}

func parseJSON(text []byte) (document, error) {
	d, err := parse(text)
	return jsonFile{d}, err
}

func parse(text []byte) (*yaml.Document, error) {
	d, err := yaml.Parse(text, yaml.Format{Values: 1 << 22})
	if err != nil {
		return nil, err
	}
	if !d.JSON {
		return nil, errors.New("not a JSON object")
	}
	return d, nil
}

// at goes down by keys; nil: there is no such thing.
func at(v *yaml.Value, keys ...string) *yaml.Value {
	for _, key := range keys {
		v = v.Own(key)
	}
	return v
}

// textAt is the text at a path, or nothing.
func textAt(v *yaml.Value, keys ...string) string {
	if v = at(v, keys...); v == nil || v.Kind != yaml.ScalarNode {
		return ""
	}
	return v.Text
}

// matching returns the paths that a pattern has in a value; * is any key.
func matching(v *yaml.Value, pattern, to []string) (paths [][]string) {
	switch {
	case v == nil || v.Kind != yaml.MappingNode:
		return nil
	case len(pattern) == 0:
		return [][]string{to}
	}
	for i, key := range v.Keys {
		if pattern[0] == "*" || pattern[0] == key.Text {
			paths = append(paths, matching(v.Vals[i], pattern[1:], append(slices.Clip(to), key.Text))...)
		}
	}
	return paths
}

// set takes a key out with the object that it is alone in. Nothing else in the text
// changes, and it means just that.
func (d jsonFile) set(entry, key []string, text string) (document, error) {
	want, node := d.Tree.Clone(), d.Root
	for _, k := range entry {
		l, err := d.Lookup(node, k)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unique(node, "this object"); err != nil {
			return nil, err
		}
		node = l.Val
	}
	in := at(want, entry...)
	if len(key) == 2 {
		below := in.Own(key[0])
		alone := text == "" && len(below.Keys) == 1
		switch {
		case below != nil && below.Kind != yaml.MappingNode:
			return nil, errors.New(key[0] + " is not an object")
		case below != nil && !alone:
			l, err := d.Lookup(node, key[0])
			if err != nil {
				return nil, err
			}
			in, node, key = below, l.Val, key[1:]
		}
	}
	var after []byte
	var err error
	switch {
	case text == "":
		in.Drop(func(k string) bool { return k == key[0] })
		after, err = d.RemoveKey(node, key[0])
	case len(key) == 2:
		val := yaml.Mapping{{key[1], text}}
		in.Set(key[0], yaml.ValueOf(val))
		after, err = d.SetValue(node, key[0], val)
	default:
		in.Set(key[0], yaml.ValueOf(text))
		after, err = d.SetScalar(node, key[0], text)
	}
	if err != nil {
		return nil, err
	}
	changed, err := parse(after)
	if err == nil && !changed.Tree.Equal(want) {
		err = errors.New("the change would touch more than was meant; nothing was changed")
	}
	return jsonFile{changed}, err
}
