package aws

import (
	"fmt"
	"os"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// warn says, before anything is asked, what would keep the AWS CLI or an SDK
// from asking sso-exec, and who else takes the same token.
func (s *awsSetup) warn(path, text string) {
	if why := awsconfig.Unread(text); why != nil {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: the AWS CLI and boto3 cannot read %s: %s\n", talk.OneLine(path),
			talk.OneLine(why.Error()))
		fmt.Fprintln(talk.Stderr, "  fix that line: until then they take nothing of the file, this profile included")
	}
	home, _ := userfile.Home()
	credentials := awsconfig.CredentialsPath(os.LookupEnv, home)
	var credentialsText string
	if f, err := awsconfig.Open(credentials); err == nil {
		credentialsText = f.Text
	} else {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: whether %s has keys for this profile cannot be told: %s\n",
			talk.OneLine(credentials), talk.OneLine(err.Error()))
	}
	inFiles := false
	for _, c := range awsconfig.Conflicts(text, credentialsText, s.profile, os.Getenv) {
		where := map[awsconfig.Place]string{awsconfig.InConfig: path, awsconfig.InCredentials: credentials}[c.In]
		if where == "" {
			fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n", talk.OneLine(c.Text))
			continue
		}
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s stands above sso-exec\n  %s\n",
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
  register a client for AWS alone, have the role trust only that, and name it
  here with --client-id
`, talk.OneLine(s.o.Provider.ClientID), u.Name, talk.OneLine(u.File), talk.OneLine(s.o.AWS.RoleARN))
	}
}

// sameToken tells whether an exec stanza gets ID tokens for the same client.
func (s *awsSetup) sameToken(e kubeconfig.Exec, home string) bool {
	args := e.Args
	if setup.RunsKube(&e, "") {
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
