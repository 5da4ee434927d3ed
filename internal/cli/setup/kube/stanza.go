package kube

import (
	"errors"
	"strings"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// usesProfile tells whether the stanza names the profile: it was asked for, or
// it says who the provider is. Else it would only tie the stanza to this machine.
func (s *kubeSetup) usesProfile() bool {
	return s.o.From.Given("profile") || s.o.Source.Profile != "" &&
		!(s.o.From.Given("issuer") && s.o.From.Given("client-id"))
}

// args returns the arguments of the stanza: the profile, and every setting that
// was given beside it, also by a variable if a sign-in depends on it, since
// kubectl may run where it is not set.
func (s *kubeSetup) args() ([]string, error) {
	args := []string{settings.ToolKube}
	if s.usesProfile() {
		args = append(args, "--profile="+s.o.Source.Profile)
	}
	var errs error
	for _, r := range settings.Rows(s.o.Tool) {
		if r.Name == "profile" || !s.o.From.Typed(r.Name) && !(s.o.From.Given(r.Name) && r.Is(settings.Keeps)) {
			continue
		}
		words, err := setup.Written(s.o, r)
		args, errs = append(args, words...), errors.Join(errs, err)
	}
	return args, errs
}

// ours tells whether a stanza runs sso-exec kube, or --command as that.
func (p *kubePlan) ours(e *kubeconfig.Exec) bool { return setup.RunsKube(e, p.command) }

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
