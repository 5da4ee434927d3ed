package kube

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// warnCommand says that what --command names is not found here. client-go looks
// for it as os/exec does: a path as it is, since program made that absolute, a
// name on PATH (client-go: clientcmd.GetAuthInfoFileReferences, exec.Authenticator).
func (s *kubeSetup) warnCommand(command string) {
	_, err := exec.LookPath(command)
	if s.program == "" || err == nil {
		return
	}
	hint := "it must be on the PATH of the program that runs kubectl; otherwise give its path"
	switch {
	case filepath.IsAbs(s.program):
		hint = "it must be there where kubectl runs; else give another path, or a name on PATH"
	case filepath.IsAbs(command):
		hint = "a relative path starts at the working directory; give an absolute one, or a name on PATH"
	}
	if in, ok := errors.AsType[*exec.Error](err); ok {
		err = in.Err
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	fmt.Fprintf(talk.Stderr, "sso-exec: warning: --command %s cannot be run here: %s\n  %s\n", talk.OneLine(command),
		talk.OneLine(err.Error()), hint)
}

// warn says, before anything is asked, what a stanza with these arguments would
// be bad at.
func (s *kubeSetup) warn(args []string) {
	issuer, client, tokenType := argument(args, "issuer"), argument(args, "client-id"), argument(args, "token-type")
	if !s.fromKubelogin { // else nothing but the arguments counts
		issuer, client, tokenType = s.o.Provider.Issuer, s.o.Provider.ClientID, s.o.Target.TokenType
		setup.WarnSecret(s.o, "kubeconfig")
	}
	if tokenType == credential.AccessToken || s.o.Tool != settings.ToolKube {
		return // STS takes ID tokens, and the cluster gets none
	}
	profile, role := s.roleOf(issuer, client)
	if role == "" {
		return
	}
	where, instead := "profile "+profile, []string{profile + ":"}
	switch {
	case profile == "":
		where, instead = "variable "+settings.VariableOf("role-arn"), []string{"aws-only:", "  issuer: " + issuer}
	case profile == s.o.Source.Profile:
		instead = []string{profile + "-aws:", "  extends: " + profile}
	}
	fmt.Fprintf(talk.Stderr, "sso-exec: warning: the cluster and AWS would take the same ID token (client %s)\n",
		talk.OneLine(client))
	fmt.Fprintf(talk.Stderr, "  whoever runs the cluster could assume %s (%s)\n", talk.OneLine(role), talk.OneLine(where))
	fmt.Fprintf(talk.Stderr, "  register a client only for AWS, have the role trust only that client, and name it:\n")
	for _, line := range append(instead, "  client-id: ANOTHER-ID") {
		fmt.Fprintln(talk.Stderr, "    "+strings.Map(talk.Unbroken, line))
	}
}

// roleOf finds a role of AWS that the same client's ID token is traded for: in
// the environment (then without a profile), in the profile that is used, in any
// other. What is wrong with a profile that is not used does not matter here.
func (s *kubeSetup) roleOf(issuer, client string) (profile, role string) {
	if role := os.Getenv(settings.VariableOf("role-arn")); role != "" {
		return "", role
	}
	c, err := config.DefaultPaths(s.o.Source.Config).Open()
	if err != nil {
		return "", ""
	}
	for _, name := range append([]string{s.o.Source.Profile}, c.Names()...) {
		p, err := c.Profile(name, settings.ProfileKeys())
		if err != nil {
			continue
		}
		is := func(key, want string) bool { // one that says nothing about it is given it elsewhere
			v := p.Settings[key].Values
			return len(v) == 1 && v[0] == want || len(v) == 0 && name == s.o.Source.Profile
		}
		if role := p.Settings["aws.role-arn"].Values; len(role) == 1 && is("issuer", issuer) && is("client-id", client) {
			return name, role[0]
		}
	}
	return "", ""
}

// next says what to do once the stanza is written.
func (s *kubeSetup) next(ctx context.Context, plan *kubePlan, e kubeconfig.Exec) {
	words := []string{"kubectl"}
	if s.kubeconfig != "" {
		words = append(words, "--kubeconfig="+s.kubeconfig)
	}
	switch current, ok := plan.conf.Context(plan.conf.CurrentContext); {
	case s.useContext, s.context == "" && ok && current.User == s.user,
		s.context != "" && s.context == plan.conf.CurrentContext:
		s.try(ctx, words...)
	case s.context != "":
		s.try(ctx, append(words, "--context="+s.context)...)
	case len(plan.conf.Clusters) == 0:
		fmt.Fprintln(talk.Out, "The kubeconfig has no cluster yet:\n"+
			"  kubectl config set-cluster NAME --server=https://… --certificate-authority=FILE")
		fmt.Fprintln(talk.Out, "Then run this again with --context NAME.")
	case plan.contextOf(s.user) != "":
		s.try(ctx, append(words, "--context="+plan.contextOf(s.user))...)
	case ok:
		s.try(ctx, append(words, "--user="+s.user)...)
	default:
		s.try(ctx, append(words, "--cluster="+plan.conf.Clusters[0].Name, "--user="+s.user)...)
	}
	allow(e.Command)
	if home, err := userfile.Home(); err == nil && s.fromKubelogin {
		old := filepath.Join(home, ".kube", "cache", "oidc-login")
		if _, err := os.Stat(old); err == nil {
			fmt.Fprintf(talk.Out, "kubelogin's tokens are still in %s; remove that directory once nothing uses it any more.\n",
				talk.OneLine(old))
		}
	}
}

// allow says what kubectl's own list of plugins must have, where there may be one
// (kubectl 1.35, KEP-3104).
func allow(command string) {
	path := kubeconfig.Preferences()
	if _, err := os.Stat(path); err != nil {
		return
	}
	if talk.Quote(command) != command {
		command = strconv.Quote(command)
	}
	fmt.Fprintf(talk.Out, "If %s restricts plugins, add to its credentialPluginAllowlist:\n- name: %s\n",
		talk.OneLine(path), command)
}

// contextOf returns a context that has a user, or nothing.
func (p *kubePlan) contextOf(user string) string {
	for _, c := range p.conf.Contexts {
		if c.User == user {
			return c.Name
		}
	}
	return ""
}
