// Package terraform has the command that makes Terraform call sso-exec.
package terraform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/toml"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

const (
	name    = "sso-exec" // of the credentials helper
	program = "terraform-credentials-" + name
)

// terraformSetup is what setup terraform was asked for.
type terraformSetup struct {
	setup.Flags
	o *settings.Resolved

	file, command string
	named         bool // --command was given
}

// New makes the command that has Terraform call sso-exec.
func New() *cobra.Command {
	s := &terraformSetup{o: settings.For(settings.ToolTerraform)}
	cmd := &cobra.Command{
		Use:   "terraform",
		Short: "have Terraform get its tokens from sso-exec",
		Long: `Write a credentials helper into Terraform's CLI configuration, and put a link to
this program among its plugins, where Terraform looks for it. Not a byte of
anything else changes; the file as it was is kept as FILE.bak. Terraform takes
one helper: another one that is there is not replaced.

The hosts of --host that the profile does not name yet are added to its hosts.`,
		Example: `  sso-exec setup terraform --profile corp --host app.terraform.io
  sso-exec setup terraform --remove`,
		Args: command.NoArgs,
		PreRun: func(cmd *cobra.Command, _ []string) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { s.named = s.named || f.Name == "command" && f.Changed })
		},
	}
	f := cmd.Flags()
	f.Var(settings.Path.Var(&s.file), "terraform-config",
		"`file` to change (default: $TF_CLI_CONFIG_FILE, else .terraformrc in the home)")
	s.Add(f)
	f.Var(settings.Path.Var(&s.command), "command", "`path` of the program (default: where this one is)")
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

// put writes the helper and the link, and the hosts into the profile.
func (s *terraformSetup) put() error {
	if err := s.o.Check(); err != nil {
		return err
	}
	names, err := setup.Hosts(s.o)
	if err != nil {
		return err
	}
	profile := setup.UsesProfile(s.o, "issuer", "client-id")
	list, err := s.list(profile)
	if err != nil {
		return err
	}
	edit, err := s.edit(func(text []byte) ([]byte, error) { return put(text, list) })
	if err != nil {
		return fault.InUsage(err, append([]string{"nothing was changed; what terraform needs is:"},
			strings.Split(block(list), "\n")...)...)
	}
	target, err := s.program()
	if err != nil {
		return err
	}
	link, err := linkTo(target)
	if err != nil {
		return err
	}
	edits := []setup.Edit{link, edit}
	if profile {
		more, err := s.HostsEdit(s.o, names)
		if err != nil {
			return err
		}
		edits = append(edits, more...)
	}
	done, err := s.Apply(edits...)
	if done {
		fmt.Fprintln(talk.Out, "Try it: terraform init")
	}
	return err
}

// list is what Terraform is to hand the helper.
func (s *terraformSetup) list(profile bool) (string, error) {
	if profile { // whose hosts count
		delete(s.o.From, "host")
	}
	args, err := setup.Args(s.o, profile)
	if err != nil {
		return "", err
	}
	list := toml.Quote(args[1:]...) // the program's name stands for the first
	if strings.Contains(list, "${") {
		return "", fault.Usagef("terraform would read what is between ${ and } in %s", list)
	}
	return list, nil
}

// program is where the link leads.
func (s *terraformSetup) program() (string, error) {
	program, err := setup.ProgramOf(s.command, s.named)
	if err != nil || strings.ContainsAny(program, `/\`) {
		return program, err
	}
	if program, err = exec.LookPath(program); err != nil {
		return "", fault.Usagef("--command %w", err)
	}
	return filepath.Abs(program)
}

// undo takes out what setup put there. The hosts stay: they are the profile's.
func (s *terraformSetup) undo() error {
	edit, err := s.edit(without)
	if err != nil {
		return fault.Usagef("%w", err)
	}
	link, err := linkTo("")
	if err != nil {
		return err
	}
	_, err = s.Apply(edit, link)
	return err
}

// edit plans a change to Terraform's configuration.
func (s *terraformSetup) edit(change func([]byte) ([]byte, error)) (e setup.Edit, err error) {
	e = setup.Edit{Path: s.file, Show: setup.HideSecrets}
	if e.Path == "" {
		if e.Path, err = usual(); err != nil {
			return e, err
		}
	}
	if e.Old, err = userfile.ReadRegular(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Usagef("terraform's configuration: %w", err)
	}
	if e.New, err = change(e.Old); err != nil {
		return e, fmt.Errorf("terraform's configuration: %s: %w", e.Path, err)
	}
	was := append([]byte{}, e.Old...)
	e.Write = func() error {
		return userfile.WriteAtomic(e.Path, e.New, userfile.WriteOptions{Perm: 0o600, Backup: true, Was: was})
	}
	return e, nil
}

// dirs are where Terraform's file and its plugins are: in the home, or on Windows in
// %APPDATA%.
func dirs() (file, plugins string, err error) {
	if dir := os.Getenv("APPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "terraform.rc"), filepath.Join(dir, "terraform.d", "plugins"), nil
	}
	home, err := userfile.Home()
	if err != nil {
		return "", "", settings.NoHome("no configuration of Terraform", "set HOME")
	}
	return filepath.Join(home, ".terraformrc"), filepath.Join(home, ".terraform.d", "plugins"), nil
}

// usual is the file that Terraform reads (its "CLI Configuration File").
func usual() (string, error) {
	if file := os.Getenv("TF_CLI_CONFIG_FILE"); file != "" {
		return filepath.Abs(file)
	}
	file, _, err := dirs()
	return file, err
}

// linkTo plans the link among Terraform's plugins, or with no target takes it away.
// What is there and is no link stays.
func linkTo(target string) (e setup.Edit, err error) {
	_, plugins, err := dirs()
	if err != nil {
		return e, err
	}
	e.Path = filepath.Join(plugins, program)
	if runtime.GOOS == "windows" {
		e.Path += ".exe"
	}
	old, err := os.Readlink(e.Path)
	switch {
	case err == nil:
		e.Old = []byte("link to " + old + "\n")
	case errors.Is(err, fs.ErrNotExist):
	case target == "":
		return e, nil
	default:
		return e, fault.InUsage(fmt.Errorf("%s is there, and is no link of setup's", e.Path),
			"move it away, then run this again")
	}
	if target != "" {
		e.New = []byte("link to " + target + "\n")
	}
	e.Write = func() error {
		if now, err := os.Readlink(e.Path); now != old || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return userfile.ErrChanged
		}
		if target == "" {
			return os.Remove(e.Path)
		}
		if err := os.MkdirAll(plugins, 0o755); err != nil { //nolint:gosec // as Terraform makes it
			return err
		}
		made := fmt.Sprintf("%s.%d", e.Path, os.Getpid())
		if err := os.Symlink(target, made); err != nil {
			return err
		}
		if err := os.Rename(made, e.Path); err != nil {
			_ = os.Remove(made)
			return err
		}
		return nil
	}
	return e, nil
}
