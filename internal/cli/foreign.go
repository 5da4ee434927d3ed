package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// foreign has what kubelogin, the AWS CLI, aws-vault, granted and gh call what is here
// too: commands, the longer ones first, and flags. One that ends in = has a value,
// which takes the place of the star.
var foreign = []struct{ theirs, ours string }{
	{"oidc-login get-token", "kube"},
	{"oidc-login setup", "setup kube"},
	{"oidc-login", "kube"},
	{"get-token", "kube"},
	{"kubectl", "kube"},
	{"auth login", "login"},
	{"auth refresh", "login"},
	{"auth logout", "logout"},
	{"auth status", "status"},
	{"auth token", "token"},
	{"auth setup-git", "setup git"},
	{"auth", "login"},
	{"aws sso login", "login"},
	{"aws sso logout", "logout"},
	{"aws configure", "setup aws"},
	{"aws eks get-token", "eks"},
	{"sso login", "login"},
	{"sso logout", "logout"},
	{"configure sso", "setup aws"},
	{"configure", "setup aws"},
	{"eks get-token", "eks"},
	{"sts get-caller-identity", "whoami"},
	{"credential-process", "aws"},
	{"exec", "run --profile=*"},
	{"assume", "aws --output=env --profile=*"},
	{"signin", "login"},
	{"sign-in", "login"},
	{"signout", "logout"},
	{"sign-out", "logout"},
	{"init", "setup provider"},
	{"setup kubeconfig", "setup kube"},
	{"setup kubernetes", "setup kube"},
	{"setup k8s", "setup kube"},
	{"config show", "config view"},
	{"list", "profile list"},

	{"--oidc-issuer-url=", "--issuer=*"},
	{"--oidc-client-id=", "--client-id=*"},
	{"--oidc-client-secret=", "--client-secret-file=FILE"},
	{"--oidc-extra-scope=", "--scope=*"},
	{"--oidc-redirect-url=", "--redirect-uri=*"},
	{"--oidc-auth-request-extra-params=", "--auth-param=*"},
	{"--oidc-use-access-token", "--token-type=access"},
	{"--grant-type=authcode", "--flow=pkce"},
	{"--grant-type=authcode-keyboard", "--flow=paste"},
	{"--grant-type=device-code", "--flow=device"},
	{"--grant-type=", "--flow=*"},
	{"--token-cache-dir=", "--cache-dir=*"},
	{"--token-cache-storage=disk", "--store=file"},
	{"--token-cache-storage=", "--store=*"},
	{"--certificate-authority=", "--ca-file=*"},
	{"--certificate-authority-data=", "--ca-data=*"},
	{"--insecure-skip-tls-verify", "--ca-file=FILE"},
	{"--skip-open-browser", "--browser=none"},
	{"--browser-command=", "--browser=*"},
	{"--listen-address=", "--redirect-uri=http://*"},
	{"--authentication-timeout-sec=", "--login-timeout=*s"},
	{"--force-refresh", "--force"},
	{"--username=", "--login-hint=*"},
	{"--cluster-name=", "--cluster=*"},
	{"--role=", "--role-arn=*"},
	{"--duration-seconds=", "--duration=*s"},
	{"--sso-start-url=", "--start-url=*"},
	{"--sso-account-id=", "--account-id=*"},
	{"--sso-role-name=", "--role-name=*"},
	{"--no-verify-ssl", "--ca-file=FILE"},
	{"--no-browser", "--browser=none"},
	{"--use-device-code", "--flow=device"},
	{"--device-code", "--flow=device"},
	{"--web", "--flow=pkce"},
	{"--json", "--output=json"},
	{"--format=", "--output=*"},
	{"-p=", "--profile=*"},
}

// foreignFlag finds what a flag of another program is here, and whether a value follows
// the other's; value is it, if it is known.
func foreignFlag(name, value string) (ours string, takes bool) {
	for _, f := range foreign {
		its, of, takes := strings.Cut(f.theirs, "=")
		if its == name && (of == "" || of == value) {
			return f.ours, takes
		}
	}
	return "", false
}

