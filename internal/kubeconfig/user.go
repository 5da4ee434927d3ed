package kubeconfig

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SetUser adds a user entry with an exec stanza, or replaces what is in the
// entry of that name. Where that has other credentials than an exec stanza with
// the same program, it is an [ExistsError] unless replace is set: the whole of
// the entry's credentials is replaced, since client-go would prefer a token or a
// certificate to the stanza.
//
// If the entry is as wanted already, the text comes back as it is.
func SetUser(text []byte, name string, e Exec, replace bool) ([]byte, error) {
	if err := checkName("user", name); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	item, i := d.tree.named("users", name)
	want := e.mapping()
	if item == nil {
		entry := mapping{{"name", name}, {"user", want}}
		out, err := d.addItem("users", entry)
		if err != nil {
			return nil, err
		}
		return d.verify(out, func(root *value) { d.add(root, "users", entry) })
	}
	there := userOf(item)
	if !there.Extras && there.Exec != nil && there.Exec.equal(e) {
		return text, nil
	}
	if !replace && there.Kind != "" && (there.Exec == nil || there.Extras || program(there.Exec.Command) != program(e.Command)) {
		return nil, &ExistsError{there}
	}
	node, err := d.item("users", i)
	if err != nil {
		return nil, err
	}
	out, err := d.setValue(node, "user", want)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *value) {
		item, _ := root.named("users", name)
		item.set("user", valueOf(want))
	})
}

// RemoveUser removes a user entry that has nothing but an exec stanza which ours
// agrees to; else it is a [NotOursError]. If there is no such entry, the text
// comes back as it is. The bytes are those from before [SetUser] added the
// entry, unless the list was not there or was null then: an empty list stays.
func RemoveUser(text []byte, name string, ours func(Exec) bool) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	item, i := d.tree.named("users", name)
	if item == nil {
		return text, nil
	}
	u := userOf(item)
	switch {
	case u.Exec == nil || u.Extras:
		return nil, &NotOursError{"user", name, "it has " + u.kind()}
	case len(item.keys) != 2:
		return nil, &NotOursError{"user", name, "something was added to it"}
	case !ours(*u.Exec):
		return nil, &NotOursError{"user", name, "its command is not as it was written"}
	}
	return d.remove("users", i)
}

// Describe tells what a user entry of a text holds; ok is false if there is no
// such entry.
func Describe(text []byte, name string) (u User, ok bool, err error) {
	d, err := parse(text)
	if err != nil {
		return User{}, false, err
	}
	item, _ := d.tree.named("users", name)
	if item == nil {
		return User{}, false, nil
	}
	return userOf(item), true, nil
}

// Users lists the user entries of a text.
func Users(text []byte) ([]User, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	var users []User
	for _, item := range d.tree.items("users") {
		users = append(users, userOf(item))
	}
	return users, nil
}

// remove removes an entry of a list.
func (d *document) remove(key string, i int) ([]byte, error) {
	out, err := d.removeItem(key, i)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *value) {
		l := root.own(key)
		l.vals = slices.Delete(l.vals, i, i+1)
	})
}

// item returns the node of a list's entry.
func (d *document) item(key string, i int) (*yaml.Node, error) {
	l, err := d.lookup(d.root, key)
	if err != nil {
		return nil, err
	}
	if l == nil || l.val.Kind != yaml.SequenceNode || i >= len(l.val.Content) {
		return nil, errForm(d.root)
	}
	return l.val.Content[i], nil
}

// add is what addItem does, by meaning.
func (d *document) add(root *value, key string, entry mapping) {
	d.begin(root)
	l := root.own(key)
	if l == nil || l.isNull() {
		l = &value{kind: yaml.SequenceNode}
		root.set(key, l)
	}
	l.vals = append(l.vals, valueOf(entry))
}

// begin is what fill does, by meaning.
func (d *document) begin(root *value) {
	if d.root == nil {
		root.set("apiVersion", valueOf("v1"))
		root.set("kind", valueOf("Config"))
	}
}

// credentialKeys are those of AuthInfo that say who one is, with their words.
var credentialKeys = [][2]string{
	{"token", "a token"},
	{"tokenFile", "a token in a file"},
	{"client-certificate", "a client certificate"},
	{"client-certificate-data", "a client certificate"},
	{"username", "a user name and password"},
	{"auth-provider", "the auth provider"},
	{"exec", "the command"},
}

// userOf reads an entry of users.
func userOf(item *value) User {
	u := User{Name: item.str("name")}
	v := item.get("user")
	if v == nil || v.kind != yaml.MappingNode {
		return u
	}
	var kinds []string
	for _, k := range credentialKeys {
		c := v.get(k[0])
		if c == nil || c.isNull() || c.kind == yaml.ScalarNode && c.text == "" {
			continue
		}
		kind := k[1]
		switch k[0] {
		case "auth-provider":
			kind += " " + c.str("name")
		case "exec":
			u.Exec = execOf(c)
			kind += " " + u.Exec.Command
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	u.Kind = strings.Join(kinds, " and ")
	u.Extras = len(v.keys) > 1 || len(v.keys) == 1 && v.own("exec") == nil
	return u
}

func (u User) kind() string {
	switch {
	case u.Kind == "":
		return "no exec stanza"
	case u.Exec != nil:
		return "more than an exec stanza"
	}
	return u.Kind
}

// execOf reads an exec stanza.
func execOf(v *value) *Exec {
	e := &Exec{
		APIVersion: v.str("apiVersion"), Command: v.str("command"), InteractiveMode: v.str("interactiveMode"),
		InstallHint: v.str("installHint"), ProvideClusterInfo: v.truth("provideClusterInfo"),
	}
	for _, a := range v.items("args") {
		e.Args = append(e.Args, a.text)
	}
	for _, env := range v.items("env") {
		e.Env = append(e.Env, EnvVar{env.str("name"), env.str("value")})
	}
	return e
}

func (e Exec) equal(other Exec) bool {
	e.Args, other.Args = append([]string{}, e.Args...), append([]string{}, other.Args...)
	e.Env, other.Env = append([]EnvVar{}, e.Env...), append([]EnvVar{}, other.Env...)
	return reflect.DeepEqual(e, other)
}

// program is a command without its directory and its .exe.
func program(command string) string {
	name := filepath.Base(strings.ReplaceAll(command, `\`, "/"))
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".exe") {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}
