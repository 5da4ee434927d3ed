package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file edits docker's config.json; every other byte stays as it is.

const section = "credHelpers"

// keyOf is how docker looks a registry up: Docker Hub by its old address.
func keyOf(host string) string {
	if host == "index.docker.io" {
		return "https://index.docker.io/v1/"
	}
	return host
}

// putHelpers has our helper answer for hosts.
func putHelpers(text []byte, names []string) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}")
	}
	for _, name := range names {
		key := keyOf(name)
		have, d, entry, err := read(text)
		switch other, _ := have[section].(map[string]any); {
		case err != nil:
			return nil, err
		case other[key] == helper:
			continue
		case other[key] != nil:
			return nil, fault.Hint(fmt.Errorf("%s has another helper for %s: %v", section, name, other[key]),
				"nothing was changed; remove it first, or name only the other registries, each by --host HOST")
		case len(have) == 0: // as docker writes it
			text = []byte("{\n\t\"credHelpers\": {\n\t\t" + quote(key) + ": " + quote(helper) + "\n\t}\n}\n")
			continue
		case len(other) == 0:
			text, err = d.SetValue(d.Root, section, yaml.Mapping{{key, helper}})
		default:
			text, err = d.SetScalar(entry.Val, key, helper)
		}
		if err != nil {
			return nil, err
		}
		all, ok := have[section].(map[string]any)
		if !ok {
			all = map[string]any{}
			have[section] = all
		}
		all[key] = helper
		if err := means(text, have); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// removeHelpers takes our helper out, for these hosts or for all, and the section if
// that is empty then.
func removeHelpers(text []byte, names []string) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return text, nil
	}
	var keys []string
	for _, name := range names {
		keys = append(keys, keyOf(name))
	}
	for {
		have, d, entry, err := read(text)
		if err != nil {
			return nil, err
		}
		all, _ := have[section].(map[string]any)
		key := ""
		for k, v := range all {
			if v == helper && (len(keys) == 0 || slices.Contains(keys, k)) {
				key = k
			}
		}
		switch {
		case key == "":
			return text, nil
		case len(all) == 1:
			delete(have, section)
			text, err = d.RemoveKey(d.Root, section)
		default:
			delete(all, key)
			text, err = d.RemoveKey(entry.Val, key)
		}
		if err != nil {
			return nil, err
		}
		if err := means(text, have); err != nil {
			return nil, err
		}
	}
}

// read parses the file; entry is that of the helpers, or nil.
func read(text []byte) (have map[string]any, d *yaml.Document, entry *yaml.Entry, err error) {
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		return nil, nil, nil, errors.New("it begins with a byte order mark (BOM), which docker cannot read")
	}
	if err := json.Unmarshal(text, &have); err != nil {
		return nil, nil, nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if d, err = yaml.Parse(text, yaml.Format{Values: 100_000}); err != nil {
		return nil, nil, nil, err
	}
	if d.Root == nil || have == nil {
		return nil, nil, nil, errors.New("not a JSON object")
	}
	for key := range have { // docker reads its keys in any case
		if key != section && strings.EqualFold(key, section) {
			return nil, nil, nil, fmt.Errorf("rename the key %q to %q", key, section)
		}
	}
	if err := yaml.Unique(d.Root, "docker's config"); err != nil {
		return nil, nil, nil, err
	}
	if entry, err = d.Lookup(d.Root, section); err != nil || entry == nil || have[section] == nil {
		return have, d, nil, err
	}
	if _, ok := have[section].(map[string]any); !ok {
		return nil, nil, nil, fmt.Errorf("%s is not an object", section)
	}
	return have, d, entry, yaml.Unique(entry.Val, section)
}

// means makes sure of what a changed text says.
func means(text []byte, want map[string]any) error {
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		return yaml.ErrByHand
	}
	return nil
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
