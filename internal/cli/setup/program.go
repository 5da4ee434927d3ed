package setup

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
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
		return filepath.Abs(command) // client-go would look for it next to the kubeconfig
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot determine this program's path: %w", err)
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

// UsesProfile tells whether what is written names the profile: it was asked for, or
// it says who the provider is, which these settings say too. Else it would only tie
// what is written to this machine.
func UsesProfile(o *settings.Resolved, enough ...string) bool {
	return o.From.Given("profile") || o.Source.Profile != "" &&
		slices.ContainsFunc(enough, func(name string) bool { return !o.From.Given(name) })
}

// Args returns the arguments that are written: the profile, and every setting that
// was given next to it, also by a variable if a sign-in or a role depends on it, since
// the tool may run where it is not set.
func Args(o *settings.Resolved, profile bool) ([]string, error) {
	args := []string{o.Tool}
	if profile {
		args = append(args, "--profile="+o.Source.Profile)
	}
	var errs error
	for _, r := range settings.Rows(o.Tool) {
		byVariable := o.From.Given(r.Name) && (r.Is(settings.Keeps) || r.Group == settings.GroupAWS ||
			r.Group == "" && r.Key() != "")
		if r.Name == "profile" || !o.From.Typed(r.Name) && !byVariable {
			continue
		}
		words, err := Written(o, r)
		args, errs = append(args, words...), errors.Join(errs, err)
	}
	return args, errs
}

// Hosts are those that a tool is set up for: of the profile, or those of --host.
func Hosts(o *settings.Resolved) ([]string, error) {
	names := o.Target.Hosts
	if o.Within != nil {
		names = o.Within
	}
	if len(names) == 0 {
		return nil, fault.InUsage(errors.New("which host is it?"),
			"give --host HOST, or name it in hosts of the profile")
	}
	if _, err := hosts.ParseList(names); err != nil {
		return nil, fault.Usagef("--host %w", err)
	}
	return names, nil
}

// HostsEdit adds those of the hosts to the profile that it does not name yet.
func (s *Flags) HostsEdit(o *settings.Resolved, names []string) ([]Edit, error) {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(o.Target.Hosts, name)
	})
	if len(missing) == 0 {
		return nil, nil
	}
	e, err := s.ConfigEdit(cmp.Or(o.Source.Config, config.DefaultPath()), func(text []byte) ([]byte, error) {
		if o.HostsAreMap() {
			return config.AddToMap(text, o.Source.Profile, "hosts", missing...)
		}
		return config.SetKey(text, o.Source.Profile, "hosts", slices.Concat(o.Target.Hosts, missing)...)
	})
	return []Edit{e}, err
}

// LinkOnPath returns the command that puts this program on the PATH under another name,
// which a tool calls it by; empty: it is there.
func LinkOnPath(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if found, err := exec.LookPath(name); err == nil && sameFile(found, self) {
		return ""
	}
	if found, err := exec.LookPath("sso-exec"); err == nil && sameFile(found, self) {
		self = found
	}
	link := filepath.Join(filepath.Dir(self), name+commandline.Exe)
	if commandline.Here == commandline.Windows {
		return talk.Paste("copy", self, link)
	}
	return talk.Paste("ln", "-s", self, link)
}

// WarnSecret says that the secret in the environment is not written into a file.
func WarnSecret(o *settings.Resolved, file string) {
	if os.Getenv(settings.SecretVariable) != "" && o.Client.SecretFile == "" {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: the client secret in %s is not written into the %s\n"+
			"  keep it in a file that only you can read, and give that with --client-secret-file\n",
			settings.SecretVariable, file)
	}
}

// Written returns a setting as it is written into a stanza.
func Written(o *settings.Resolved, r *settings.Row) ([]string, error) {
	name, value := "--"+r.Name, r.Text(&o.Settings)
	if r.Name == "role-name" {
		value = cmp.Or(o.Role(), value)
	}
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

// Runs tells whether a stanza runs sso-exec for one of these tools, under its own name or
// as command.
func Runs(e *kubeconfig.Exec, command string, tools ...string) bool {
	if e == nil || len(e.Args) == 0 || !slices.Contains(tools, e.Args[0]) {
		return false
	}
	name := e.Command[strings.LastIndexAny(e.Command, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(name), ".exe") == "sso-exec" || e.Command == command
}
