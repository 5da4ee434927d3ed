package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// This file is how the program authenticates to the provider: by a secret, a
// key, a certificate, or where it runs.

// clientFlags are the settings of that.
var clientFlags = []string{"client-auth", "client-secret-file", "client-secret-command", "client-secret-fd", "client-key-file", "client-key-command", "client-key-id",
	"client-cert-file", "assertion-audience"}

// credentialFlags name a credential, which is for one provider alone.
var credentialFlags = []string{"client-secret-file", "client-secret-command", "client-key-file", "client-key-command", "client-cert-file", "subject-token-from", "actor-token-from"}

// secretVariable holds a client's secret itself. Like every variable it stands
// above a profile.
const secretVariable = "SSO_EXEC_CLIENT_SECRET"

// hasCredential reports whether the client has anything to authenticate with.
func (o *options) hasCredential() bool {
	return o.clientSecretFile != "" || o.clientSecretCommand != "" || o.clientSecretFD >= 0 || o.secretInVariable() != "" ||
		o.clientKeyFile != "" || o.clientKeyCommand != "" || o.subjectTokenFrom != ""
}

// takeClient authenticates as other settings say.
func (o *options) takeClient(from *options) {
	o.given = from.given
	o.clientSecretFile, o.clientSecretCommand, o.clientSecretFD = from.clientSecretFile, from.clientSecretCommand, from.clientSecretFD
	o.clientKeyFile, o.clientKeyCommand, o.clientKeyID = from.clientKeyFile, from.clientKeyCommand, from.clientKeyID
	o.profileHold = from.profileHold
	o.clientCertFile, o.clientAuth, o.assertionAudience = from.clientCertFile, from.clientAuth, from.assertionAudience
}

// forgetClient leaves out what the client authenticates with, the variable's
// secret too.
func (o *options) forgetClient() {
	o.clientSecretFile, o.clientSecretCommand, o.clientSecretFD = "", "", -1
	o.clientKeyFile, o.clientKeyCommand, o.clientKeyID, o.clientCertFile, o.clientAuth = "", "", "", "", ""
	o.subjectTokenFrom, o.profileHold = "", nil
	o.fromProfile = true
}

func (o *options) secretInVariable() string {
	if o.fromProfile { // it is of the client that flags or variables name
		return ""
	}
	return os.Getenv(secretVariable)
}

// checkClient tells what is wrong with how the client authenticates.
func (o *options) checkClient() error {
	hasKey := o.clientKeyFile != "" || o.clientKeyCommand != ""
	usesTLS := o.clientAuth == flows.AuthTLS || o.clientAuth == flows.AuthSelfSignedTLS
	switch {
	case o.clientKeyFile != "" && o.clientKeyCommand != "" && o.given["client-key-file"] == o.given["client-key-command"]:
		return fault.Usagef("--client-key-file and --client-key-command contradict each other: leave one of them out")
	case o.clientSecretFD == 1 || o.clientSecretFD == 2:
		return fault.Usagef("--client-secret-fd %d: that is where output goes", o.clientSecretFD)
	case o.clientCertFile != "" && !hasKey:
		return fault.InUsage(errors.New("--client-cert-file: the certificate's private key is missing"), "give --client-key-file or --client-key-command")
	case usesTLS && o.clientCertFile == "":
		return fault.InUsage(errors.New("--client-auth "+o.clientAuth+": which certificate?"), "give --client-cert-file and --client-key-file")
	case o.clientAuth == flows.AuthPrivateKeyJWT && !hasKey && o.subjectTokenFrom == "":
		return fault.InUsage(errors.New("--client-auth private_key_jwt: which key?"), "give --client-key-file or --client-key-command")
	case (o.clientAuth == flows.AuthSecretBasic || o.clientAuth == flows.AuthSecretPost) &&
		o.clientSecretFile == "" && o.clientSecretCommand == "" && o.clientSecretFD < 0 && o.secretInVariable() == "":
		return fault.InUsage(errors.New("--client-auth "+o.clientAuth+": there is no secret"), "give --client-secret-file or --client-secret-command, or set "+secretVariable)
	case hasKey && o.flow == flows.FlowClientCredentials && o.subjectTokenFrom != "":
		return fault.Usagef("a key and --subject-token-from contradict each other: the client has one credential")
	}
	if o.clientSecretFD >= 0 {
		claimDescriptor(o.clientSecretFD)
	}
	if err := checkAssertionAudience(o.assertionAudience); o.assertionAudience != "" && err != nil {
		return fault.Usagef("--assertion-audience %w", err)
	}
	_, err := o.secretSource()
	return err
}

// authMethod is how the client authenticates, as far as that is said; empty: by
// the provider's metadata.
func (o *options) authMethod() string {
	switch {
	case o.clientAuth != "":
		return o.clientAuth
	case o.clientCertFile != "":
		return flows.AuthTLS
	case o.clientKeyFile != "" || o.clientKeyCommand != "":
		return flows.AuthPrivateKeyJWT
	}
	return ""
}

