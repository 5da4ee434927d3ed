package configure

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// starter is what a config file in a directory begins with.
func starter(dir string) []byte {
	return []byte(`# Settings of sso-exec: profiles of flags, by the names of the flags.
# "sso-exec config view --origin" shows what is used and where it comes from.
#
# In an editor with the YAML language server keys are completed and errors
# marked, if you run
#   sso-exec config schema > ` + talk.Quote(filepath.Join(dir, "config.schema.json")) + `
# and put this line first:
#   # yaml-language-server: $schema=config.schema.json
version: 1

# default-profile: corp
# profiles:
#   corp:
#     issuer: https://login.example.com
#     client-id: cli
#     scopes: [email, groups]
#   aws-dev:
#     extends: corp
#     client-id: aws
#     aws:
#       role-arn: arn:aws:iam::123456789012:role/dev
#       region: eu-central-1
`)
}

func newConfigEdit() *cobra.Command {
	c := &cobra.Command{
		Use:   "edit",
		Short: "change your config file in your editor",
		Long: `Change your config file, or the one that --config names, in $VISUAL or $EDITOR.
You edit a copy; it is checked before it takes the file's place, and the file as
it was is kept as FILE.bak. Where there is no file, a new one is begun.`,
		Example: "  EDITOR=nano sso-exec config edit",
		Args:    command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return command.Failed(nil, editConfig(cmp.Or(lookup.NamedConfig(cmd), config.DefaultPath())))
		},
	}
	command.ConfigFlag(c)
	return c
}

// configEdit is a config file that is being edited.
type configEdit struct {
	path   string
	before []byte // empty: there was none
	copy   string // the path of what the person edits, in the same directory
	old    map[string]bool
}

// editConfig has a person change a config file.
func editConfig(path string) error {
	p, err := policy.Load()
	if err == nil {
		err = p.AllowHelper("an editor")
	}
	if err != nil {
		return err
	}
	if path == "" {
		return settings.NoHome("no config file", "name one with --config FILE")
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return fault.InUsage(errors.New("an editor needs a terminal, and stdin is not one"), "the file is "+path)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	e := &configEdit{path: path}
	text, err := userfile.ReadConfig(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("config: %w", err)
	case len(text) == 0:
		text = starter(filepath.Dir(path))
	default:
		e.before = text
	}
	if err := e.begin(text); err != nil {
		return fmt.Errorf("config: a copy to edit: %w", err)
	}
	keep, err := e.loop()
	if keep {
		fmt.Fprintf(talk.Stderr, "What you wrote is in %s.\n", talk.OneLine(e.copy))
		return err
	}
	return errors.Join(err, e.clean())
}

// begin makes the copy, in the same directory: what is relative in it, for
// editors too, means the same there.
func (e *configEdit) begin(text []byte) error {
	dir := filepath.Dir(e.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "config-edit-*.yaml") // O_EXCL, 0600
	if err != nil {
		return err
	}
	e.copy = f.Name()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		_, err = userfile.ReadConfig(e.copy) // nobody is to write for nothing
	}
	if err != nil {
		return errors.Join(err, e.clean())
	}
	e.old = map[string]bool{}
	for _, x := range e.check(e.path) {
		e.old[x.Error()] = true
	}
	return nil
}

