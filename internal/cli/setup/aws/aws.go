// Package aws has the command that makes the AWS CLI call sso-exec.
package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// awsSetup is what setup aws was asked for.
type awsSetup struct {
	setup.Flags
	o    *settings.Resolved
	line map[string]bool // the flags on the command line; o.given has the variables too

	profile, config, command string
	wrote                    string // the command that is written

	everything bool
	template   string
}

const nameTemplate = "{account}-{role}"

// New makes the command that has the AWS CLI and SDKs call sso-exec.
func New() *cobra.Command {
	s := &awsSetup{o: settings.For(settings.ToolAWS), line: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "aws",
		Short: "write a profile of the AWS config that calls sso-exec",
		Long: `Write credential_process, and the region if one is given, into a profile of the
AWS config. Nothing else changes; the old value of a line stays there as a
comment. The old file is kept as FILE.bak.

The settings of a sign-in and of the role become the arguments of sso-exec aws.
With a profile of sso-exec, only its name does.`,
		Example: `  sso-exec setup aws --profile aws-dev --aws-profile dev
  sso-exec setup aws --aws-profile dev --issuer https://login.example.com \
    --client-id aws --role-arn arn:aws:iam::123456789012:role/dev
  sso-exec setup aws --profile corp --all
  sso-exec setup aws --aws-profile dev --remove`,
		Args: command.NoArgs,
		PreRun: func(cmd *cobra.Command, _ []string) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { s.line[f.Name] = f.Changed })
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.profile, "aws-profile", "", "`name` of the profile in the AWS config; default is the one that is "+
		"used where none is named (default: as sso-exec's profile)")
	f.Var(settings.Path.Var(&s.config), "aws-config", "`file` to change (default: $AWS_CONFIG_FILE or ~/.aws/config)")
	f.BoolVar(&s.everything, "all", false,
		"a profile for each account and role that IAM Identity Center assigns, else for each role that the config "+
			"names; with --remove all of these go")
	f.StringVar(&s.template, "name-template", nameTemplate,
		"what --all names them: `TEMPLATE` of {account} (its name), {account-id} and {role}")
	s.Add(f)
	f.Var(settings.Path.Var(&s.command), "command",
		"`path` of the program (default: sso-exec if PATH leads to this one, else where this one is)")
	cmd = command.WithSettings(s.o, cmd, s.run)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if s.Remove && s.profile != "" && !s.everything { // whatever the config of sso-exec says
			return command.Failed(s.o, s.Plan(s.undo))
		}
		return run(cmd, args)
	}
	return cmd
}

func (s *awsSetup) run(ctx context.Context, _ []string) error {
	for _, name := range []string{"force", "explain", "output"} {
		if s.line[name] {
			return fault.Usagef("--%s is for one call, and does not belong into the AWS config", name)
		}
	}
	if s.everything {
		return s.all(ctx)
	}
	if s.profile == "" && s.usesProfile() {
		s.profile = s.o.Source.Profile
	}
	if s.profile == "" {
		return fault.InUsage(errors.New("which profile of the AWS config is it?"),
			"give --aws-profile NAME; default is the one that is used where none is named")
	}
	if s.Remove {
		return s.Plan(s.undo)
	}
	region := s.o.AWS.Region // before the check fills in $AWS_REGION
	if err := s.check(); err != nil {
		return err
	}
	process, err := s.process()
	if err != nil {
		return err
	}
	s.wrote = process
	return s.Plan(func() error { return s.put(process, region) })
}

// put writes the profile; region may be empty.
func (s *awsSetup) put(process, region string) error {
	file, err := s.open()
	if err != nil {
		return err
	}
	keys := []awsconfig.KV{{Key: "credential_process", Value: process}}
	// A region that only sso-exec's profile says is for its STS; it does no harm
	// where there is none, but a region that is there is somebody's choice.
	if _, has := awsconfig.Get(file.Text, s.profile, "region"); region != "" && (!has || s.o.From.Given("region")) {
		keys = append(keys, awsconfig.KV{Key: "region", Value: region})
	}
	text, err := awsconfig.Set(file.Text, s.profile, keys)
	if err != nil {
		return refusedEdit(file, err)
	}
	s.warn(file.Path, text)
	done, err := s.write(file, text)
	if done {
		fmt.Fprintln(talk.Out, "Try it: "+awsCommand(s.profile))
	}
	return err
}

