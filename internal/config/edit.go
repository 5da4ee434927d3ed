package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// ErrByHand says that a file is written in a way that an edit of single lines
// would damage. Nothing was changed.
var ErrByHand = errors.New("edit it by hand")

// KV is a key, "section.key" in a section, with its values.
type KV struct {
	Key    string
	Values []string
}

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
	return edit(text, func(t *document, want *tree) error {
		if want.get("profiles", profile) == nil {
			if err := t.addProfile(profile); err != nil {
				return err
			}
		}
		want.child("profiles").child(profile).set(key, values)
		return t.setKey(profile, key, values)
	})
}

// RemoveKey takes a key out of a profile, and its section if that is empty then;
// where there is no such key nothing changes.
func RemoveKey(text []byte, profile, key string) ([]byte, error) {
	return edit(text, func(t *document, want *tree) error {
		path := append([]string{"profiles", profile}, strings.Split(key, ".")...)
		if want.get(path...) == nil {
			return nil
		}
		want.get(path[:len(path)-1]...).remove(path[len(path)-1])
		if len(path) == 4 && len(want.get(path[:3]...).pairs) == 0 {
			path = path[:3]
			want.get("profiles", profile).remove(path[2])
		}
		return t.remove(path...)
	})
}

// AddProfile adds a profile, at the end, with settings in this order. It is an
// error if there is one of that name.
func AddProfile(text []byte, name string, settings []KV, makeDefault bool) ([]byte, error) {
	return edit(text, func(t *document, want *tree) error {
		if want.get("profiles", name) != nil {
			return fmt.Errorf("there is a profile %q already", name)
		}
		if err := t.addProfile(name); err != nil {
			return err
		}
		profile := want.child("profiles").child(name)
		for _, s := range settings {
			profile.set(s.Key, s.Values)
			if err := t.setKey(name, s.Key, s.Values); err != nil {
				return err
			}
		}
		if !makeDefault {
			return nil
		}
		want.set("default-profile", []string{name})
		return t.setDefault(name)
	})
}

// RemoveProfile takes a profile out, and default-profile with it if it names
// that profile. It is an error if another one extends it, or if there is none.
func RemoveProfile(text []byte, name string) ([]byte, error) {
	return edit(text, func(t *document, want *tree) error {
		if want.get("profiles", name) == nil {
			return fmt.Errorf("there is no profile %q", name)
		}
		for _, p := range want.get("profiles").pairs {
			if e := p.value.get(extendsKey); p.key != name && e != nil && e.value == name {
				return fmt.Errorf("profile %q extends %q; change that first", p.key, name)
			}
		}
		if def := want.get("default-profile"); def != nil && def.value == name {
			want.remove("default-profile")
			if err := t.remove("default-profile"); err != nil {
				return err
			}
		}
		want.get("profiles").remove(name)
		return t.remove("profiles", name)
	})
}

// SetDefault makes a profile the one that is used if none is named.
func SetDefault(text []byte, name string) ([]byte, error) {
	return edit(text, func(t *document, want *tree) error {
		want.set("default-profile", []string{name})
		return t.setDefault(name)
	})
}

// edit makes a change twice: to the text, and to what it means. The new text is
// returned only if it means just that.
func edit(text []byte, change func(t *document, want *tree) error) ([]byte, error) {
	t, err := newDocument(text)
	if err != nil {
		return nil, err
	}
	want, err := treeOf(t.top)
	if err != nil {
		return nil, err
	}
	if err := change(t, want); err != nil {
		return nil, err
	}
	got, err := treeOf(t.top)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(got.plain(), want.plain()) {
		return nil, fmt.Errorf("the change would touch more than was meant: %w", ErrByHand)
	}
	return t.bytes(), nil
}