// clean removes the copy, and the backup that an editor left of it.
func (e *configEdit) clean() error {
	_ = os.Remove(e.copy + "~")
	if err := os.Remove(e.copy); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// check validates a file as the one that is edited, by whose name findings go.
func (e *configEdit) check(path string) []config.Finding {
	paths := config.DefaultPaths(path)
	if e.path == paths.System {
		paths.System = ""
	}
	found := paths.Validate(settings.ProfileKeys())
	for i := range found {
		found[i].Path = strings.ReplaceAll(found[i].Path, path, e.path)
		found[i].Text = strings.ReplaceAll(found[i].Text, path, e.path)
	}
	return found
}

// loop edits until the result is good, or the person has enough of it. keep: the
// copy holds what would be lost.
func (e *configEdit) loop() (keep bool, err error) {
	for {
		if err := runEditor(e.copy); err != nil {
			return e.changed(), fault.InUsage(fmt.Errorf("the editor: %w; nothing was changed", err),
				"name another one: EDITOR=nano sso-exec config edit")
		}
		text, err := userfile.Read(e.copy)
		if err != nil {
			return true, fmt.Errorf("config: %w; nothing was changed", err)
		}
		if bytes.Equal(text, e.before) || len(bytes.TrimSpace(text)) == 0 {
			fmt.Fprintln(talk.Stderr, "Nothing was changed.")
			return false, nil
		}
		found := slices.DeleteFunc(e.check(e.copy),
			func(x config.Finding) bool { return x.Path != e.path && e.old[x.Error()] })
		if len(found) > 0 {
			write, err := e.decide(found)
			if err != nil {
				return true, err
			}
			if !write {
				continue
			}
		}
		if err := e.write(text); err != nil {
			return true, fmt.Errorf("config: %w", err)
		}
		fmt.Fprintf(talk.Stderr, "Wrote %s.\n", talk.OneLine(e.path))
		return false, nil
	}
}

// errKept says that a person gave up; what was written so far is kept.
var errKept = errors.New("config: the file was not changed")

// decide asks what to do about what is wrong: to write it anyway, to edit
// again, or, as an error, neither.
func (e *configEdit) decide(found []config.Finding) (write bool, err error) {
	for _, x := range found {
		fmt.Fprintln(talk.Stderr, talk.OneLine(x.Error()))
	}
	// A file that cannot be read at all would stop every tool that calls us.
	_, err = config.Paths{Named: e.copy}.Open()
	question := "e: edit again, q: leave the file unchanged [e] "
	if err == nil {
		question = "e: edit again, w: write it anyway, q: leave the file unchanged [e] "
	}
	for {
		answer, asked := talk.Ask(question)
		switch {
		case asked != nil:
			return false, fmt.Errorf("%w: %w", errKept, asked)
		case answer == "e" || answer == "":
			return false, nil
		case answer == "w" && err == nil:
			return true, nil
		case answer == "q":
			return false, fault.InUsage(errKept)
		}
	}
}

// changed reports whether the copy holds anything of the person's.
func (e *configEdit) changed() bool {
	text, err := os.ReadFile(e.copy)
	return err != nil || !bytes.Equal(text, e.before) && !bytes.Equal(text, starter(filepath.Dir(e.path)))
}

func (e *configEdit) write(text []byte) error {
	o := userfile.WriteOptions{Perm: 0o600, Backup: true, Was: e.before}
	if e.before == nil {
		o.Was = []byte{} // there was none, and still is
	}
	if e.path == config.SystemPath() {
		o.Perm = 0o644 // for everybody on the machine
	}
	return userfile.WriteAtomic(e.path, text, o)
}

// runEditor runs the person's editor on a file, and waits. As everywhere, $EDITOR
// is a command for the shell.
func runEditor(path string) error {
	editor := cmp.Or(strings.TrimSpace(os.Getenv("VISUAL")), strings.TrimSpace(os.Getenv("EDITOR")), "vi")
	cmd := exec.Command("/bin/sh", "-c", editor+` "$1"`, "sh", path) //nolint:gosec // the person's own command
	if commandline.Here == commandline.Windows {
		words := []string{"notepad"}
		if editor != "vi" {
			words = strings.Fields(editor)
			if _, err := exec.LookPath(editor); err == nil { // a path with spaces
				words = []string{editor}
			}
		}
		cmd = exec.Command(words[0], append(words[1:], path)...) //nolint:gosec // the person's own command
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(),
		func(kv string) bool { return strings.HasPrefix(kv, settings.SecretVariable+"=") })
	// Ctrl-C is the editor's while it runs, and ends us again after that.
	signal.Reset(os.Interrupt)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", editor, err)
	}
	return nil
}
