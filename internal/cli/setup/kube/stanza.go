package kube

import (
	"strings"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
)

// usesProfile tells whether the stanza names the profile.
func (s *kubeSetup) usesProfile() bool { return setup.UsesProfile(s.o, "issuer", "client-id") }

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