// check tells what is wrong before the AWS CLI would.
func (s *awsSetup) check() error {
	if err := s.o.Check(); err != nil {
		return err
	}
	if err := s.o.ExtraRoots().Err; err != nil {
		return err
	}
	return acquire.CheckSecrets(context.Background(), s.o)
}

// usesProfile tells whether the process names sso-exec's profile.
func (s *awsSetup) usesProfile() bool {
	return setup.UsesProfile(s.o, "issuer", "client-id", "role-arn")
}

// process is the line of credential_process.
func (s *awsSetup) process() (string, error) {
	program, err := setup.ProgramOf(s.command, s.line["command"])
	if err != nil {
		return "", err
	}
	args, err := setup.Args(s.o, s.usesProfile())
	if err != nil {
		return "", err
	}
	line, err := awsconfig.Command(commandline.Here, append([]string{program}, args...))
	if err != nil {
		return "", fault.InUsage(err, "keep that setting in a profile of sso-exec, and name it with --profile")
	}
	return line, nil
}

// open reads the AWS config.
func (s *awsSetup) open() (*awsconfig.File, error) {
	path := s.config
	if path == "" {
		home, err := userfile.Home()
		if err != nil && os.Getenv("AWS_CONFIG_FILE") == "" {
			return nil, settings.NoHome("no AWS config", "give --aws-config FILE")
		}
		path = awsconfig.ConfigPath(os.LookupEnv, home)
	}
	file, err := awsconfig.Open(path)
	if err != nil {
		return nil, fault.InUsage(fmt.Errorf("AWS config: %w", err))
	}
	return file, nil
}

// undo takes out of the AWS config what setup put there.
func (s *awsSetup) undo() error {
	file, err := s.open()
	if err != nil {
		return err
	}
	text, found, err := awsconfig.Remove(file.Text, s.profile)
	if err != nil {
		return refusedEdit(file, err)
	}
	if !found {
		fmt.Fprintf(talk.Stderr, "sso-exec: setup wrote nothing into the profile %q of %s\n", s.profile,
			talk.OneLine(file.Path))
	}
	_, err = s.write(file, text)
	return err
}

// refusedEdit is an edit that would not be read in the same way by everybody.
func refusedEdit(file *awsconfig.File, err error) error {
	if text, ok := errors.AsType[*awsconfig.TextError](err); ok && text.Line > 0 {
		return fault.InUsage(fmt.Errorf("%s:%d: %s", file.Path, text.Line, text.Why),
			"nothing was changed; fix that line, then run this again")
	}
	return fault.InUsage(fmt.Errorf("%s: %w", file.Path, err), "nothing was changed")
}

// write shows the change, asks and makes it.
func (s *awsSetup) write(file *awsconfig.File, text string) (done bool, err error) {
	if text != file.Text && !s.DryRun {
		if err := file.Writable(); err != nil { // better now than once somebody has agreed
			return false, err
		}
	}
	return s.Apply(setup.Edit{Path: file.Path, Old: []byte(file.Text), New: []byte(text), Show: withoutSecrets(s.wrote),
		Write: func() error { return file.Write(text) }})
}

// A command of the config, also one that was commented out: its program and the rest.
var awsProcess = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?im)^(.*\bcredential_process[ \t]*[=:][ \t]*)([^\s"']+|"[^"\r\n]*"|'[^'\r\n]*')([ \t]+[^\r\n]*)$`)
})