// nearFlag names the flag of a command that a wrong one stands for: of another program,
// or the nearest.
func nearFlag(cmd *cobra.Command, wrong string) string {
	ours, _ := foreignFlag(wrong, "")
	name, _, _ := strings.Cut(strings.TrimPrefix(ours, "--"), "=")
	if name != "" && cmd.Flags().Lookup(name) != nil {
		return name
	}
	if !strings.HasPrefix(wrong, "--") {
		return "" // nothing is near to one letter
	}
	names := []string{clientSecret}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return commandline.Nearest(strings.ToLower(wrong[2:]), names)
}

// clientSecret is no flag, and is asked for as one.
const clientSecret = "client-secret"

// inOurWords says a command line of another program in ours, as hints; words are those
// of its command, if they are no command here. nil: there is nothing to say.
func inOurWords(args []string) (words string, hints []string) {
	var start []string
	rest := args
	for _, f := range foreign {
		if n := strings.Count(f.theirs, " ") + 1; f.theirs[0] != '-' && len(args) >= n &&
			strings.Join(args[:n], " ") == f.theirs {
			words, start, rest = f.theirs, strings.Fields(f.ours), args[n:]
			break
		}
	}
	if at := len(start) - 1; at >= 0 && strings.HasSuffix(start[at], "*") {
		if len(rest) > 0 && rest[0] != "" && rest[0][0] != '-' {
			start[at], rest = strings.Replace(start[at], "*", rest[0], 1), rest[1:]
		} else {
			start = start[:at]
		}
	}
	if line, left := fromKubelogin(slices.Concat(start, rest)); line != nil {
		hints = []string{tryLine(line)}
		for _, u := range left {
			hints = append(hints, fmt.Sprintf("%s is left out: %s", u.Flag, u.Why))
		}
		return words, hints
	}
	line := slices.Clone(start)
	for i := 0; i < len(rest) && rest[i] != "--"; i++ {
		name, value, has := strings.Cut(rest[i], "=")
		ours, takes := foreignFlag(name, value)
		if takes && !has && i+1 < len(rest) {
			i, has = i+1, true
			value = rest[i]
			ours, _ = foreignFlag(name, value)
		}
		if ours == "" || takes && !has {
			line = append(line, rest[i])
			continue
		}
		line = append(line, strings.Replace(ours, "*", value, 1))
	}
	if slices.Contains(rest, "--") {
		line = append(line, "--", "COMMAND") // whose arguments may be secrets
	}
	switch {
	case start == nil && slices.Equal(line, args):
		return "", nil
	case parses(line) == nil:
		return words, []string{tryLine(line)}
	case start == nil:
		return "", nil
	case parses(start) == nil:
		return words, []string{tryLine(start)}
	}
	return words, []string{tryLine(append(start, "--help"))}
}

func tryLine(words []string) string {
	return "try: " + talk.Paste(slices.Insert(words, 0, "sso-exec")...)
}

// fromKubelogin converts flags of kubelogin behind our kube; nil: they are not
// kubelogin's, or not all that it needs.
func fromKubelogin(line []string) ([]string, []kubeconfig.Unmapped) {
	if len(line) == 0 || line[0] != settings.ToolKube {
		return nil, nil
	}
	stanza := kubeconfig.Exec{Command: "kubelogin", Args: slices.Concat([]string{"get-token"}, line[1:])}
	e, left, err := kubeconfig.FromKubelogin(stanza, "", "~")
	if err != nil || parses(e.Args) != nil {
		return nil, nil
	}
	return e.Args, left
}

// parses says what is wrong with a command line, without running it.
func parses(args []string) error {
	root := NewRoot()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if !cmd.HasParent() && len(args) > 0 {
		return command.Unknown(cmd, "command", args[0])
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if values := valuesOf(cmd, f.Name); values != nil && !slices.Contains(values, f.Value.String()) {
			err = command.Unknown(cmd, "value", f.Value.String())
		}
	})
	if err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
