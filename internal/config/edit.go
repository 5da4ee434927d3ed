package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// ErrByHand says that a file is written in a way that an edit of single lines
// would damage. Nothing was changed.
var ErrByHand = yaml.ErrByHand

// EditFile changes a config file by a function of its text, empty if there is
// none, and keeps what was there as path.bak. Where somebody else changes the
// file at the same time, it begins again.
func EditFile(path string, change func(text []byte) ([]byte, error)) error {
	for tries := 1; ; tries++ {
		before, err := userfile.ReadConfig(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		after, err := change(before)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(before) == 0 {
			before = []byte{} // nil would mean that it does not matter
		}
		err = userfile.WriteAtomic(path, after, userfile.WriteOptions{Perm: 0o600, Backup: true, Was: before})
		if tries == maxTries || !errors.Is(err, userfile.ErrChanged) {
			return err
		}
	}
}

// maxTries bounds how often an edit begins again. Of those at the same file one
// gets through each time.
const maxTries = 50

// SetKey gives a key of a profile its values, and makes the profile if there is
// none. All else in the text stays as it is, byte for byte; so do the other
// functions here.
func SetKey(text []byte, profile, key string, values ...string) ([]byte, error) {
	return edit(text, func(t *document, want *yaml.Value) error {
		if at(want, "profiles", profile) == nil {
			if err := t.addProfile(profile); err != nil {
				return err
			}
		}
		set(section(section(want, "profiles"), profile), key, values)
		return t.setKey(profile, key, values)
	})
}

// AddToMap adds names to a map that a profile has below a key, each with nothing said
// of it. A map that the profile inherits is not changed: the error is ErrByHand.
func AddToMap(text []byte, profile, key string, names ...string) ([]byte, error) {
	return edit(text, func(t *document, want *yaml.Value) error {
		path := []string{"profiles", profile, key}
		m := at(want, path...)
		if m == nil || m.Kind != yaml.MappingNode {
			return fmt.Errorf("%s of the profile %s is inherited: %w", key, profile, ErrByHand)
		}
		for _, name := range names {
			m.Set(name, yaml.ValueOf(yaml.Mapping{}))
			if err := t.addToMap(path, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveKey takes a key out of a profile, and its section if that is empty then;
// where there is no such key nothing changes.
func RemoveKey(text []byte, profile, key string) ([]byte, error) {
	return edit(text, func(t *document, want *yaml.Value) error {
		path := append([]string{"profiles", profile}, strings.Split(key, ".")...)
		if at(want, path...) == nil {
			return nil
		}
		last := len(path) - 1
		in := at(want, path[:last]...)
		if len(path) == 4 && len(in.Keys) == 1 {
			last--
			in = at(want, path[:last]...)
		}
		in.Drop(func(k string) bool { return k == path[last] })
		return t.remove(path[:last+1]...)
	})
}

// RemoveProfile takes a profile out, and default-profile with it if it names
// that profile. It is an error if another one extends it, or if there is none.
func RemoveProfile(text []byte, name string) ([]byte, error) {
	return edit(text, func(t *document, want *yaml.Value) error {
		profiles := want.Own("profiles")
		if profiles.Own(name) == nil {
			return fmt.Errorf("no profile %q", name)
		}
		for i, p := range profiles.Vals {
			if e, other := p.Own(extendsKey), profiles.Keys[i].Text; other != name && e != nil && e.Text == name {
				return fmt.Errorf("profile %q extends %q; change that first", other, name)
			}
		}
		if def := want.Own("default-profile"); def != nil && def.Text == name {
			want.Drop(func(k string) bool { return k == "default-profile" })
			if err := t.remove("default-profile"); err != nil {
				return err
			}
		}
		profiles.Drop(func(k string) bool { return k == name })
		return t.remove("profiles", name)
	})
}

// SetDefault makes a profile the one that is used if none is named.
func SetDefault(text []byte, name string) ([]byte, error) {
	return edit(text, func(t *document, want *yaml.Value) error {
		if want.Own("default-profile") == nil { // it comes behind the version
			i := 1 + slices.IndexFunc(want.Keys, func(k *yaml.Value) bool { return k.Text == "version" })
			want.Keys = slices.Insert(want.Keys, i, yaml.ValueOf("default-profile"))
			want.Vals = slices.Insert(want.Vals, i, nil)
		}
		set(want, "default-profile", []string{name})
		return t.setDefault(name)
	})
}

// edit makes a change twice: to the text, and to what it means. The new text is
// returned only if it means just that.
func edit(text []byte, change func(t *document, want *yaml.Value) error) ([]byte, error) {
	t, err := newDocument(text)
	if err != nil {
		return nil, err
	}
	want := t.Tree.Clone()
	if err := change(t, want); err != nil {
		return nil, err
	}
	if !meaning(t.Tree).Equal(meaning(want)) {
		return nil, fmt.Errorf("the change would touch more than was meant: %w", ErrByHand)
	}
	return t.Splice(0, 0, ""), nil
}

// at goes down by keys; nil: there is no such thing.
func at(v *yaml.Value, keys ...string) *yaml.Value {
	for _, key := range keys {
		v = v.Own(key)
	}
	return v
}

// section returns the mapping below a key, made if there is none.
func section(v *yaml.Value, key string) *yaml.Value {
	if in := v.Own(key); in == nil || in.Kind != yaml.MappingNode {
		v.Set(key, yaml.ValueOf(yaml.Mapping{}))
	}
	return v.Own(key)
}

// set gives a key, or one in a section, its values.
func set(v *yaml.Value, key string, values []string) {
	if in, name, ok := strings.Cut(key, "."); ok {
		v, key = section(v, in), name
	}
	if len(values) == 1 {
		v.Set(key, yaml.ValueOf(values[0]))
		return
	}
	var list yaml.List
	for _, value := range values {
		list = append(list, value)
	}
	v.Set(key, yaml.ValueOf(list))
}

// meaning returns what a config file means so that two that mean the same are
// equal: no profiles, or nothing in one, and a text, however that is written.
func meaning(file *yaml.Value) *yaml.Value {
	file = file.Clone()
	if profiles := file.Own("profiles"); profiles != nil {
		for i, p := range profiles.Vals {
			if p.IsNull() {
				profiles.Vals[i] = yaml.ValueOf(yaml.Mapping{})
			}
		}
		if len(profiles.Keys) == 0 {
			file.Drop(func(k string) bool { return k == "profiles" })
		}
	}
	texts(file)
	return file
}

func texts(v *yaml.Value) {
	if v.Kind == yaml.ScalarNode && isText(v.Tag) {
		v.Tag = yaml.StringTag
	}
	for _, below := range slices.Concat(v.Keys, v.Vals) {
		texts(below)
	}
}
