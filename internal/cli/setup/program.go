package setup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// ProgramOf returns the command of the stanza: the plain name where that runs this
// very binary, so that the kubeconfig fits other machines and outlives upgrades,
// else a path.
func ProgramOf(command string, given bool) (string, error) {
	if given && command == "" {
		return "", fault.Usagef("--command must not be empty")
	}
	if command != "" {
		if !strings.ContainsAny(command, `/\`) {
			return command, nil
		}
		return filepath.Abs(command) // client-go would look for it beside the kubeconfig
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("where this program is cannot be told: %w", err)
	}
	if found, err := exec.LookPath("sso-exec"); err == nil && sameFile(found, self) {
		return "sso-exec", nil
	}
	// As it was called, rather than where a link leads: package managers point it
	// to another version.
	if called, err := filepath.Abs(os.Args[0]); err == nil && called != self && sameFile(called, self) {
		return called, nil
	}
	return self, nil
}

func sameFile(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

// Written returns a setting as it is written into a stanza.
func Written(o *settings.Resolved, r *settings.Row) ([]string, error) {
	name, value := "--"+r.Name, r.Text(&o.Settings)
	switch {
	case r.Kind == settings.Switch && value == "true":
		return []string{name}, nil
	case r.Kind == settings.List:
		var words []string
		for _, v := range r.Get(&o.Settings) {
			words = append(words, name+"="+v)
		}
		return words, nil
	}
	value, err := r.Anywhere(value)
	return []string{name + "=" + value}, err
}

// RunsKube tells whether a stanza runs sso-exec kube, under its own name or as
// command.
func RunsKube(e *kubeconfig.Exec, command string) bool {
	if e == nil || len(e.Args) == 0 || e.Args[0] != settings.ToolKube {
		return false
	}
	name := e.Command[strings.LastIndexAny(e.Command, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(name), ".exe") == "sso-exec" || e.Command == command
}
