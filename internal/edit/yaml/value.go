package yaml

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Tags of scalars, and the key that merges another mapping in.
const (
	NullTag   = "!!null"
	StringTag = "!!str"
	BoolTag   = "!!bool"
	MergeKey  = "<<"
)

// maxDepth bounds how deep it is nested: an alias may stand within what it stands
// for.
const maxDepth = 1000

// Value is a YAML value by its meaning: aliases are resolved, style and comments
// are gone. Merge keys stay keys.
type Value struct {
	Kind yaml.Kind // ScalarNode, SequenceNode or MappingNode
	Tag  string    // of a scalar
	Text string    // of a scalar
	Keys []*Value  // of a mapping: scalars
	Vals []*Value  // of a mapping or a sequence
	Line int
}

// Meaning reads a node of the document. A few hundred bytes of aliases to aliases
// can stand for billions of values: more than the format allows are an error.
func (d *Document) Meaning(n *Node) (*Value, error) {
	budget := d.format.Values
	return meaning(n, &budget, 0)
}

func meaning(n *Node, budget *int, depth int) (*Value, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errors.New("nested too deep, or too many values or aliases")
	}
	v := &Value{Kind: n.Kind, Line: n.Line}
	switch n.Kind {
	case AliasNode:
		target, err := meaning(n.Alias, budget, depth+1)
		if err != nil {
			return nil, err
		}
		target.Line = n.Line
		return target, nil
	case ScalarNode:
		v.Tag, v.Text = n.ShortTag(), n.Value
	case SequenceNode, MappingNode:
		for i, c := range n.Content {
			child, err := meaning(c, budget, depth+1)
			if err != nil {
				return nil, err
			}
			switch {
			case n.Kind == SequenceNode || i%2 == 1:
				v.Vals = append(v.Vals, child)
			case child.Kind != ScalarNode:
				return nil, fmt.Errorf("line %d: a key must be a word", c.Line)
			default:
				v.Keys = append(v.Keys, child)
			}
		}
	default:
		return nil, fmt.Errorf("line %d: neither a value nor a list nor a mapping", n.Line)
	}
	return v, nil
}

// ValueOf returns the meaning of what is to be written.
func ValueOf(x any) *Value {
	switch x := x.(type) {
	case string:
		return &Value{Kind: ScalarNode, Tag: StringTag, Text: x}
	case bool:
		return &Value{Kind: ScalarNode, Tag: BoolTag, Text: fmt.Sprint(x)}
	case List:
		v := &Value{Kind: SequenceNode}
		for _, e := range x {
			v.Vals = append(v.Vals, ValueOf(e))
		}
		return v
	case Mapping:
		v := &Value{Kind: MappingNode}
		for _, p := range x {
			v.Set(p.Key(), ValueOf(p.Val()))
		}
		return v
	}
	panic(fmt.Sprintf("yaml: %T", x))
}

// Equal compares by meaning; in mappings the order counts too, since nothing
// else is to be moved.
func (v *Value) Equal(w *Value) bool {
	same := func(a, b *Value) bool { return a.Equal(b) }
	return v.Kind == w.Kind && v.Tag == w.Tag && v.Text == w.Text &&
		slices.EqualFunc(v.Keys, w.Keys, same) && slices.EqualFunc(v.Vals, w.Vals, same)
}

// Clone returns a copy that shares nothing.
func (v *Value) Clone() *Value {
	c := *v
	c.Keys, c.Vals = make([]*Value, len(v.Keys)), make([]*Value, len(v.Vals))
	for i, k := range v.Keys {
		c.Keys[i] = k.Clone()
	}
	for i, e := range v.Vals {
		c.Vals[i] = e.Clone()
	}
	return &c
}

// IsNull tells whether it is the null of YAML.
func (v *Value) IsNull() bool { return v.Kind == ScalarNode && v.Tag == NullTag }

// Own returns the value of a key that stands in the mapping itself, or nil. The
// last one counts, as for kubectl.
func (v *Value) Own(key string) *Value {
	if v == nil || v.Kind != MappingNode {
		return nil
	}
	for i, k := range slices.Backward(v.Keys) {
		if k.Text == key {
			return v.Vals[i]
		}
	}
	return nil
}

// Get returns the value of a key, also of one that is merged in (<<), or nil.
func (v *Value) Get(key string) *Value {
	if found := v.Own(key); found != nil {
		return found
	}
	merged := v.Own(MergeKey)
	if merged == nil {
		return nil
	}
	if merged.Kind == SequenceNode {
		for _, m := range merged.Vals {
			if found := m.Get(key); found != nil {
				return found
			}
		}
		return nil
	}
	return merged.Get(key)
}

// Str returns the text of a key's scalar, or nothing.
func (v *Value) Str(key string) string {
	if found := v.Get(key); found != nil && found.Kind == ScalarNode && !found.IsNull() {
		return found.Text
	}
	return ""
}

// Truth is Str for a bool; kubectl reads YAML 1.1, with its yes and on.
func (v *Value) Truth(key string) bool {
	return slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(v.Str(key)))
}

// Items returns the entries of a key that is a list.
func (v *Value) Items(key string) []*Value {
	if found := v.Get(key); found != nil && found.Kind == SequenceNode {
		return found.Vals
	}
	return nil
}

// Named returns the entry of a list by its name, and its place; -1 if there is
// none.
func (v *Value) Named(list, name string) (*Value, int) {
	for i, item := range v.Items(list) {
		if item.Str("name") == name {
			return item, i
		}
	}
	return nil, -1
}

// Drop takes keys out of a mapping.
func (v *Value) Drop(is func(key string) bool) {
	for i := len(v.Keys) - 1; i >= 0; i-- {
		if is(v.Keys[i].Text) {
			v.Keys, v.Vals = slices.Delete(v.Keys, i, i+1), slices.Delete(v.Vals, i, i+1)
		}
	}
}

// Set replaces or adds a key.
func (v *Value) Set(key string, val *Value) {
	for i, k := range slices.Backward(v.Keys) {
		if k.Text == key {
			v.Vals[i] = val
			return
		}
	}
	v.Keys, v.Vals = append(v.Keys, ValueOf(key)), append(v.Vals, val)
}
