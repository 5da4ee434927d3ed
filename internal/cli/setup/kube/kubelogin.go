package kube

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/check"
	"github.com/sso-exec/sso-exec/internal/talk"
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

// convert returns what a user entry has, kubelogin's stanza or the auth provider
// oidc, as a stanza that runs sso-exec; nil: it does so already. What could not be carried over is named
// on stderr. Settings that were given go before those of the stanza.
func (s *kubeSetup) convert(plan *kubePlan) (*kubeconfig.Exec, error) {
	there, err := s.source(plan)
	if err != nil {
		return nil, err
	}
	if plan.ours(there.Exec) && !there.Extras {
		fmt.Fprintf(talk.Stderr, "sso-exec: user %q runs sso-exec already\n", there.Name)
		fmt.Fprintln(talk.Out, "Nothing to change.")
		return nil, nil
	}
	e, left, err := converted(there, plan.command)
	if err != nil {
		return nil, fault.InUsage(fmt.Errorf("user %q: %w", there.Name, err), plan.kubeloginHint())
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
		return nil, fault.InUsage(fmt.Errorf("the converted entry of user %q would not work: %w", there.Name, err),
			"pass the flags that you want to change together with --from-kubelogin")
	}
	whose := "kubelogin's"
	if there.Exec == nil {
		whose = "the auth provider's"
	}
	for _, u := range left {
		isSecret := strings.HasSuffix(u.Flag, "client-secret")
		if isSecret && argument(e.Args, "client-secret-file") != "" {
			continue
		}
		fmt.Fprintf(talk.Stderr, "sso-exec: %s %s is left out: %s\n", whose, talk.OneLine(u.Flag), talk.OneLine(u.Why))
		if isSecret {
			s.moveSecret(there, e)
		}
	}
	return &e, nil
}

// converted is a user entry that runs kubelogin, or has the auth provider oidc, as
// a stanza. A parameter that is not one of --auth-param is left out.
func converted(u kubeconfig.User, command string) (e kubeconfig.Exec, left []kubeconfig.Unmapped, err error) {
	switch home, _ := userfile.Home(); {
	case u.Exec != nil:
		e, left, err = kubeconfig.FromKubelogin(*u.Exec, command, home)
	case u.AuthProvider != nil:
		e, left, err = kubeconfig.FromAuthProvider(*u.AuthProvider, command, home)
	default:
		err = kubeconfig.ErrNotKubelogin
	}
	e.Args = slices.DeleteFunc(e.Args, func(a string) bool {
		param, ok := strings.CutPrefix(a, "--auth-param=")
		if !ok {
			return false
		}
		why := check.Param(param)
		if why != nil {
			left = append(left, kubeconfig.Unmapped{Flag: "--oidc-auth-request-extra-params", Why: why.Error()})
		}
		return why != nil
	})
	for i, a := range e.Args { // kubectl runs in other directories
		if file, ok := strings.CutPrefix(a, "--ca-file="); ok && file != "" {
			if abs, err := filepath.Abs(file); err == nil {
				e.Args[i] = "--ca-file=" + abs
			}
		}
	}
	return e, left, err
}

// moveSecret says how a secret gets from the command line into a file.
func (s *kubeSetup) moveSecret(u kubeconfig.User, e kubeconfig.Exec) {
	file := filepath.Join(filepath.Dir(u.File), "sso-exec-client-secret")
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	switch _, can := commandline.Quote(commandline.Here, file); {
	case !can: // choose another
	case commandline.Here == commandline.Windows:
		fmt.Fprintf(talk.Stderr, "  to make that file, run this, and paste the secret: %s\n", talk.Paste("notepad", file))
	default:
		fmt.Fprintf(talk.Stderr, "  to make that file, run this, paste the secret, then press Enter and Ctrl-D: (umask "+
			"077; cat >%s)\n", talk.Quote(file))
	}
	words, flags := []string{"--user=" + u.Name}, e.Args[1:]
	if s.DryRun { // the entry is still as it was
		given, _ := s.override(nil) // which was done before without an error
		words, flags = []string{"--from-kubelogin=" + u.Name}, given
	}
	if s.kubeconfig != "" {
		words = append(words, "--kubeconfig="+s.kubeconfig)
	}
	words = slices.Concat([]string{"sso-exec", "setup", settings.ToolKube}, words, flags,
		[]string{"--client-secret-file=" + file})
	fmt.Fprintf(talk.Stderr, "  then run: %s\n", talk.Paste(words...))
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
		return kubeconfig.User{}, fault.InUsage(errors.New("no current context: name the user entry to convert"),
			plan.kubeloginHint())
	}
	u, ok := plan.conf.User(s.user)
	if !ok {
		return u, fault.InUsage(fmt.Errorf("no user %q in the kubeconfig", s.user), plan.kubeloginHint())
	}
	return u, nil
}

// kubeloginHint says which user entries run kubelogin.
func (p *kubePlan) kubeloginHint() string {
	var names []string
	for _, u := range p.conf.Users {
		if convertible(u) {
			names = append(names, talk.Quote(u.Name))
		}
	}
	if len(names) == 0 {
		return "no user entry of the kubeconfig runs kubelogin"
	}
	return "these run kubelogin: " + strings.Join(names, ", ")
}

func convertible(u kubeconfig.User) bool {
	_, _, err := converted(u, "sso-exec")
	return err == nil
}

// warnLost names the settings of an entry that --replace does not carry over.
func (s *kubeSetup) warnLost(there kubeconfig.User, e kubeconfig.Exec) {
	old, _, err := converted(there, e.Command)
	if err != nil || s.fromKubelogin || !s.replace {
		return
	}
	var lost []string
	for _, a := range old.Args[1:] {
		name, value, _ := strings.Cut(a, "=")
		switch has := argument(e.Args, name[2:]); {
		case slices.Contains(e.Args, a) || name == "--redirect-uri":
		case name == "--scope":
			less := slices.DeleteFunc(strings.Split(value, ","),
				func(s string) bool { return slices.Contains(strings.Split(has, ","), s) })
			if len(less) > 0 {
				lost = append(lost, name+"="+strings.Join(less, ","))
			}
		case has != "": // another was given
		case len(value) > 200: // a CA's data
			lost = append(lost, name)
		default:
			lost = append(lost, a)
		}
	}
	if there.AuthProvider != nil && there.AuthProvider.Secret && argument(e.Args, "client-secret-file") == "" {
		lost = append(lost, "--client-secret-file=FILE")
	}
	if len(lost) > 0 {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: the old entry has settings that the new one lacks: %s\n",
			talk.OneLine(strings.Join(lost, " ")))
		fmt.Fprintf(talk.Stderr, "  to keep it, add these flags, or convert the entry: --from-kubelogin %s\n",
			talk.Quote(there.Name))
	}
}

// override puts the settings of the command line in the place of the same ones.
func (s *kubeSetup) override(args []string) ([]string, error) {
	var errs error
	for _, r := range settings.Rows(s.o.Tool) {
		if !s.o.From.Typed(r.Name) {
			continue
		}
		args = slices.DeleteFunc(args, func(a string) bool {
			return a == "--"+r.Name || strings.HasPrefix(a, "--"+r.Name+"=")
		})
		words, err := setup.Written(s.o, r)
		args, errs = append(args, words...), errors.Join(errs, err)
	}
	return args, errs
}

// checkArgs checks a stanza's arguments by themselves, without the environment
// and a profile.
func checkArgs(args []string) error {
	o, err := settings.Parse(settings.ToolKube, args[1:])
	if err != nil {
		return err
	}
	if err := o.Settle(); err != nil {
		return err
	}
	return o.Check()
}
