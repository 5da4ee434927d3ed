// Package kube has the command that makes kubectl call sso-exec.
package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// kubeSetup is what setup kube was asked for.
type kubeSetup struct {
	setup.Flags
	o    *settings.Resolved
	line map[string]bool // the flags on the command line; o.given has the variables too

	contexts []string // names and patterns, as they were given
	context  string   // the first that they lead to

	user, cluster, namespace, kubeconfig              string
	program, apiVersion, interactiveMode, installHint string
	clusterFlag                                       string
	useContext, provideClusterInfo                    bool
	replace, fromKubelogin                            bool
	printConfig, printFlags                           bool
}

const defaultInstallHint = `sso-exec is needed to sign in to this cluster:
go install github.com/sso-exec/sso-exec/cmd/sso-exec@latest
`

// New makes the command that has kubectl call sso-exec.
func New() *cobra.Command {
	s := &kubeSetup{o: settings.For(settings.ToolKube), line: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "kube [--from-kubelogin [USER]]",
		Short: "have kubectl call sso-exec: write the user entry of a kubeconfig",
		Long: `Have kubectl call sso-exec: write a user entry, and with --context a context,
into the kubeconfig that kubectl itself would write. Everything else in that
file stays as it is. The old file is kept as FILE.bak.

The settings of a sign-in, such as --issuer, become the entry's arguments. With
a profile, only its name does.`,
		Example: `  sso-exec setup kube --context dev
  sso-exec setup kube --issuer https://login.example.com \
    --client-id kubernetes --context dev --cluster dev
  sso-exec setup kube --profile corp --context 'prod-*' --replace
  sso-exec setup kube --from-kubelogin
  sso-exec setup kube --profile corp --remove`,
		Args: func(cmd *cobra.Command, args []string) error {
			if s.fromKubelogin && len(args) > 0 {
				args = args[1:]
			}
			return command.NoArgs(cmd, args)
		},
	}
	cmd.Flags().Var((*kubeloginUser)(s), "from-kubelogin",
		"convert the entry of USER, else of the current context's user, which runs kubelogin (kubectl oidc-login)")
	cmd.Flags().Lookup("from-kubelogin").NoOptDefVal = "true"
	return s.command(cmd, "cluster")
}

// command gives a command its flags; cluster is the one for the kubeconfig's own name of
// a cluster.
func (s *kubeSetup) command(cmd *cobra.Command, cluster string) *cobra.Command {
	s.clusterFlag = cluster
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { s.line[f.Name] = f.Changed })
	}
	f := cmd.Flags()
	f.StringVar(&s.user, "user", "", "`name` of the user entry (default: the profile's, else the issuer's host)")
	if s.o.Tool != settings.ToolKube {
		f.Lookup("user").Usage = "`name` of the user entry (default: " + defaultUsers[s.o.Tool] + ")"
	}
	f.StringArrayVar(&s.contexts, "context", nil,
		"`name` of a context to make, or to point to the user entry; prod-* is all that are there; repeatable")
	f.StringVar(&s.cluster, cluster, "", "`name` of that context's cluster (default: that of its name, or the only one)")
	f.StringVarP(&s.namespace, "namespace", "n", "", "that context's `namespace`")
	f.BoolVar(&s.useContext, "use-context", false, "make that context the current one")
	f.Var(settings.Path.Var(&s.kubeconfig), "kubeconfig",
		"`file` to change (default: as kubectl, by $KUBECONFIG or ~/.kube/config)")
	f.BoolVar(&s.replace, "replace", false, "replace other credentials of the user entry, or the context's other user")
	s.Add(f)
	f.Var(settings.Path.Var(&s.program), "command",
		"`path` of the program (default: sso-exec if PATH leads to this one, else where this one is)")
	f.StringVar(&s.apiVersion, "api-version", "v1", "v1, or v1beta1 for a kubectl older than 1.22")
	f.StringVar(&s.interactiveMode, "interactive-mode", "IfAvailable", "who has stdin: IfAvailable, Never or Always")
	f.StringVar(&s.installHint, "install-hint", defaultInstallHint,
		"`text` that kubectl shows where the command is missing")
	f.Lookup("install-hint").DefValue = "how to install sso-exec"
	f.BoolVar(&s.provideClusterInfo, "provide-cluster-info", false,
		"hand the cluster's address to sso-exec (default: if the profile has clusters)")
	f.BoolVar(&s.printConfig, "print-auth-config", false,
		"print the AuthenticationConfiguration of an API server that accepts these tokens, and do nothing else")
	f.BoolVar(&s.printFlags, "print-auth-flags", false, "print the same as --oidc-… flags of kube-apiserver")
	return command.WithSettings(s.o, cmd, s.run)
}

