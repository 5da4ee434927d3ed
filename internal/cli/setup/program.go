package setup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

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

// Written returns a flag as it is written into a stanza.
func Written(f *pflag.Flag) ([]string, error) {
	name, value := "--"+f.Name, f.Value.String()
	switch {
	case f.Value.Type() == "bool" && value == "true":
		return []string{name}, nil
	case f.Value.Type() == "stringSlice": // [a,b]
		return []string{name + "=" + value[1:len(value)-1]}, nil
	case f.Value.Type() == "stringArray":
		var words []string
		for _, v := range f.Value.(pflag.SliceValue).GetSlice() {
			words = append(words, name+"="+v)
		}
		return words, nil
	}
	value, err := settings.Anywhere(f, value)
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
