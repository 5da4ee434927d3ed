package kubeconfig

import (
	"slices"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
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
	var want yaml.Mapping
	fields := yaml.Mapping{{"cluster", cluster}, {"user", user}, {"namespace", namespace}}
	for _, p := range fields {
		if p.Val() != "" {
			want = append(want, p)
		}
	}
	item, i := old.Tree.Named("contexts", name)
	if item == nil {
		entry := yaml.Mapping{{"name", name}, {"context", want}}
		if first := old.Tree.Items("contexts"); len(first) > 0 && len(first[0].Keys) > 0 &&
			first[0].Keys[0].Text == "context" {
			slices.Reverse(entry) // kubectl's order
		}
		out, err := old.AddItem("contexts", entry)
		if err != nil {
			return nil, err
		}
		return old.verify(out, func(root *yaml.Value) { old.add(root, "contexts", entry) })
	}
	out := text
	d := old
	for _, p := range want {
		item, _ := d.Tree.Named("contexts", name)
		if item.Get("context").Str(p.Key()) == p.Val() {
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
	return old.verify(out, func(root *yaml.Value) {
		item, _ := root.Named("contexts", name)
		c := item.Own("context")
		if c == nil || c.Kind != yaml.MappingNode || len(c.Keys) == 0 {
			c = yaml.ValueOf(yaml.Mapping{})
			item.Set("context", c)
		}
		for _, p := range want {
			if c.Str(p.Key()) != p.Val() {
				c.Set(p.Key(), yaml.ValueOf(p.Val()))
			}
		}
	})
}

// setInContext sets one key of the context with a place in the list; all is what
// a context that is empty gets.
func (d *document) setInContext(i int, p yaml.Pair, all yaml.Mapping) ([]byte, error) {
	item, err := d.item("contexts", i)
	if err != nil {
		return nil, err
	}
	if item.Kind != yaml.MappingNode {
		return nil, yaml.ByHand(item)
	}
	l, err := d.Lookup(item, "context")
	switch {
	case err != nil:
		return nil, err
	case l == nil || yaml.IsNull(l.Val) || l.Val.Kind == yaml.MappingNode && len(l.Val.Content) == 0:
		return d.SetValue(item, "context", all)
	case l.Val.Kind != yaml.MappingNode:
		return nil, yaml.ByHand(l.Val)
	}
	return d.SetScalar(l.Val, p.Key(), p.Val().(string))
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
	if d.Tree.Str(key) == name {
		return text, nil
	}
	var out []byte
	if d.Root == nil {
		out = d.Fill(yaml.Pair{key, name})
	} else if out, err = d.SetScalar(d.Root, key, name); err != nil {
		return nil, err
	}
	return d.verify(out, func(root *yaml.Value) {
		d.begin(root)
		root.Set(key, yaml.ValueOf(name))
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
	item, i := d.Tree.Named("contexts", name)
	if item == nil {
		return text, nil
	}
	c := contextOf(item)
	switch {
	case c.Extras || len(item.Keys) != 2:
		return nil, &NotOursError{"context", name, "something was added to it"}
	case !ours(c):
		return nil, &NotOursError{"context", name, "it is not as it was written"}
	}
	return d.remove("contexts", i)
}

func contextOf(item *yaml.Value) Context {
	v := item.Get("context")
	c := Context{Name: item.Str("name"), Cluster: v.Str("cluster"), User: v.Str("user"), Namespace: v.Str("namespace")}
	if v != nil {
		for _, k := range v.Keys {
			c.Extras = c.Extras || !slices.Contains([]string{"cluster", "user", "namespace"}, k.Text)
		}
	}
	return c
}
