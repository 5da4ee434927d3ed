package kubeconfig

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// SetContext adds a context, or changes one: an empty cluster, user or namespace
// leaves what is there, as kubectl config set-context does. Whatever else the
// context has, such as extensions, stays.
func SetContext(text []byte, name, cluster, user, namespace string) ([]byte, error) {
	if err := checkName("context", name); err != nil {
		return nil, err
	}
	old, err := parse(text)
	if err != nil {
		return nil, err
	}
	var want mapping
	fields := mapping{{"cluster", cluster}, {"user", user}, {"namespace", namespace}}
	for _, p := range fields {
		if p.val != "" {
			want = append(want, p)
		}
	}
	item, i := old.tree.named("contexts", name)
	if item == nil {
		entry := mapping{{"name", name}, {"context", want}}
		if first := old.tree.items("contexts"); len(first) > 0 && len(first[0].keys) > 0 && first[0].keys[0].text == "context" {
			slices.Reverse(entry) // kubectl's order
		}
		out, err := old.addItem("contexts", entry)
		if err != nil {
			return nil, err
		}
		return old.verify(out, func(root *value) { old.add(root, "contexts", entry) })
	}
	out := text
	d := old
	for _, p := range want {
		item, _ := d.tree.named("contexts", name)
		if item.get("context").str(p.key) == p.val {
			continue
		}
		if out, err = d.setInContext(i, p, want); err != nil {
			return nil, err
		}
		if d, err = parse(out); err != nil {
			break // verify says so
		}
	}
	if string(out) == string(text) {
		return text, nil
	}
	return old.verify(out, func(root *value) {
		item, _ := root.named("contexts", name)
		c := item.own("context")
		if c == nil || c.kind != yaml.MappingNode || len(c.keys) == 0 {
			c = valueOf(mapping{})
			item.set("context", c)
		}
		for _, p := range want {
			if c.str(p.key) != p.val {
				c.set(p.key, valueOf(p.val))
			}
		}
	})
}

// setInContext sets one key of the context with a place in the list; all is what
// a context that is empty gets.
func (d *document) setInContext(i int, p pair, all mapping) ([]byte, error) {
	item, err := d.item("contexts", i)
	if err != nil {
		return nil, err
	}
	if item.Kind != yaml.MappingNode {
		return nil, errForm(item)
	}
	l, err := d.lookup(item, "context")
	switch {
	case err != nil:
		return nil, err
	case l == nil || isNull(l.val) || l.val.Kind == yaml.MappingNode && len(l.val.Content) == 0:
		return d.setValue(item, "context", all)
	case l.val.Kind != yaml.MappingNode:
		return nil, errForm(l.val)
	}
	return d.setScalar(l.val, p.key, p.val.(string))
}

// SetCurrentContext makes a context the current one; an empty name makes it
// none.
func SetCurrentContext(text []byte, name string) ([]byte, error) {
	if name != "" {
		if err := checkName("context", name); err != nil {
			return nil, err
		}
	}
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	const key = "current-context"
	if d.tree.str(key) == name {
		return text, nil
	}
	var out []byte
	if d.root == nil {
		out = d.fill(pair{key, name})
	} else if out, err = d.setScalar(d.root, key, name); err != nil {
		return nil, err
	}
	return d.verify(out, func(root *value) {
		d.begin(root)
		root.set(key, valueOf(name))
	})
}

// RemoveContext removes a context that has nothing but a cluster, a user and a
// namespace which ours agrees to; else it is a [NotOursError]. If there is no
// such context, the text comes back as it is. It stays the current one if it is
// that; [SetCurrentContext] changes it.
func RemoveContext(text []byte, name string, ours func(Context) bool) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	item, i := d.tree.named("contexts", name)
	if item == nil {
		return text, nil
	}
	c := contextOf(item)
	switch {
	case c.Extras || len(item.keys) != 2:
		return nil, &NotOursError{"context", name, "something was added to it"}
	case !ours(c):
		return nil, &NotOursError{"context", name, "it is not as it was written"}
	}
	return d.remove("contexts", i)
}

func contextOf(item *value) Context {
	v := item.get("context")
	c := Context{Name: item.str("name"), Cluster: v.str("cluster"), User: v.str("user"), Namespace: v.str("namespace")}
	if v != nil {
		for _, k := range v.keys {
			c.Extras = c.Extras || !slices.Contains([]string{"cluster", "user", "namespace"}, k.text)
		}
	}
	return c
}
