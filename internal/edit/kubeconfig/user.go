package kubeconfig

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
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
	item, i := d.Tree.Named("users", name)
	want := e.mapping()
	if item == nil {
		entry := yaml.Mapping{{"name", name}, {"user", want}}
		out, err := d.AddItem("users", entry)
		if err != nil {
			return nil, err
		}
		return d.verify(out, func(root *yaml.Value) { d.add(root, "users", entry) })
	}
	there := userOf(item)
	if !there.Extras && there.Exec != nil && there.Exec.equal(e) {
		return text, nil
	}
	if !replace && there.Kind != "" &&
		(there.Exec == nil || there.Extras || program(there.Exec.Command) != program(e.Command)) {
		return nil, &ExistsError{there}
	}
	out, err := d.setExec(i, want)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *yaml.Value) {
		item, _ := root.Named("users", name)
		if user := item.Get("user"); others(user) {
			user.Drop(func(key string) bool { return isCredential(key) && key != "exec" })
			user.Set("exec", yaml.ValueOf(want[0].Val()))
			return
		}
		item.Set("user", yaml.ValueOf(want))
	})
}

// setExec is the edit of SetUser.
func (d *document) setExec(i int, want yaml.Mapping) ([]byte, error) {
	item, err := d.item("users", i)
	if err != nil {
		return nil, err
	}
	switch user := d.Tree.Items("users")[i].Get("user"); {
	case mergesOthers(user):
		return nil, yaml.ByHand(item)
	case !others(user):
		return d.SetValue(item, "user", want)
	}
	l, err := d.Lookup(item, "user")
	if err != nil {
		return nil, err
	}
	if l == nil || l.Val.Kind != yaml.MappingNode { // an alias, or merged in
		return nil, yaml.ByHand(item)
	}
	for j := 0; j < len(l.Val.Content); j += 2 {
		if key := l.Val.Content[j].Value; isCredential(key) && key != "exec" {
			text, err := d.RemoveKey(l.Val, key)
			if err != nil {
				return nil, err
			}
			if d, err = parse(text); err != nil {
				return nil, err
			}
			return d.setExec(i, want)
		}
	}
	return d.SetValue(l.Val, "exec", want[0].Val().(yaml.Mapping))
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
	item, i := d.Tree.Named("users", name)
	if item == nil {
		return text, nil
	}
	u := userOf(item)
	switch {
	case u.Exec == nil || u.Extras:
		return nil, &NotOursError{"user", name, "it has " + u.kind()}
	case len(item.Keys) != 2:
		return nil, &NotOursError{"user", name, "something was added to it"}
	case !ours(*u.Exec):
		return nil, &NotOursError{"user", name, "its command is not as it was written"}
	}
	if !others(item.Get("user")) {
		return d.remove("users", i)
	}
	out, err := d.removeExec(i)
	if err != nil {
		return nil, err
	}
	return d.verify(out, func(root *yaml.Value) {
		item, _ := root.Named("users", name)
		item.Get("user").Drop(func(key string) bool { return key == "exec" })
	})
}

// Describe tells what a user entry of a text holds; ok is false if there is no
// such entry.
func Describe(text []byte, name string) (u User, ok bool, err error) {
	d, err := parse(text)
	if err != nil {
		return User{}, false, err
	}
	item, _ := d.Tree.Named("users", name)
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
	for _, item := range d.Tree.Items("users") {
		users = append(users, userOf(item))
	}
	return users, nil
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
	return key == yaml.MergeKey || slices.Contains([]string{"client-key", "client-key-data", "password"}, key) ||
		slices.ContainsFunc(credentialKeys, func(k [2]string) bool { return k[0] == key })
}

// others tells whether a user has what is not a credential.
func others(v *yaml.Value) bool {
	return v != nil && v.Kind == yaml.MappingNode &&
		slices.ContainsFunc(v.Keys, func(k *yaml.Value) bool { return !isCredential(k.Text) })
}

// mergesOthers tells whether that is merged in, in one way or another.
func mergesOthers(v *yaml.Value) bool {
	m := v.Own(yaml.MergeKey)
	if m == nil {
		return false
	}
	all := []*yaml.Value{m}
	if m.Kind == yaml.SequenceNode {
		all = m.Vals
	}
	return slices.ContainsFunc(all, func(v *yaml.Value) bool { return others(v) || mergesOthers(v) })
}

// userOf reads an entry of users.
func userOf(item *yaml.Value) User {
	u := User{Name: item.Str("name")}
	v := item.Get("user")
	if v == nil || v.Kind != yaml.MappingNode {
		return u
	}
	var kinds []string
	for _, k := range credentialKeys {
		c := v.Get(k[0])
		if c == nil || c.IsNull() || c.Kind == yaml.ScalarNode && c.Text == "" {
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
	for _, k := range v.Keys {
		only := u.Exec != nil && k.Text == "exec" || u.Exec == nil && u.AuthProvider != nil && k.Text == "auth-provider"
		u.Extras = u.Extras || isCredential(k.Text) && !only
	}
	return u
}

func authProviderOf(v *yaml.Value) *AuthProvider {
	p := &AuthProvider{Name: v.Str("name"), Config: map[string]string{}}
	config := v.Get("config")
	for _, key := range slices.Concat(publicProvider, []string{"idp-certificate-authority-data"}) {
		if s := config.Str(key); s != "" {
			p.Config[key] = s
		}
	}
	p.Secret = config.Str("client-secret") != ""
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
func execOf(v *yaml.Value) *Exec {
	e := &Exec{
		APIVersion: v.Str("apiVersion"), Command: v.Str("command"), InteractiveMode: v.Str("interactiveMode"),
		InstallHint: v.Str("installHint"), ProvideClusterInfo: v.Truth("provideClusterInfo"),
	}
	for _, a := range v.Items("args") {
		e.Args = append(e.Args, a.Text)
	}
	for _, env := range v.Items("env") {
		e.Env = append(e.Env, EnvVar{env.Str("name"), env.Str("value")})
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