// newClient is how the client authenticates; hc presents its certificate.
func (o *options) newClient(ctx context.Context, hc *http.Client) (flows.Client, error) {
	c := flows.Client{ID: o.clientID, Method: o.authMethod()}
	named := func(methods ...string) bool { return slices.Contains(methods, c.Method) }
	if named(flows.AuthPrivateKeyJWT, flows.AuthTLS, flows.AuthSelfSignedTLS) && (o.clientKeyFile != "" || o.clientKeyCommand != "") {
		key, err := o.clientKey(ctx)
		if err != nil {
			return c, local(err)
		}
		if c.Method == flows.AuthPrivateKeyJWT {
			c.Asserter = key
			return c, nil
		}
		pem, err := userfile.Read(o.clientCertFile)
		if err != nil {
			return c, local(fault.Usagef("--client-cert-file: %w", err))
		}
		certificate, err := key.TLSCertificate(userfile.Text(pem))
		if err != nil {
			return c, local(fault.Usagef("--client-cert-file: %w", err))
		}
		return c, flows.PresentCertificate(hc, certificate)
	}
	switch {
	case o.flow == flows.FlowClientCredentials && o.subjectTokenFrom != "" && named("", flows.AuthPrivateKeyJWT):
		c.Asserter = assertion{o}
		return c, nil
	case named(flows.AuthNone):
		return c, nil
	}
	var err error
	c.Secret, err = o.clientSecret(ctx)
	return c, local(err)
}

// clientKey reads the client's private key.
func (o *options) clientKey(ctx context.Context) (*flows.Key, error) {
	flag, text := "--client-key-file", []byte(nil)
	var err error
	if o.clientKeyCommand != "" && (o.clientKeyFile == "" || o.given["client-key-command"] && !o.given["client-key-file"]) {
		flag = "--client-key-command"
		text, err = helperOutput(ctx, flag, o.clientKeyCommand)
	} else {
		text, err = readSecretFile(flag, o.clientKeyFile)
	}
	if err != nil {
		return nil, err
	}
	k := flows.KeyOptions{ID: o.clientKeyID, Audience: o.assertionAudience}
	if o.clientCertFile != "" && o.authMethod() == flows.AuthPrivateKeyJWT {
		pem, err := userfile.Read(o.clientCertFile)
		if err != nil {
			return nil, fault.Usagef("--client-cert-file: %w", err)
		}
		k.Certificates = userfile.Text(pem)
	}
	key, err := flows.ParseKey(userfile.Text(text), k)
	if err != nil {
		return nil, fault.Usagef("%s: %w", flag, err)
	}
	return key, nil
}

// secretSource tells which flag has the client's secret; empty: none does. What
// is given stands above a profile.
func (o *options) secretSource() (string, error) {
	if o.secretInVariable() != "" && !slices.ContainsFunc([]string{"client-secret-file", "client-secret-command", "client-secret-fd"}, func(name string) bool { return o.given[name] }) {
		return secretVariable, nil
	}
	var all, given []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"client-secret-file", o.clientSecretFile != ""}, {"client-secret-command", o.clientSecretCommand != ""}, {"client-secret-fd", o.clientSecretFD >= 0}} {
		if f.set {
			all = append(all, f.name)
		}
		if f.set && o.given[f.name] {
			given = append(given, f.name)
		}
	}
	if len(given) > 0 {
		all = given
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", fault.Usagef("--%s and --%s contradict each other: leave one of them out", all[0], all[1])
}

// clientSecret reads the client's secret, if it has one.
func (o *options) clientSecret(ctx context.Context) (credential.Secret, error) {
	var none credential.Secret
	from, err := o.secretSource()
	if err != nil {
		return none, err
	}
	var text []byte
	switch from {
	case "":
		return none, nil
	case secretVariable:
		text = []byte(o.secretInVariable())
	case "client-secret-file":
		text, err = readSecretFile("--"+from, o.clientSecretFile)
	case "client-secret-command":
		text, err = helperOutput(ctx, "--"+from, o.clientSecretCommand)
	case "client-secret-fd":
		text, err = readDescriptor(ctx, o.clientSecretFD)
	}
	if err != nil {
		return none, err
	}
	secret := strings.TrimRight(string(userfile.Text(text)), "\r\n")
	if secret == "" {
		if from != secretVariable {
			from = "--" + from
		}
		return none, fault.Usagef("%s: it is empty", from)
	}
	return credential.NewSecret(secret), nil
}

// checkSecrets reads what is kept in files, so that it fails now and not under
// some tool. No helper is run.
func (o *options) checkSecrets(ctx context.Context) error {
	from, err := o.secretSource()
	if err == nil && from == "client-secret-file" {
		_, err = readSecretFile("--"+from, o.clientSecretFile)
	}
	if err == nil && o.clientKeyFile != "" {
		_, err = o.clientKey(ctx)
	}
	return err
}

// readSecretFile reads a secret that a user keeps in a file.
func readSecretFile(flag, path string) ([]byte, error) {
	b, err := userfile.ReadSecret(path)
	var unsafe *userfile.UnsafeError
	switch {
	case errors.As(err, &unsafe):
		return nil, err
	case err != nil:
		return nil, fault.Usagef("%s: %w", flag, err)
	case strings.TrimSpace(string(b)) == "":
		return nil, fault.Usagef("%s: %s is empty", flag, path)
	}
	return b, nil
}

// helperOutput runs a helper that prints a secret.
func helperOutput(ctx context.Context, flag, command string) ([]byte, error) {
	words, err := commandline.Command(command)
	if err != nil {
		return nil, fault.Usagef("%s: %w", flag, err)
	}
	out, err := workload.RunCommand(ctx, words)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fault.Usagef("%s: %w", flag, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return out, nil
}
