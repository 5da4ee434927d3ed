// Package kubeconfig edits kubeconfig files without disturbing what it does not
// change: comments, order, quoting, line ends and indentation stay as they are,
// in block style, in flow style and in JSON. kubectl itself would lose them.
//
// [SetUser], [SetContext], [SetCurrentContext], [RemoveUser] and [RemoveContext]
// take a file's text and return the new one. Each result is parsed again and
// compared with the old text: an edit that would change anything but what was
// asked for is an error, and never a broken file. [Find] and [Load] read files
// by kubectl's rules, and [Update] writes one under kubectl's own lock.
package kubeconfig

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// Exec is the stanza of an exec credential plugin (ExecConfig of client-go).
type Exec struct {
	APIVersion         string
	Command            string
	Args               []string
	Env                []EnvVar
	InteractiveMode    string // Never, IfAvailable or Always; v1 wants one
	InstallHint        string
	ProvideClusterInfo bool
}

// EnvVar is a variable that the plugin gets next to those of its caller.
type EnvVar struct{ Name, Value string }

// Context joins a cluster and a user.
type Context struct {
	Name, Cluster, User, Namespace string
	Extras                         bool   // it has more than these, such as extensions
	File                           string // where it stands, if it was loaded from a file
}

// User is an entry of users, without its secrets.
type User struct {
	Name   string
	Kind   string // its credentials in words, such as "a token"; empty if it has none
	Exec   *Exec  // its exec stanza, if it has one
	Extras bool   // it has further credentials than that stanza or that auth provider
	File   string // where it stands, if it was loaded from a file

	AuthProvider *AuthProvider // its auth provider, if it has one
}

// AuthProvider is what client-go had before exec plugins, without its secrets.
type AuthProvider struct {
	Name   string
	Config map[string]string
	Secret bool // it has a client secret
}

// ExistsError says that a user entry holds other credentials, and that it was
// not asked to be replaced. User tells what is there.
type ExistsError struct{ User User }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("user %q has other credentials: %s", e.User.Name, e.User.Kind)
}

// NotOursError says that an entry was not removed, since it is not as it was
// written.
type NotOursError struct{ What, Name, Why string }

func (e *NotOursError) Error() string {
	return fmt.Sprintf("%s %q is kept: %s", e.What, e.Name, e.Why)
}

// check refuses what no kubeconfig can hold or client-go would refuse.
func (e Exec) check() error {
	words := []string{e.APIVersion, e.Command, e.InteractiveMode, e.InstallHint}
	words = append(words, e.Args...)
	for _, v := range e.Env {
		words = append(words, v.Name, v.Value)
		if v.Name == "" || strings.Contains(v.Name, "=") {
			return fmt.Errorf("%q cannot be the name of a variable", v.Name)
		}
	}
	for _, w := range words {
		if !utf8.ValidString(w) || strings.ContainsRune(w, 0) {
			return fmt.Errorf("%q is not text", w)
		}
	}
	switch {
	case e.Command == "":
		return errors.New("an exec stanza needs a command")
	case e.APIVersion == "":
		return errors.New("an exec stanza needs an apiVersion")
	}
	return nil
}

func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a %s needs a name", what)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("%q cannot be the name of a %s", name, what)
	}
	return nil
}

// mapping returns the value of an entry's key user.
func (e Exec) mapping() yaml.Mapping {
	m := yaml.Mapping{{"apiVersion", e.APIVersion}, {"command", e.Command}}
	if len(e.Args) > 0 {
		var args yaml.List
		for _, a := range e.Args {
			args = append(args, a)
		}
		m = append(m, yaml.Pair{"args", args})
	}
	if len(e.Env) > 0 {
		var env yaml.List
		for _, v := range e.Env {
			env = append(env, yaml.Mapping{{"name", v.Name}, {"value", v.Value}})
		}
		m = append(m, yaml.Pair{"env", env})
	}
	if e.InstallHint != "" {
		m = append(m, yaml.Pair{"installHint", e.InstallHint})
	}
	if e.InteractiveMode != "" {
		m = append(m, yaml.Pair{"interactiveMode", e.InteractiveMode})
	}
	// Written out even where it is false: kubectl does, and the stanza's last line
	// is never the hint, whose final line break the end of a file could take away.
	m = append(m, yaml.Pair{"provideClusterInfo", e.ProvideClusterInfo})
	return yaml.Mapping{{"exec", m}}
}
