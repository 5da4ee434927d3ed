// Package cargo has the command that makes cargo call sso-exec.
package cargo

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/toml"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

const (
	provider = "credential-provider"
	what     = "cargo's config"
)

// New makes the command that has cargo call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolCargo, Short: "have cargo get its tokens from sso-exec",
		Long: `Write a credential provider into cargo's config.toml, for each registry there
whose index is on a host of the profile, or on one of --host. Other registries,
crates.io among them, stay as they are. Not a byte of anything else changes; the
file as it was is kept as FILE.bak. Another provider that is there is not
replaced.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup cargo --profile corp --host cargo.example.com
  sso-exec setup cargo --remove`,
		File:  "(default: config.toml in $CARGO_HOME, else in ~/.cargo)",
		Usual: usual, Put: plan,
		Undo: func(r *setup.Run) ([]setup.Edit, error) {
			e, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) { return undo(text, r.Hosts) })
			return []setup.Edit{e}, err
		},
	}).New()
}

// plan writes the provider for each registry. cargo hands the words behind the program
// on by its request.
func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	value := toml.Quote(append([]string{program}, args...)...)
	var registry string
	var unread error
	edit, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) (edited []byte, err error) {
		edited, registry, unread, err = put(text, r.Hosts, value)
		return edited, byHand(r.Hosts, value, err)
	})
	if err != nil {
		return nil, nil, err
	}
	if unread != nil {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n", talk.OneLine(edit.Path+": "+unread.Error()))
	}
	return []setup.Edit{edit}, func() { fmt.Fprintf(talk.Out, "Try it: cargo search --registry %s NAME\n", registry) }, nil
}

// put has each registry whose index is on one of the hosts call the provider; one of
// them is returned too, and which line may have another, in a form that is not read.
func put(text []byte, names []string, value string) (edited []byte, registry string, unread, err error) {
	list, err := hosts.ParseList(names)
	if err != nil {
		return nil, "", nil, err
	}
	d, err := toml.Parse(text)
	if err != nil {
		return nil, "", nil, fault.InUsage(err, "nothing was changed; fix it, then run this again")
	}
	edited = text
	for _, e := range d.Entries {
		path := e.Path()
		if path[0] != "registries" || len(path) == 3 && path[2] != "index" || len(path) > 3 {
			continue
		}
		index, ok := e.Strings()
		if len(path) < 3 || !ok || len(index) != 1 {
			unread = fmt.Errorf("line %d: the index of %s is not read: it must be a string of one line, below [registries.NAME]",
				d.Line(&e), toml.Name(path[:min(2, len(path))]))
			continue
		}
		host, ok := hosts.OfURL(strings.TrimPrefix(index[0], "sparse+"))
		if !ok || list.Find(host) < 0 {
			continue
		}
		if len(e.Table) != 2 {
			return nil, "", nil, fmt.Errorf("the registry %s has no table of its own", path[1])
		}
		for _, other := range d.Entries {
			if slices.Equal(other.Path(), []string{path[0], path[1], provider}) && !isOurs(&other) {
				return nil, "", nil, fmt.Errorf("line %d: the registry %s has another %s; take it out first",
					d.Line(&other), path[1], provider)
			}
		}
		now, err := toml.Parse(edited)
		if err != nil {
			return nil, "", nil, err
		}
		if edited, err = now.Set(e.Table, provider, value); err != nil {
			return nil, "", nil, err
		}
		registry = path[1]
	}
	switch {
	case registry != "":
		return edited, registry, unread, nil
	case unread != nil:
		return nil, "", nil, unread
	}
	return nil, "", nil, errors.New("no registry there has its index on " + strings.Join(names, ", "))
}

// byHand says what is to be written where setup cannot.
func byHand(names []string, value string, err error) error {
	if err == nil || fault.KindOf(err) == fault.Usage {
		return err
	}
	name := strings.Replace(names[0], "*", "NAME", 1)
	return fault.InUsage(err, "it needs this, then run this again; nothing was changed:",
		"[registries.NAME]", fmt.Sprintf("index = \"sparse+https://%s/PATH/\"", name), provider+" = "+value)
}

// undo takes out what setup put there, for the hosts that are given, or for all.
func undo(text []byte, names []string) ([]byte, error) {
	list, err := hosts.ParseList(names)
	if err != nil {
		return nil, fmt.Errorf("--host %w", err)
	}
	d, err := toml.Parse(text)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{} // registries on other hosts
	for _, e := range d.Entries {
		if path := e.Path(); len(names) > 0 && len(path) == 3 && path[2] == "index" {
			index, _ := e.Strings()
			h, _ := hosts.OfURL(strings.TrimPrefix(strings.Join(index, ""), "sparse+"))
			kept[path[1]] = list.Find(h) < 0
		}
	}
	for _, e := range slices.Backward(d.Entries) {
		path := e.Path()
		if len(path) != 3 || path[0] != "registries" || path[2] != provider || kept[path[1]] {
			continue
		}
		if isOurs(&e) {
			text = d.Remove(&e)
			if d, err = toml.Parse(text); err != nil {
				return nil, err
			}
		}
	}
	return text, nil
}

// isOurs reports whether a provider is sso-exec.
func isOurs(e *toml.Entry) bool {
	words, _ := e.Strings()
	if len(words) == 1 && e.Value[0] != '[' { // cargo splits it
		words = strings.Fields(words[0])
	}
	if len(words) == 0 {
		return false
	}
	name := strings.TrimSuffix(words[0][strings.LastIndexAny(words[0], `/\`)+1:], ".exe")
	return name == "cargo-credential-sso-exec" || name == "sso-exec" && len(words) > 1 && words[1] == settings.ToolCargo
}

// usual is the file that cargo reads for its user: config where there is one, which is
// what it was called once, else config.toml (The Cargo Book, "Configuration").
func usual() (string, error) {
	file, err := setup.InHome("CARGO_HOME", ".cargo", "config", "no config of cargo", "give --cargo-config FILE")
	if _, missing := os.Stat(file); missing != nil && err == nil {
		file += ".toml"
	}
	return file, err
}
