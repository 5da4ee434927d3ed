// Package cargo has the command that makes cargo call sso-exec.
package cargo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/toml"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

const provider = "credential-provider"

// cargoSetup is what setup cargo was asked for.
type cargoSetup struct {
	setup.Flags
	o *settings.Resolved

	file, command string
	named         bool // --command was given
}

// New makes the command that has cargo call sso-exec.
func New() *cobra.Command {
	s := &cargoSetup{o: settings.For(settings.ToolCargo)}
	cmd := &cobra.Command{
		Use:   "cargo",
		Short: "have cargo get its tokens from sso-exec",
		Long: `Write a credential provider into cargo's config.toml, for each registry there
whose index is on a host of the profile, or on one of --host. Other registries,
crates.io among them, stay as they are. Not a byte of anything else changes; the
file as it was is kept as FILE.bak. Another provider that is there is not
replaced.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup cargo --profile corp --host cargo.example.com
  sso-exec setup cargo --remove`,
		Args: command.NoArgs,
		PreRun: func(cmd *cobra.Command, _ []string) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { s.named = s.named || f.Name == "command" && f.Changed })
		},
	}
	f := cmd.Flags()
	f.Var(settings.Path.Var(&s.file), "cargo-config",
		"`file` to change (default: config.toml in $CARGO_HOME, else in ~/.cargo)")
	s.Add(f)
	f.Var(settings.Path.Var(&s.command), "command",
		"`path` of the program (default: sso-exec if PATH leads to this one, else where this one is)")
	cmd = command.WithSettings(s.o, cmd, func(context.Context, []string) error { return s.Plan(s.put) })
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !s.Remove {
			return run(cmd, args)
		}
		return command.Failed(s.o, s.Plan(s.undo)) // whatever the config of sso-exec says
	}
	return cmd
}

// put writes the provider for each registry, and the hosts into the profile.
func (s *cargoSetup) put() error {
	if err := s.o.Check(); err != nil {
		return err
	}
	names, err := setup.Hosts(s.o)
	if err != nil {
		return err
	}
	profile := setup.UsesProfile(s.o, "issuer", "client-id")
	value, err := s.value(profile)
	if err != nil {
		return err
	}
	var registry string
	var unread error
	edit, err := s.edit(func(text []byte) (edited []byte, err error) {
		edited, registry, unread, err = put(text, names, value)
		return edited, err
	})
	if err != nil {
		return byHand(edit.Path, names, value, err)
	}
	if unread != nil {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n", talk.OneLine(edit.Path+": "+unread.Error()))
	}
	edits := []setup.Edit{edit}
	if profile {
		more, err := s.HostsEdit(s.o, names)
		if err != nil {
			return err
		}
		edits = append(edits, more...)
	}
	done, err := s.Apply(edits...)
	if done {
		fmt.Fprintf(talk.Out, "Try it: cargo search --registry %s NAME\n", registry)
	}
	return err
}

// value is what cargo runs. It hands the words behind the program on by its request.
func (s *cargoSetup) value(profile bool) (string, error) {
	program, err := setup.ProgramOf(s.command, s.named)
	if err != nil {
		return "", err
	}
	if profile { // whose hosts count
		delete(s.o.From, "host")
	}
	args, err := setup.Args(s.o, profile)
	return toml.Quote(append([]string{program}, args...)...), err
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

func byHand(file string, names []string, value string, err error) error {
	if fault.KindOf(err) == fault.Usage {
		return fmt.Errorf("cargo's config: %s: %w", file, err)
	}
	name := strings.Replace(names[0], "*", "NAME", 1)
	return fault.InUsage(fmt.Errorf("cargo's config: %s: %w", file, err),
		"it needs this, then run this again; nothing was changed:",
		"[registries.NAME]", fmt.Sprintf("index = \"sparse+https://%s/PATH/\"", name), provider+" = "+value)
}

// undo takes out of cargo's config what setup put there, for the hosts that are given,
// or for all.
func (s *cargoSetup) undo() error {
	edit, err := s.edit(func(text []byte) ([]byte, error) { return undo(text, s.o.Target.Hosts) })
	if err != nil {
		return fault.Usagef("cargo's config: %s: %w", edit.Path, err)
	}
	_, err = s.Apply(edit)
	return err
}

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

// edit plans a change to cargo's config.
func (s *cargoSetup) edit(change func([]byte) ([]byte, error)) (e setup.Edit, err error) {
	e = setup.Edit{Path: s.file, Show: setup.HideSecrets}
	if e.Path == "" {
		if e.Path, err = usual(); err != nil {
			return e, err
		}
	}
	if e.Old, err = userfile.ReadRegular(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Usagef("%w", err)
	}
	if e.New, err = change(e.Old); err != nil {
		return e, err
	}
	was := append([]byte{}, e.Old...)
	e.Write = func() error {
		return userfile.WriteAtomic(e.Path, e.New, userfile.WriteOptions{Perm: 0o600, Backup: true, Was: was})
	}
	return e, nil
}

// usual is the file that cargo reads for its user: config where there is one, which is
// what it was called once, else config.toml (The Cargo Book, "Configuration").
func usual() (string, error) {
	dir := os.Getenv("CARGO_HOME")
	if dir == "" {
		home, err := userfile.Home()
		if err != nil {
			return "", settings.NoHome("no config of cargo", "give --cargo-config FILE")
		}
		dir = filepath.Join(home, ".cargo")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "config")); err == nil {
		return filepath.Join(dir, "config"), nil
	}
	return filepath.Join(dir, "config.toml"), nil
}