func (s *kubeSetup) run(ctx context.Context, args []string) error {
	if err := s.check(args); err != nil {
		return err
	}
	if s.printConfig || s.printFlags {
		return s.printAuth()
	}
	return s.Plan(func() error {
		once := *s // which fills in what was not given
		return once.once(ctx)
	})
}

// once plans the change and makes it, if the files are still as they were read.
func (s *kubeSetup) once(ctx context.Context) error {
	plan, err := s.open(ctx)
	if err != nil {
		return err
	}
	names, err := s.contextNames(plan)
	if err != nil {
		return err
	}
	if s.context = strings.Join(names[:min(1, len(names))], ""); s.Remove {
		return s.undo(plan, names)
	}
	e, err := s.stanza(plan)
	if err != nil || e == nil {
		return err
	}
	if err := s.setUser(plan, *e); err != nil {
		return err
	}
	if err := s.free(plan, names); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.setContext(plan, name); err != nil {
			return err
		}
	}
	s.warnCommand(e.Command)
	s.warn(e.Args)
	wrote, err := plan.apply(&s.Flags)
	if wrote {
		s.next(ctx, plan, *e)
	}
	return err
}

// check tells what is wrong with the command's own flags.
func (s *kubeSetup) check(args []string) error {
	if len(args) > 0 { // USER of --from-kubelogin
		if s.user != "" && s.user != args[0] {
			return fault.Usagef("two users are named: --user %s and %s", s.user, args[0])
		}
		s.user = args[0]
	}
	for _, name := range []string{"force", "explain"} {
		if s.line[name] {
			return fault.InUsage(fmt.Errorf("--%s is for one call, and does not belong into a kubeconfig", name),
				"leave it out; --replace replaces other credentials of the user entry")
		}
	}
	switch {
	case (s.printConfig || s.printFlags) && (s.Remove || s.fromKubelogin || s.contexts != nil ||
		s.printConfig == s.printFlags):
		return fault.Usagef("--print-auth-config and --print-auth-flags exclude each other, and flags about a kubeconfig")
	case s.Remove && s.fromKubelogin:
		return fault.Usagef("--remove and --from-kubelogin exclude each other")
	case s.printConfig || s.printFlags: // --cluster alone says whom the tokens are for
	case s.contexts == nil && (s.cluster != "" || s.namespace != "" || s.useContext):
		return fault.Usagef("--%s, --namespace and --use-context are about a context: name it with --context",
			s.clusterFlag)
	case (len(s.contexts) > 1 || slices.ContainsFunc(s.contexts, isPattern)) && (s.cluster != "" || s.useContext):
		return fault.Usagef("--%s and --use-context are about one context: name only that one", s.clusterFlag)
	case slices.Contains(s.contexts, ""):
		return fault.Usagef("--context is empty: name a context")
	}
	for flag, known := range map[string][]string{"api-version": {"v1", "v1beta1"},
		"interactive-mode": {"Never", "IfAvailable", "Always"}} {
		value := map[string]string{"api-version": s.apiVersion, "interactive-mode": s.interactiveMode}[flag]
		if !slices.Contains(known, value) {
			return fault.Usagef("--%s %q: use %s", flag, value, strings.Join(known, " or "))
		}
	}
	return nil
}

