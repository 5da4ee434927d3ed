// Package terraform has the command that makes Terraform call sso-exec.
package terraform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/toml"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

const (
	name    = "sso-exec" // of the credentials helper
	program = "terraform-credentials-" + name
	what    = "terraform's configuration"
)

// New makes the command that has Terraform call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolTerraform, Short: "have Terraform get its tokens from sso-exec",
		Long: `Write a credentials helper into Terraform's CLI configuration, and put a link to
this program among its plugins, where Terraform looks for it. Not a byte of
anything else changes; the file as it was is kept as FILE.bak. Terraform takes
one helper: another one that is there is not replaced.

The hosts of --host that the profile does not name yet are added to its hosts.`,
		Example: `  sso-exec setup terraform --profile corp --host app.terraform.io
  sso-exec setup terraform --remove`,
		File:    "(default: $TF_CLI_CONFIG_FILE, else .terraformrc in the home)",
		Command: "where this one is",
		Usual:   usual, Put: plan, Undo: undo,
	}).New()
}

// plan writes the helper and the link.
func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	list := toml.Quote(args[1:]...) // the program's name stands for the first
	if strings.Contains(list, "${") {
		return nil, nil, fault.Usagef("terraform would read what is between ${ and } in %s", list)
	}
	edit, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) {
		text, err := put(text, list)
		if err != nil {
			err = fault.InUsage(err, append([]string{"nothing was changed; what terraform needs is:"},
				strings.Split(block(list), "\n")...)...)
		}
		return text, err
	})
	if err != nil {
		return nil, nil, err
	}
	if !strings.ContainsAny(program, `/\`) {
		if program, err = exec.LookPath(program); err != nil {
			return nil, nil, fault.Usagef("--command %w", err)
		}
		if program, err = filepath.Abs(program); err != nil {
			return nil, nil, err
		}
	}
	link, err := linkTo(program)
	return []setup.Edit{link, edit}, func() { fmt.Fprintln(talk.Out, "Try it: terraform init") }, err
}

// undo takes out what setup put there. The hosts stay: they are the profile's.
func undo(r *setup.Run) ([]setup.Edit, error) {
	edit, err := r.Edit(what, r.File, setup.HideSecrets, without)
	if err != nil {
		return nil, err
	}
	link, err := linkTo("")
	return []setup.Edit{edit, link}, err
}

// dirs are where Terraform's file and its plugins are: in the home, or on Windows in
// %APPDATA%.
func dirs() (file, plugins string, err error) {
	if dir := userfile.AppData(); dir != "" {
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
	e.Path = filepath.Join(plugins, program+commandline.Exe)
	old, err := os.Readlink(e.Path)
	switch {
	case err == nil:
		e.Old = []byte("link to " + old + "\n")
	case errors.Is(err, fs.ErrNotExist):
	case target == "":
		return e, nil
	default:
		return e, fault.InUsage(fmt.Errorf("%s exists, and is not a link made by setup", e.Path),
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
