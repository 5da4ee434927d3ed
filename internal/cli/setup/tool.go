package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Tool is the setup command of a tool that asks by host: what is its own is its texts
// and its plan.
type Tool struct {
	Name, Short, Long, Example string

	Of   string // the tool whose settings it has
	File string // the default of --NAME-config, for its help
	// Command is the default of --command, for its help; empty: [HereOrOnPath].
	Command string

	Usual   func() (string, error) // the file where --NAME-config is not given; may be nil
	NoHosts bool                   // it does not ask by host
	NoFlags bool                   // the tool runs its helper without flags: all is in the profile, and no --command
	More    func(*cobra.Command)   // gives the command further flags; may be nil

	// Put plans what is written, and returns what is said when that is done; Undo plans
	// what is taken out, of the hosts in Run.Hosts or of all.
	Put  func(*Run) (edits []Edit, then func(), err error)
	Undo func(*Run) ([]Edit, error)
}

// HereOrOnPath is the usual default of --command.
const HereOrOnPath = "sso-exec if PATH leads to this one, else where this one is"

// Run is one run of a tool's setup.
type Run struct {
	Flags
	O       *settings.Resolved
	File    string   // of --NAME-config, or the usual one
	Hosts   []string // the hosts it is for; under --remove those of --host
	Profile bool     // the profile is named in what is written

	command string
	named   bool // --command was given
}

// New makes the command.
func (t *Tool) New() *cobra.Command {
	r := &Run{O: settings.For(cmp.Or(t.Of, t.Name))}
	cmd := &cobra.Command{Use: t.Name, Short: t.Short, Long: t.Long, Example: t.Example, Args: command.NoArgs}
	f := cmd.Flags()
	if t.More != nil {
		t.More(cmd)
	}
	f.Var(settings.Path.Var(&r.File), t.Name+"-config", "`file` to change "+t.File)
	r.Add(f)
	if !t.NoFlags {
		f.Var(settings.Path.Var(&r.command), "command",
			"`path` of the program (default: "+cmp.Or(t.Command, HereOrOnPath)+")")
	}
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { r.named = r.named || f.Name == "command" && f.Changed })
	}
	cmd = command.WithSettings(r.O, cmd, func(context.Context, []string) error {
		return r.plan(t, func() error { return r.put(t) })
	})
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !r.Remove {
			return run(cmd, args)
		}
		return command.Failed(r.O, r.plan(t, func() error { // whatever the config of sso-exec says
			r.Hosts = r.O.Target.Hosts
			edits, err := t.Undo(r)
			if err == nil {
				_, err = r.Apply(edits...)
			}
			return err
		}))
	}
	return cmd
}

// plan names the file, and has the change planned and made.
func (r *Run) plan(t *Tool, once func() error) (err error) {
	if r.File == "" && t.Usual != nil {
		if r.File, err = t.Usual(); err != nil {
			return err
		}
	}
	return r.Plan(once)
}

// put makes what the tool plans, and adds the hosts to the profile.
func (r *Run) put(t *Tool) (err error) {
	if err := r.O.Check(); err != nil {
		return err
	}
	r.Profile = UsesProfile(r.O, "issuer", "client-id")
	if t.NoFlags {
		if err := r.noFlags(t.Name); err != nil {
			return err
		}
	}
	if r.Hosts, err = Hosts(r.O); err != nil && !t.NoHosts {
		return err
	}
	edits, then, err := t.Put(r)
	if err != nil {
		return err
	}
	if r.Profile && !t.NoHosts {
		more, err := r.HostsEdit(r.O, r.Hosts)
		if err != nil {
			return err
		}
		edits = append(edits, more...)
	}
	done, err := r.Apply(edits...)
	if done {
		then()
	}
	return err
}

// noFlags refuses what a tool that runs its helper without flags would not hand on.
func (r *Run) noFlags(tool string) error {
	if !r.Profile {
		return fault.InUsage(fmt.Errorf("%s runs its helper without flags, so they must be in a profile", tool),
			"sso-exec setup provider makes one; then give --profile NAME")
	}
	for _, row := range settings.Rows(r.O.Tool) {
		if r.O.From.Typed(row.Name) && row.Name != "host" && row.Name != "profile" {
			return fault.InUsage(fmt.Errorf("%s runs its helper without flags: --%s has no effect there", tool, row.Name),
				"write it into the profile "+r.O.Source.Profile)
		}
	}
	return nil
}

// Program is what is run, with the words behind it.
func (r *Run) Program() (program string, args []string, err error) {
	if program, err = ProgramOf(r.command, r.named); err != nil {
		return "", nil, err
	}
	if r.Profile { // whose hosts count
		delete(r.O.From, "host")
	}
	args, err = Args(r.O, r.Profile)
	return program, args, err
}

// Edit plans a change to a file, which errors call what.
func (r *Run) Edit(what, path string, show, change func([]byte) ([]byte, error)) (e Edit, err error) {
	e = Edit{Path: path, Show: show}
	if e.Old, err = userfile.ReadRegular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Usagef("%s: %w", what, err)
	}
	if e.New, err = change(e.Old); err != nil {
		return e, fault.InUsage(fmt.Errorf("%s: %s: %w", what, path, err))
	}
	e.WriteFile()
	return e, nil
}

// WriteFile has the change made by replacing the file, with a backup.
func (e *Edit) WriteFile() {
	path, text, was := e.Path, e.New, append([]byte{}, e.Old...)
	e.Write = func() error {
		return userfile.WriteAtomic(path, text, userfile.WriteOptions{Perm: 0o600, Backup: true, Was: was})
	}
}

// InHome returns a file in the directory that a variable names (if any), else in one of the home.
func InHome(variable, dir, file, what, hint string) (string, error) {
	if own := os.Getenv(variable); own != "" {
		return filepath.Abs(filepath.Join(own, file))
	}
	home, err := userfile.Home()
	if err != nil {
		return "", settings.NoHome(what, hint)
	}
	return filepath.Join(home, dir, file), nil
}
