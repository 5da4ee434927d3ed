package kubeconfig

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SetUser adds a user entry with an exec stanza, or puts that in the place of the
// credentials of the entry of that name. Where these are others than an exec stanza
// with the same program, it is an [ExistsError] unless replace is set: all of them
// go, since client-go would prefer a token or a certificate to the stanza. What is
// not a credential (impersonation, extensions) stays.
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
	out, err := d.setExec(i, want)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *value) {
		item, _ := root.named("users", name)
		if user := item.get("user"); user.others() {
			user.drop(func(key string) bool { return isCredential(key) && key != "exec" })
			user.set("exec", valueOf(want[0].val))
			return
		}
		item.set("user", valueOf(want))
	})
}

// setExec is the edit of SetUser.
func (d *document) setExec(i int, want mapping) ([]byte, error) {
	item, err := d.item("users", i)
	if err != nil {
		return nil, err
	}
	switch user := d.tree.items("users")[i].get("user"); {
	case user.mergesOthers():
		return nil, errForm(item)
	case !user.others():
		return d.setValue(item, "user", want)
	}
	l, err := d.lookup(item, "user")
	if err != nil {
		return nil, err
	}
	if l == nil || l.val.Kind != yaml.MappingNode { // an alias, or merged in
		return nil, errForm(item)
	}
	for j := 0; j < len(l.val.Content); j += 2 {
		if key := l.val.Content[j].Value; isCredential(key) && key != "exec" {
			text, err := d.removeKey(l.val, j)
			if err != nil {
				return nil, err
			}
			if d, err = parse(text); err != nil {
				return nil, err
			}
			return d.setExec(i, want)
		}
	}
	return d.setValue(l.val, "exec", want[0].val.(mapping))
}

// RemoveUser removes a user entry that has nothing but an exec stanza which ours
// agrees to, or takes the stanza out of one that has no other credentials; else it
// is a [NotOursError]. If there is no such entry, the text
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
	if !item.get("user").others() {
		return d.remove("users", i)
	}
	out, err := d.removeExec(i)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *value) {
		item, _ := root.named("users", name)
		item.get("user").drop(func(key string) bool { return key == "exec" })
	})
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

// isCredential tells whether a key of AuthInfo is one, or belongs to one. What is
// merged in (<<) may be.
func isCredential(key string) bool {
	return key == mergeKey || slices.Contains([]string{"client-key", "client-key-data", "password"}, key) ||
		slices.ContainsFunc(credentialKeys, func(k [2]string) bool { return k[0] == key })
}

// others tells whether a user has what is not a credential.
func (v *value) others() bool {
	return v != nil && v.kind == yaml.MappingNode && slices.ContainsFunc(v.keys, func(k *value) bool { return !isCredential(k.text) })
}

// mergesOthers tells whether that is merged in, in one way or another.
func (v *value) mergesOthers() bool {
	if v == nil {
		return false
	}
	m := v.own(mergeKey)
	return m != nil && (m.others() || m.mergesOthers() || m.kind == yaml.SequenceNode && slices.ContainsFunc(m.vals, func(v *value) bool { return v.others() || v.mergesOthers() }))
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
			u.AuthProvider = authProviderOf(c)
			kind += " " + u.AuthProvider.Name
		case "exec":
			u.Exec = execOf(c)
			if kind += " " + u.Exec.Command; mayHoldSecret(u.Exec.Command) {
				kind = k[1] + " " + hidden
			}
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	u.Kind = strings.Join(kinds, " and ")
	for _, k := range v.keys {
		only := u.Exec != nil && k.text == "exec" || u.Exec == nil && u.AuthProvider != nil && k.text == "auth-provider"
		u.Extras = u.Extras || isCredential(k.text) && !only
	}
	return u
}

func authProviderOf(v *value) *AuthProvider {
	p := &AuthProvider{Name: v.str("name"), Config: map[string]string{}}
	config := v.get("config")
	for _, key := range slices.Concat(publicProvider, []string{"idp-certificate-authority-data"}) {
		if s := config.str(key); s != "" {
			p.Config[key] = s
		}
	}
	p.Secret = config.str("client-secret") != ""
	return p
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