// stanza returns what the user entry is to have; nil: it has it already.
func (s *kubeSetup) stanza(plan *kubePlan) (*kubeconfig.Exec, error) {
	if s.fromKubelogin {
		return s.convert(plan)
	}
	if err := s.o.Check(); err != nil {
		return nil, err
	}
	if err := s.o.ExtraRoots().Err; err != nil { // better now than under kubectl
		return nil, err
	}
	if s.o.Provider.Identity == credential.Service && !s.line["interactive-mode"] {
		s.interactiveMode = "Never"
	}
	if err := acquire.CheckSecrets(context.Background(), s.o); err != nil {
		return nil, err
	}
	args, err := setup.Args(s.o, s.usesProfile())
	if err != nil {
		return nil, err
	}
	return &kubeconfig.Exec{
		APIVersion: execAPI + s.apiVersion, Command: plan.command, Args: args,
		InteractiveMode: s.interactiveMode, InstallHint: s.installHint,
		ProvideClusterInfo: s.provideClusterInfo || s.usesProfile() && s.o.HasClusters() && !s.line["provide-cluster-info"],
	}, nil
}

const execAPI = "client.authentication.k8s.io/"

// defaultUser is the name of the user entry if none is given; nothing if that
// cannot be determined.
func (s *kubeSetup) defaultUser() string {
	switch s.o.Tool {
	case settings.ToolEKS:
		return s.o.AWS.Cluster
	case settings.ToolGKE, settings.ToolAKS:
		return s.o.Tool
	}
	if s.usesProfile() {
		return s.o.Source.Profile
	}
	u, err := url.Parse(s.o.Provider.Issuer)
	if err != nil {
		return ""
	}
	return u.Host
}

// setUser plans the user entry.
func (s *kubeSetup) setUser(plan *kubePlan, e kubeconfig.Exec) error {
	named := s.user != ""
	if !named {
		s.user = s.defaultUser()
	}
	there, _ := plan.conf.User(s.user)
	if !named && !s.replace && plan.ours(there.Exec) && !sameSession(there.Exec.Args, e.Args) {
		return fault.InUsage(fmt.Errorf("user %q is there already, for another issuer, client or profile%s", s.user,
			map[bool]string{true: ", or another cluster"}[s.o.Tool != settings.ToolKube]),
			"--user NAME makes another entry; --user "+talk.Quote(s.user)+" changes that one")
	}
	s.warnLost(there, e)
	// What runs kubelogin is what was asked to be replaced.
	replace := s.replace || s.fromKubelogin && !there.Extras
	if plan.ours(there.Exec) && !s.fromKubelogin {
		s.keep(&e, *there.Exec)
	}
	err := plan.change(plan.conf.UserFile(s.user), func(text []byte) ([]byte, error) {
		return kubeconfig.SetUser(text, s.user, e, replace)
	})
	if exists, ok := errors.AsType[*kubeconfig.ExistsError](err); ok {
		hint := "--replace puts sso-exec in their place (a backup is kept); --user NAME makes another entry"
		if convertible(exists.User) && !s.fromKubelogin {
			hint = "--from-kubelogin " + talk.Quote(s.user) +
				" converts it; --replace replaces it (a backup is kept); --user NAME makes another entry"
		}
		return fault.InUsage(err, hint)
	}
	return err
}

// keep takes over what the stanza has that no flag was given for: somebody may have
// edited it. The arguments are the settings, which are always those of this run.
func (s *kubeSetup) keep(e *kubeconfig.Exec, was kubeconfig.Exec) {
	e.Env = was.Env
	if !s.line["interactive-mode"] && was.InteractiveMode != "" && was.InteractiveMode != "IfAvailable" {
		e.InteractiveMode = was.InteractiveMode
	}
	if !s.line["install-hint"] {
		e.InstallHint = was.InstallHint
	}
	if !s.line["provide-cluster-info"] {
		e.ProvideClusterInfo = e.ProvideClusterInfo || was.ProvideClusterInfo
	}
	if !s.line["api-version"] && strings.HasPrefix(was.APIVersion, execAPI+"v1") && was.APIVersion != execAPI+"v1alpha1" {
		e.APIVersion = was.APIVersion
	}
}
