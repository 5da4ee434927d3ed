package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// kubeloginUser is the flag --from-kubelogin[=USER]; --from-kubelogin USER is its
// argument.
type kubeloginUser kubeSetup

func (u *kubeloginUser) String() string { return "" }
func (u *kubeloginUser) Type() string   { return "bool" }

// Set is given true where there is no USER.
func (u *kubeloginUser) Set(value string) error {
	u.fromKubelogin = value != "false"
	if value != "true" && value != "false" {
		u.user = value
	}
	return nil
}

// convert returns the stanza of a user entry that runs kubelogin as one that
// runs sso-exec; nil: it does so already. What could not be carried over is named
// on stderr. Settings that were given go before those of the stanza.
func (s *kubeSetup) convert(plan *kubePlan) (*kubeconfig.Exec, error) {
	there, err := s.source(plan)
	if err != nil {
		return nil, err
	}
	if plan.ours(there.Exec) {
		fmt.Fprintf(stderr, "sso-exec: user %q runs sso-exec already\n", there.Name)
		fmt.Fprintln(out, "Nothing to change.")
		return nil, nil
	}
	var old kubeconfig.Exec
	if there.Exec != nil {
		old = *there.Exec
	}
	home, _ := userfile.Home()
	e, left, err := kubeconfig.FromKubelogin(old, plan.command, home)
	if err != nil {
		return nil, &usageError{fmt.Errorf("user %q: %w", there.Name, err), plan.kubeloginHint()}
	}
	e.InstallHint, e.ProvideClusterInfo = s.installHint, s.provideClusterInfo
	if s.line["api-version"] {
		e.APIVersion = execAPI + s.apiVersion
	}
	if s.line["interactive-mode"] {
		e.InteractiveMode = s.interactiveMode
	}
	if e.Args, err = s.override(e.Args); err != nil {
		return nil, err
	}
	if err := checkArgs(e.Args); err != nil {
		return nil, &usageError{fmt.Errorf("the entry of user %q, converted, would not work: %w", there.Name, err), "give what has to be otherwise beside --from-kubelogin"}
	}
	for _, u := range left {
		if u.Flag == secretFlag && argument(e.Args, "client-secret-file") != "" {
			continue
		}
		fmt.Fprintf(stderr, "sso-exec: kubelogin's %s is left out: %s\n", oneLine(u.Flag), oneLine(u.Why))
		if u.Flag == secretFlag {
			s.moveSecret(there, e)
		}
	}
	return &e, nil
}

const secretFlag = "--oidc-client-secret"

// moveSecret says how a secret gets from the command line into a file.
func (s *kubeSetup) moveSecret(u kubeconfig.User, e kubeconfig.Exec) {
	file := filepath.Join(filepath.Dir(u.File), "sso-exec-client-secret")
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	words := []string{"sso-exec", "setup", toolKube, quote("--user=" + u.Name)}
	if s.kubeconfig != "" {
		words = append(words, quote("--kubeconfig="+s.kubeconfig))
	}
	for _, a := range e.Args[1:] {
		words = append(words, quote(a))
	}
	if runtime.GOOS == "windows" {
		fmt.Fprintf(stderr, "  to make that file, run this, and paste the secret: notepad %s\n", quote(file))
	} else {
		fmt.Fprintf(stderr, "  to make that file, run this, paste the secret, then press Enter and Ctrl-D: (umask 077; cat >%s)\n", quote(file))
	}
	fmt.Fprintf(stderr, "  then run: %s %s\n", oneLine(strings.Join(words, " ")), quote("--client-secret-file="+file))
}

// source finds the user entry to convert: the named one, that of the
// context that is named, or that of the current context.
func (s *kubeSetup) source(plan *kubePlan) (kubeconfig.User, error) {
	if s.user == "" {
		name := plan.conf.CurrentContext
		if _, ok := plan.conf.Context(s.context); ok {
			name = s.context
		}
		there, _ := plan.conf.Context(name)
		s.user = there.User
	}
	if s.user == "" {
		return kubeconfig.User{}, &usageError{errors.New("which user entry is to be converted? There is no current context that says so"), plan.kubeloginHint()}
	}
	u, ok := plan.conf.User(s.user)
	if !ok {
		return u, &usageError{fmt.Errorf("there is no user %q in the kubeconfig", s.user), plan.kubeloginHint()}
	}
	return u, nil
}

// kubeloginHint says which user entries run kubelogin.
func (p *kubePlan) kubeloginHint() string {
	var names []string
	for _, u := range p.conf.Users {
		if runsKubelogin(u.Exec) {
			names = append(names, quote(u.Name))
		}
	}
	if len(names) == 0 {
		return "no user entry of the kubeconfig runs kubelogin"
	}
	return "these run kubelogin: " + strings.Join(names, ", ")
}

func runsKubelogin(e *kubeconfig.Exec) bool {
	if e == nil {
		return false
	}
	_, _, err := kubeconfig.FromKubelogin(*e, "sso-exec", "")
	return err == nil
}

// override puts the settings of the command line in the place of the same ones.
func (s *kubeSetup) override(args []string) ([]string, error) {
	var errs error
	s.o.flags.VisitAll(func(f *pflag.Flag) {
		if !s.line[f.Name] {
			return
		}
		args = slices.DeleteFunc(args, func(a string) bool {
			return a == "--"+f.Name || strings.HasPrefix(a, "--"+f.Name+"=")
		})
		words, err := written(f)
		args, errs = append(args, words...), errors.Join(errs, err)
	})
	return args, errs
}

// checkArgs checks a stanza's arguments by themselves, without the environment
// and a profile.
func checkArgs(args []string) error {
	o := newOptions(toolKube)
	if err := o.flags.Parse(args[1:]); err != nil {
		return err
	}
	if err := o.settle(); err != nil {
		return err
	}
	return o.check()
}
