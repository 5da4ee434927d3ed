package kubeconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	nullTag   = "!!null"
	stringTag = "!!str"
	boolTag   = "!!bool"
	mergeKey  = "<<"
)

// maxValues bounds a document after its aliases are put in: a few hundred bytes
// of aliases to aliases can stand for billions of values.
const maxValues = 1 << 19

// maxDepth bounds how deep it is nested: an alias may stand within what it stands
// for.
const maxDepth = 1000

// value is a YAML value by its meaning: aliases are resolved, style and comments
// are gone. Merge keys stay keys.
type value struct {
	kind yaml.Kind // ScalarNode, SequenceNode or MappingNode
	tag  string    // of a scalar
	text string    // of a scalar
	keys []*value  // of a mapping
	vals []*value  // of a mapping or a sequence
	line int
}

// newValue reads a node; budget is how many values it may still have.
func newValue(n *yaml.Node, budget *int, depth int) (*value, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errors.New("nested too deep, or too many values or aliases")
	}
	v := &value{kind: n.Kind, line: n.Line}
	switch n.Kind {
	case yaml.AliasNode:
		target, err := newValue(n.Alias, budget, depth+1)
		if err != nil {
			return nil, err
		}
		target.line = n.Line
		return target, nil
	case yaml.ScalarNode:
		v.tag, v.text = n.ShortTag(), n.Value
	case yaml.SequenceNode, yaml.MappingNode:
		for i, c := range n.Content {
			child, err := newValue(c, budget, depth+1)
			if err != nil {
				return nil, err
			}
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				if child.kind != yaml.ScalarNode {
					return nil, fmt.Errorf("line %d: a key must be a word", c.Line)
				}
				v.keys = append(v.keys, child)
			} else {
				v.vals = append(v.vals, child)
			}
		}
	default:
		return nil, fmt.Errorf("line %d: neither a value nor a list nor a mapping", n.Line)
	}
	return v, nil
}

// valueOf returns the meaning of what is to be written.
func valueOf(x any) *value {
	switch x := x.(type) {
	case string:
		return &value{kind: yaml.ScalarNode, tag: stringTag, text: x}
	case bool:
		return &value{kind: yaml.ScalarNode, tag: boolTag, text: fmt.Sprint(x)}
	case list:
		v := &value{kind: yaml.SequenceNode}
		for _, e := range x {
			v.vals = append(v.vals, valueOf(e))
		}
		return v
	case mapping:
		v := &value{kind: yaml.MappingNode}
		for _, p := range x {
			v.set(p.key, valueOf(p.val))
		}
		return v
	}
	panic(fmt.Sprintf("kubeconfig: %T", x))
}

// equal compares by meaning; in mappings the order counts too, since nothing
// else is to be moved.
func (v *value) equal(w *value) bool {
	same := func(a, b *value) bool { return a.equal(b) }
	return v.kind == w.kind && v.tag == w.tag && v.text == w.text &&
		slices.EqualFunc(v.keys, w.keys, same) && slices.EqualFunc(v.vals, w.vals, same)
}

func (v *value) clone() *value {
	c := *v
	c.keys, c.vals = make([]*value, len(v.keys)), make([]*value, len(v.vals))
	for i, k := range v.keys {
		c.keys[i] = k.clone()
	}
	for i, e := range v.vals {
		c.vals[i] = e.clone()
	}
	return &c
}

func (v *value) isNull() bool { return v.kind == yaml.ScalarNode && v.tag == nullTag }

// own returns the value of a key that stands in the mapping itself, or nil. The
// last one counts, as for kubectl.
func (v *value) own(key string) *value {
	if v == nil || v.kind != yaml.MappingNode {
		return nil
	}
	for i, k := range slices.Backward(v.keys) {
		if k.text == key {
			return v.vals[i]
		}
	}
	return nil
}

// get returns the value of a key, also of one that is merged in (<<), or nil.
func (v *value) get(key string) *value {
	if found := v.own(key); found != nil {
		return found
	}
	merged := v.own(mergeKey)
	if merged == nil {
		return nil
	}
	if merged.kind == yaml.SequenceNode {
		for _, m := range merged.vals {
			if found := m.get(key); found != nil {
				return found
			}
		}
		return nil
	}
	return merged.get(key)
}

// str returns the text of a key's scalar, or nothing.
func (v *value) str(key string) string {
	if found := v.get(key); found != nil && found.kind == yaml.ScalarNode && !found.isNull() {
		return found.text
	}
	return ""
}

// truth is str for a bool; kubectl reads YAML 1.1, with its yes and on.
func (v *value) truth(key string) bool {
	return slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(v.str(key)))
}

func (v *value) items(key string) []*value {
	if found := v.get(key); found != nil && found.kind == yaml.SequenceNode {
		return found.vals
	}
	return nil
}

// named returns the entry of a list by its name, and its place; -1 if there is
// none.
func (v *value) named(list, name string) (*value, int) {
	for i, item := range v.items(list) {
		if item.str("name") == name {
			return item, i
		}
	}
	return nil, -1
}

// drop takes keys out of a mapping.
func (v *value) drop(is func(key string) bool) {
	for i := len(v.keys) - 1; i >= 0; i-- {
		if is(v.keys[i].text) {
			v.keys, v.vals = slices.Delete(v.keys, i, i+1), slices.Delete(v.vals, i, i+1)
		}
	}
}

// set replaces or adds a key.
func (v *value) set(key string, val *value) {
	for i, k := range slices.Backward(v.keys) {
		if k.text == key {
			v.vals[i] = val
			return
		}
	}
	v.keys, v.vals = append(v.keys, valueOf(key)), append(v.vals, val)
}
