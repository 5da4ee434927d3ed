package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// program returns the command of the stanza: the plain name where that runs this
// very binary, so that the kubeconfig fits other machines and outlives upgrades,
// else a path.
func (s *kubeSetup) program() (string, error) {
	if s.line["command"] && s.command == "" {
		return "", fault.Usagef("--command must not be empty")
	}
	if s.command != "" {
		if !strings.ContainsAny(s.command, `/\`) {
			return s.command, nil
		}
		return filepath.Abs(s.command) // client-go would look for it beside the kubeconfig
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

// usesProfile tells whether the stanza names the profile: it was asked for, or
// it says who the provider is. Else it would only tie the stanza to this machine.
func (s *kubeSetup) usesProfile() bool {
	return s.o.given["profile"] || s.o.profile != "" && !(s.o.given["issuer"] && s.o.given["client-id"])
}

// args returns the arguments of the stanza: the profile, and every setting that
// was given beside it, also by a variable if a sign-in depends on it, since
// kubectl may run where it is not set.
func (s *kubeSetup) args() ([]string, error) {
	args := []string{toolKube}
	if s.usesProfile() {
		args = append(args, "--profile="+s.o.profile)
	}
	var errs error
	s.o.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "profile" || !s.line[f.Name] && !(s.o.given[f.Name] && slices.Contains(sessionFlags, f.Name)) {
			return
		}
		words, err := written(f)
		args, errs = append(args, words...), errors.Join(errs, err)
	})
	return args, errs
}

// written returns a flag as it is written into a stanza.
func written(f *pflag.Flag) ([]string, error) {
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
	value, err := anywhere(f, value)
	return []string{name + "=" + value}, err
}

// ours tells whether a stanza runs sso-exec kube, or --command as that.
func (p *kubePlan) ours(e *kubeconfig.Exec) bool {
	if e == nil || len(e.Args) == 0 || e.Args[0] != toolKube {
		return false
	}
	name := e.Command[strings.LastIndexAny(e.Command, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(name), ".exe") == "sso-exec" || e.Command == p.command
}

// sameSession tells whether two stanzas' arguments are about one client of one
// provider.
func sameSession(a, b []string) bool {
	for _, flag := range []string{"profile", "issuer", "client-id"} {
		if argument(a, flag) != argument(b, flag) {
			return false
		}
	}
	return true
}

// argument returns the value of a flag among arguments, the last one that it has.
func argument(args []string, flag string) (value string) {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--"+flag+"="); ok {
			value = v
		} else if a == "--"+flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}
