// Package config reads config.yaml: profiles of settings, each named like the
// flag that it stands for.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// version is the format that is understood.
const version = "1"

var topKeys = []string{"version", "default-profile", "profiles"}

// File is a config file. Only what its top says has been checked; a profile is
// checked when it is used, so that what only a newer version of sso-exec knows
// breaks no other profile.
type File struct {
	Path           string
	DefaultProfile string
	profiles       *yaml.Node
}

// Value is a setting as the file has it.
type Value struct {
	Values []string
	Line   int
}

// DefaultPath returns where the user's config file is, or nothing if that
// cannot be told. A relative XDG_CONFIG_HOME is passed over, as the XDG Base
// Directory Specification says.
func DefaultPath() string {
	if runtime.GOOS == "windows" {
		if dir := os.Getenv("AppData"); dir != "" {
			return filepath.Join(dir, "sso-exec", "config.yaml")
		}
		return ""
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "sso-exec", "config.yaml")
}

// Load reads a config file. Errors are the user's to mend and name the line.
func Load(path string) (*File, error) {
	b, err := userfile.ReadConfig(path)
	if err != nil {
		return nil, err
	}
	return parse(path, b)
}

func parse(path string, b []byte) (*File, error) {
	f := &File{Path: path}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if doc.Kind == 0 {
		return f, nil // empty
	}
	top, err := f.mapping(doc.Content[0], "the file")
	if err != nil {
		return nil, err
	}
	for _, key := range keys(top) {
		// A key that is not known may be a newer version's; one that looks like a
		// slip is an error.
		if near := Nearest(key, topKeys); !slices.Contains(topKeys, key) && near != "" {
			return nil, f.errorf(top[key], "unknown key %q (did you mean %q?)", key, near)
		}
	}
	v, ok := top["version"]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: it must begin with: version: %s", path, version)
	case v.Value != version:
		return nil, f.errorf(v, "version %q is not known; this sso-exec reads version %s", v.Value, version)
	}
	if n := top["default-profile"]; n != nil {
		if n.Kind != yaml.ScalarNode {
			return nil, f.errorf(n, "default-profile must be the name of a profile")
		}
		f.DefaultProfile = n.Value
	}
	f.profiles = top["profiles"]
	return f, nil
}

// Profile returns the settings of a profile. Those of a section below it are
// named "section.key". known lists every setting that there is.
func (f *File) Profile(name string, known []string) (map[string]Value, error) {
	if f.profiles == nil {
		return nil, fmt.Errorf("%s has no profiles", f.Path)
	}
	all, err := f.mapping(f.profiles, "profiles")
	if err != nil {
		return nil, err
	}
	node, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("%s has no profile %q%s", f.Path, name, suggest(name, keys(all)))
	}
	settings := map[string]Value{}
	if node.Tag == "!!null" {
		return settings, nil // an empty profile
	}
	return settings, f.collect(node, "profile "+name, "", known, settings)
}

// collect reads one mapping of settings into out.
func (f *File) collect(node *yaml.Node, what, prefix string, known []string, out map[string]Value) error {
	entries, err := f.mapping(node, what)
	if err != nil {
		return err
	}
	for _, key := range keys(entries) {
		n, name := entries[key], prefix+key
		if n.Kind == yaml.MappingNode && slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, name+".") }) {
			if err := f.collect(n, what+", "+name, name+".", known, out); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(known, name) {
			near := suggest(name, known)
			if i := slices.IndexFunc(known, func(k string) bool { return strings.HasSuffix(k, "."+name) }); i >= 0 {
				section, _, _ := strings.Cut(known[i], ".")
				near = fmt.Sprintf(" (it belongs in the section %q)", section)
			}
			return f.errorf(n, "%s: unknown key %q%s", what, key, near)
		}
		values, err := f.scalars(n, what, key)
		if err != nil {
			return err
		}
		out[name] = Value{values, n.Line}
	}
	return nil
}

// scalars reads a value or a list of values.
func (f *File) scalars(n *yaml.Node, what, key string) ([]string, error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var values []string
	for _, item := range items {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, f.errorf(item, "%s: %s must be a value or a list of values", what, key)
		}
		values = append(values, item.Value)
	}
	return values, nil
}

// mapping returns a mapping's entries; a repeated key is an error.
func (f *File) mapping(n *yaml.Node, what string) (map[string]*yaml.Node, error) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil, f.errorf(n, "%s must be a mapping of keys to values", what)
	}
	entries := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if _, twice := entries[key.Value]; twice {
			return nil, f.errorf(key, "%s: key %q is there twice", what, key.Value)
		}
		value := resolve(n.Content[i+1])
		entries[key.Value] = &yaml.Node{Kind: value.Kind, Tag: value.Tag, Value: value.Value, Content: value.Content, Line: key.Line}
	}
	return entries, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (f *File) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", f.Path, n.Line, fmt.Sprintf(format, args...))
}

// IsAbsent reports whether Load failed since there is no file for this user:
// none at all, or a home that this user cannot even look into (sudo -u keeps
// HOME). A file that can be seen but not read is there.
func IsAbsent(err error) bool {
	var path *fs.PathError
	if errors.As(err, &path) && errors.Is(err, fs.ErrPermission) {
		_, err = os.Lstat(path.Path)
		return errors.Is(err, fs.ErrPermission)
	}
	return errors.Is(err, fs.ErrNotExist)
}

func keys(m map[string]*yaml.Node) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// suggest names the nearest of the known words, if one is near.
func suggest(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Nearest returns the known word that takes the fewest single-character edits
// to reach, if those are few; else nothing.
func Nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