// withoutSecrets hides keys that may stand near what is shown, and the arguments of
// programs that are not ours; process is the line that is to be there.
func withoutSecrets(process string) func([]byte) ([]byte, error) {
	return func(text []byte) ([]byte, error) {
		text = awsProcess().ReplaceAllFunc(text, func(line []byte) []byte {
			m := awsProcess().FindSubmatch(line)
			name := strings.Trim(string(m[2]), `"'`)
			name = strings.ToLower(name[strings.LastIndexAny(name, `/\`)+1:])
			ours := strings.TrimSuffix(name, ".exe") == "sso-exec" &&
				strings.HasPrefix(strings.TrimLeft(string(m[3]), " \t"), settings.ToolAWS)
			if ours || process != "" && bytes.HasSuffix(bytes.TrimRight(line, " \t"), []byte(process)) {
				return line
			}
			return slices.Concat(m[1], m[2], []byte(" (hidden)"))
		})
		return setup.HideSecrets(text)
	}
}

// awsCommand shows who one is under a profile.
func awsCommand(profile string) string {
	if profile == "default" {
		return "aws sts get-caller-identity"
	}
	return talk.Paste("aws", "--profile", profile, "sts", "get-caller-identity")
}

// warn says, before anything is asked, what would keep the AWS CLI or an SDK
// from asking sso-exec, and who else takes the same token.
func (s *awsSetup) warn(path, text string) {
	if why := awsconfig.Unread(text); why != nil {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: the AWS CLI and boto3 cannot read %s: %s\n", talk.OneLine(path),
			talk.OneLine(why.Error()))
		fmt.Fprintln(talk.Stderr, "  fix that line: until then they ignore the whole file, this profile too")
	}
	home, _ := userfile.Home()
	credentials := awsconfig.CredentialsPath(os.LookupEnv, home)
	var credentialsText string
	if f, err := awsconfig.Open(credentials); err == nil {
		credentialsText = f.Text
	} else {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: cannot determine whether %s has keys for this profile: %s\n",
			talk.OneLine(credentials), talk.OneLine(err.Error()))
	}
	inFiles := false
	for _, c := range awsconfig.Conflicts(text, credentialsText, s.profile, os.Getenv) {
		where := map[awsconfig.Place]string{awsconfig.InConfig: path, awsconfig.InCredentials: credentials}[c.In]
		if where == "" {
			fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n", talk.OneLine(c.Text))
			continue
		}
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s overrides sso-exec\n  %s\n",
			talk.OneLine(fmt.Sprintf("%s:%d", where, c.Line)), talk.OneLine(c.Text))
		inFiles = true
	}
	if inFiles {
		fmt.Fprintln(talk.Stderr, "  take that out, or write another profile: --aws-profile NAME")
	}
	setup.WarnSecret(s.o, "AWS config")
	s.warnOfClusters(home)
}

// warnOfClusters says which user entries of the kubeconfig send the ID token
// that the role is had for to a cluster.
func (s *awsSetup) warnOfClusters(home string) {
	if s.o.Target.TokenType != credential.IDToken {
		return
	}
	files, err := kubeconfig.Find("")
	if err != nil {
		return
	}
	conf, err := kubeconfig.Load(files)
	if err != nil { // kubectl says so
		return
	}
	for _, u := range conf.Users {
		if u.Exec == nil || !s.sameToken(*u.Exec, home) {
			continue
		}
		fmt.Fprintf(talk.Stderr, `sso-exec: warning: a cluster takes the same ID token as AWS: that of client %s
  user %q of %s sends it;
  whoever runs the cluster sees the tokens that are sent to it, and could assume
  the role %s
  register a client only for AWS, have the role trust only that client, and name it
  here with --client-id
`, talk.OneLine(s.o.Provider.ClientID), u.Name, talk.OneLine(u.File), talk.OneLine(s.o.AWS.RoleARN))
	}
}

// sameToken tells whether an exec stanza gets ID tokens for the same client.
func (s *awsSetup) sameToken(e kubeconfig.Exec, home string) bool {
	args := e.Args
	if setup.Runs(&e, "", settings.ToolKube) {
		args = args[1:]
	} else if other, _, err := kubeconfig.FromKubelogin(e, "sso-exec", home); err == nil && len(other.Args) > 0 {
		args = other.Args[1:]
	} else {
		return false
	}
	o, err := settings.Parse(settings.ToolKube, args)
	if err != nil || o.Read(nil) != nil {
		return false
	}
	return o.Provider.Issuer == s.o.Provider.Issuer && o.Provider.ClientID == s.o.Provider.ClientID &&
		o.Target.TokenType == credential.IDToken
}
