// Package config reads config.yaml: profiles of settings, each named like the
// flag that it stands for. It also shows them with where they came from, checks
// whole files, makes the JSON Schema for editors, and changes single lines
// without disturbing the rest.
//
// There are up to two files, one over the other: the system's, which root writes
// for everybody on the machine, and the user's, or the one that the user named
// in its stead. Profiles of the same name are merged key by key, and a profile
// can extend another one. Only what is used must be right: what a newer version
// of sso-exec knows about another profile disturbs nobody.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// A Layer says whose a config file is. A higher one overrides a lower one.
type Layer int

// The layers. User and Named never meet: a file that is named replaces the
// user's.
const (
	System Layer = iota
	User
	Named
)

func (l Layer) String() string { return [...]string{"system", "user", "named"}[l] }

// Origin is where a value came from.
type Origin struct {
	Path    string
	Line    int    // 0: from no file; Path is what else it came from, in words
	Profile string // by whose entry: another one's than that in use, if it was extended
	Layer   Layer
}

func (o Origin) String() string {
	if o.Line == 0 {
		return o.Path
	}
	return fmt.Sprintf("%s:%d", o.Path, o.Line)
}

// Value is a setting as a file has it.
type Value struct {
	Values []string
	// Columns are what a mapping says of each of the values; nil: it is none.
	Columns map[string]map[string][]string
	Origin
}

// Paths are where the config files are; an empty one is none.
type Paths struct {
	System, User string
	Named        string // replaces User
}

// DefaultPaths returns where config files are looked for; named may be empty.
func DefaultPaths(named string) Paths {
	return Paths{System: SystemPath(), User: DefaultPath(), Named: named}
}

// Each returns the layers that exist, the lowest first, and their paths.
func (p Paths) Each() (layers []Layer, paths []string) {
	for layer, path := range []string{System: p.System, User: p.User, Named: p.Named} {
		if path != "" && (Layer(layer) != User || p.Named == "") {
			// Relative paths in a file start at its directory.
			if abs, err := filepath.Abs(path); err == nil {
				path = abs
			}
			layers, paths = append(layers, Layer(layer)), append(paths, path)
		}
	}
	return layers, paths
}

// Config is what is in force: the files that are there.
type Config struct {
	Files []*File // the lowest first
	paths []string
}

// Open reads the config files. One that is not there is passed over, unless it
// was named. Errors are the user's to fix, and name the file and the line; a
// file that others can write to is a *userfile.UnsafeError.
func (p Paths) Open() (*Config, error) {
	layers, paths := p.Each()
	c := &Config{paths: paths}
	for i, path := range paths {
		f, err := open(path, layers[i])
		if layers[i] != Named && IsAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.Files = append(c.Files, f)
	}
	return c, nil
}

func open(path string, layer Layer) (*File, error) {
	b, err := ReadFile(path, layer)
	if err != nil {
		return nil, err
	}
	f, findings := parse(path, layer, b)
	for _, x := range findings {
		if !x.harmless {
			return nil, x
		}
	}
	return f, nil
}

// ReadFile reads a config file of a layer, as Open does: a *userfile.UnsafeError
// says that others can write to it.
func ReadFile(path string, layer Layer) ([]byte, error) {
	if layer == System {
		return userfile.ReadSystem(path)
	}
	return userfile.ReadConfig(path)
}

// Default returns the profile that is used if none is named, and where that is
// said: the highest file that has the key default-profile wins, also if its
// value is null, which is not a profile.
func (c *Config) Default() (string, Origin) {
	for i := len(c.Files) - 1; i >= 0; i-- {
		if f := c.Files[i]; f.defaultLine > 0 {
			return f.DefaultProfile, Origin{Path: f.Path, Line: f.defaultLine, Layer: f.Layer}
		}
	}
	return "", Origin{}
}

// Names lists the profiles: the system's first, each once, as the files have
// them.
func (c *Config) Names() []string {
	var names []string
	seen := map[string]bool{}
	for _, f := range c.Files {
		for key := range f.entries() {
			if !seen[key.Value] {
				seen[key.Value] = true
				names = append(names, key.Value)
			}
		}
	}
	return names
}

// systemPath is where root's config file is, but on Windows. It is a variable so
// that a test's build can set another (-ldflags -X).
var systemPath = "/etc/sso-exec/config.yaml"

// SystemPath returns where the system's config file is, or nothing if that
// cannot be determined.
func SystemPath() string {
	path, err := userfile.SystemPath(systemPath)
	if err != nil {
		return ""
	}
	return path
}

// DefaultPath returns where the user's config file is, or nothing if that
// cannot be determined.
func DefaultPath() string {
	dir := userfile.ConfigDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "sso-exec", "config.yaml")
}

// IsAbsent reports whether reading failed because there is no file for this user:
// none at all, or a home that this user cannot even look into (sudo -u keeps
// HOME). A file that can be seen but not read is there.
func IsAbsent(err error) bool {
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrPermission) {
		_, err = os.Lstat(path.Path)
		return errors.Is(err, fs.ErrPermission)
	}
	return errors.Is(err, fs.ErrNotExist)
}
