package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tree is what a YAML text means, without how it is written: aliases are
// replaced by what they stand for.
type tree struct {
	kind  yaml.Kind // scalar, sequence or mapping; 0: null
	value string
	items []*tree
	pairs []treePair
}

type treePair struct {
	key   string
	value *tree
}

// maxNodes bounds what aliases of aliases can blow up to.
const maxNodes = 200_000

func treeOf(n *yaml.Node) (*tree, error) {
	left := maxNodes
	t := buildTree(n, &left)
	if left < 0 {
		return nil, fmt.Errorf("its aliases make it too large: %w", ErrByHand)
	}
	return t, nil
}

func buildTree(n *yaml.Node, left *int) *tree {
	if *left--; *left < 0 { // an alias within what it stands for ends here too
		return &tree{}
	}
	n = resolve(n)
	t := &tree{kind: n.Kind}
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		t.kind = 0
	case n.Kind == yaml.ScalarNode:
		t.value = n.Value
		if !isText(n.Tag) {
			t.value = n.Tag + " " + n.Value
		}
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			t.items = append(t.items, buildTree(c, left))
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if n.Content[i].Kind != yaml.ScalarNode {
				key = fmt.Sprintf("\x00%d", i) // one that no edit means
			}
			t.pairs = append(t.pairs, treePair{key, buildTree(n.Content[i+1], left)})
		}
	}
	return t
}

// get goes down by keys; nil: there is no such thing.
func (t *tree) get(keys ...string) *tree {
	for _, key := range keys {
		i := -1
		if t != nil {
			i = slices.IndexFunc(t.pairs, func(p treePair) bool { return p.key == key })
		}
		if i < 0 {
			return nil
		}
		t = t.pairs[i].value
	}
	return t
}

// child returns the mapping below a key, made if there is none.
func (t *tree) child(key string) *tree {
	t.kind = yaml.MappingNode
	if c := t.get(key); c != nil {
		c.kind = yaml.MappingNode
		return c
	}
	c := &tree{kind: yaml.MappingNode}
	t.pairs = append(t.pairs, treePair{key, c})
	return c
}

// set gives a key, or one in a section, its values.
func (t *tree) set(key string, values []string) {
	if section, name, ok := strings.Cut(key, "."); ok {
		t, key = t.child(section), name
	}
	c := t.child(key)
	*c = tree{kind: yaml.SequenceNode}
	for _, v := range values {
		c.items = append(c.items, &tree{kind: yaml.ScalarNode, value: v})
	}
	if len(values) == 1 {
		*c = *c.items[0]
	}
}

func (t *tree) remove(key string) {
	t.pairs = slices.DeleteFunc(t.pairs, func(p treePair) bool { return p.key == key })
}

// plain is the tree of a config file so that two that mean the same are equal:
// keys in order, and no profiles, or nothing in one, however that is written.
func (t *tree) plain() *tree {
	if p := t.get("profiles"); p != nil {
		for i, profile := range p.pairs {
			if profile.value.kind == 0 {
				p.pairs[i].value = &tree{kind: yaml.MappingNode}
			}
		}
		if len(p.pairs) == 0 {
			t.remove("profiles")
		}
	}
	t.sort()
	return t
}

func (t *tree) sort() {
	slices.SortStableFunc(t.pairs, func(a, b treePair) int { return cmp.Compare(a.key, b.key) })
	if len(t.pairs) == 0 {
		t.pairs = nil
	}
	for _, p := range t.pairs {
		p.value.sort()
	}
	for _, item := range t.items {
		item.sort()
	}
}
