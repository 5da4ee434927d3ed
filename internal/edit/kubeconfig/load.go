package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// Config is what kubectl sees of its files, as far as it is needed here.
type Config struct {
	CurrentContext string
	Contexts       []Context
	Clusters       []Cluster
	Users          []User
	files          Files
}

// Cluster is an API server.
type Cluster struct {
	Name, Server string
	CAData       string // base64 of PEM; goes before CAFile
	CAFile       string // from its file's directory on, if it is relative
	File         string // where it stands
}

// Load reads files as kubectl does: the first that has a name decides what it
// means, and the first that names a current context which it is. Files that are
// not there are passed over.
func Load(files Files) (*Config, error) {
	c := &Config{files: files}
	for _, path := range files {
		text, err := Read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		c.merge(path, d.Tree)
	}
	return c, nil
}

func (c *Config) merge(path string, root *yaml.Value) {
	if c.CurrentContext == "" {
		c.CurrentContext = root.Str("current-context")
	}
	for _, item := range root.Items("contexts") {
		if _, ok := c.Context(item.Str("name")); !ok {
			ctx := contextOf(item)
			ctx.File = path
			c.Contexts = append(c.Contexts, ctx)
		}
	}
	for _, item := range root.Items("users") {
		if _, ok := c.User(item.Str("name")); !ok {
			u := userOf(item)
			u.File = path
			c.Users = append(c.Users, u)
		}
	}
	for _, item := range root.Items("clusters") {
		if _, ok := c.Cluster(item.Str("name")); !ok {
			v := item.Get("cluster")
			cl := Cluster{Name: item.Str("name"), Server: v.Str("server"), CAData: v.Str("certificate-authority-data"),
				CAFile: v.Str("certificate-authority"), File: path}
			if cl.CAFile != "" && !filepath.IsAbs(cl.CAFile) {
				cl.CAFile = filepath.Join(filepath.Dir(path), cl.CAFile)
			}
			c.Clusters = append(c.Clusters, cl)
		}
	}
}

// Context returns a context by its name.
func (c *Config) Context(name string) (Context, bool) {
	return find(c.Contexts, func(x Context) bool { return x.Name == name })
}

// Cluster returns a cluster by its name.
func (c *Config) Cluster(name string) (Cluster, bool) {
	return find(c.Clusters, func(x Cluster) bool { return x.Name == name })
}

// User returns a user by its name.
func (c *Config) User(name string) (User, bool) {
	return find(c.Users, func(x User) bool { return x.Name == name })
}

func find[T any](all []T, is func(T) bool) (found T, ok bool) {
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return found, false
	}
	return all[i], true
}

// UserFile returns the file that a user is to be written into: that in which it
// stands, or [Files.Default].
func (c *Config) UserFile(name string) string {
	if u, ok := c.User(name); ok {
		return u.File
	}
	return c.files.Default()
}

// ContextFile is UserFile for a context.
func (c *Config) ContextFile(name string) string {
	if ctx, ok := c.Context(name); ok {
		return ctx.File
	}
	return c.files.Default()
}
