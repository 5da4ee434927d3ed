package main

import (
	"fmt"
	"os"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// warn says, before anything is asked, what would keep the AWS CLI or an SDK
// from asking sso-exec, and who else takes the same token.
func (s *awsSetup) warn(path, text string) {
	if why := awsconfig.Unread(text); why != nil {
		fmt.Fprintf(stderr, "sso-exec: warning: the AWS CLI and boto3 cannot read %s: %s\n", oneLine(path), oneLine(why.Error()))
		fmt.Fprintln(stderr, "  fix that line: until then they take nothing of the file, this profile included")
	}
	home, _ := userfile.Home()
	credentials := awsconfig.CredentialsPath(os.LookupEnv, home)
	var credentialsText string
	if f, err := awsconfig.Open(credentials); err == nil {
		credentialsText = f.Text
	} else {
		fmt.Fprintf(stderr, "sso-exec: warning: whether %s has keys for this profile cannot be told: %s\n", oneLine(credentials), oneLine(err.Error()))
	}
	inFiles := false
	for _, c := range awsconfig.Conflicts(text, credentialsText, s.profile, os.Getenv) {
		where := map[awsconfig.Place]string{awsconfig.InConfig: path, awsconfig.InCredentials: credentials}[c.In]
		if where == "" {
			fmt.Fprintf(stderr, "sso-exec: warning: %s\n", oneLine(c.Text))
			continue
		}
		fmt.Fprintf(stderr, "sso-exec: warning: %s stands above sso-exec\n  %s\n", oneLine(fmt.Sprintf("%s:%d", where, c.Line)), oneLine(c.Text))
		inFiles = true
	}
	if inFiles {
		fmt.Fprintln(stderr, "  take that out, or write another profile: --aws-profile NAME")
	}
	if os.Getenv(secretVariable) != "" && s.o.clientSecretFile == "" {
		fmt.Fprintf(stderr, "sso-exec: warning: the client secret in %s is not written into the AWS config\n", secretVariable)
		fmt.Fprintln(stderr, "  keep it in a file that only you can read, and give that with --client-secret-file")
	}
	s.warnOfClusters(home)
}

// warnOfClusters says which user entries of the kubeconfig send the ID token
// that the role is had for to a cluster.
func (s *awsSetup) warnOfClusters(home string) {
	if s.o.tokenType != credential.IDToken {
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
		fmt.Fprintf(stderr, `sso-exec: warning: a cluster takes the same ID token as AWS: that of client %s
  user %q of %s sends it;
  whoever runs the cluster sees the tokens that are sent to it, and could assume
  the role %s
  register a client for AWS alone, have the role trust only that, and name it
  here with --client-id
`, oneLine(s.o.clientID), u.Name, oneLine(u.File), oneLine(s.o.roleARN))
	}
}

// sameToken tells whether an exec stanza gets ID tokens for the same client.
func (s *awsSetup) sameToken(e kubeconfig.Exec, home string) bool {
	args := e.Args
	if (&kubePlan{}).ours(&e) {
		args = args[1:]
	} else if other, _, err := kubeconfig.FromKubelogin(e, "sso-exec", home); err == nil && len(other.Args) > 0 {
		args = other.Args[1:]
	} else {
		return false
	}
	o := newOptions(toolKube)
	if o.flags.Parse(args) != nil || o.read(nil) != nil {
		return false
	}
	return o.issuer == s.o.issuer && o.clientID == s.o.clientID && o.tokenType == credential.IDToken
}
