package acquire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// newClient is how the client authenticates; hc presents its certificate.
func newClient(ctx context.Context, o *settings.Resolved, hc *http.Client) (flows.Client, error) {
	c := flows.Client{ID: o.Provider.ClientID, Method: o.AuthMethod()}
	named := func(methods ...string) bool { return slices.Contains(methods, c.Method) }
	if named(flows.AuthPrivateKeyJWT, flows.AuthTLS, flows.AuthSelfSignedTLS) &&
		(o.Client.KeyFile != "" || o.Client.KeyCommand != "") {
		key, err := clientKey(ctx, o)
		if err != nil {
			return c, local(err)
		}
		if c.Method == flows.AuthPrivateKeyJWT {
			c.Asserter = key
			return c, nil
		}
		pem, err := userfile.Read(o.Client.CertFile)
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
	case o.SignIn.Flow == flows.FlowClientCredentials && o.Workload.SubjectFrom != "" &&
		named("", flows.AuthPrivateKeyJWT):
		c.Asserter = assertion{o, hc}
		return c, nil
	case named(flows.AuthNone):
		return c, nil
	}
	var err error
	c.Secret, err = clientSecret(ctx, o)
	return c, local(err)
}

// clientKey reads the client's private key.
func clientKey(ctx context.Context, o *settings.Resolved) (*flows.Key, error) {
	flag, text := "--client-key-file", []byte(nil)
	var err error
	if o.Client.KeyCommand != "" &&
		(o.Client.KeyFile == "" || o.From.Given("client-key-command") && !o.From.Given("client-key-file")) {
		flag = "--client-key-command"
		text, err = helperOutput(ctx, o, flag, o.Client.KeyCommand)
	} else {
		text, err = readSecretFile(flag, o.Client.KeyFile)
	}
	if err != nil {
		return nil, err
	}
	k := flows.KeyOptions{ID: o.Client.KeyID, Audience: o.Client.AssertionAudience}
	if o.Client.CertFile != "" && o.AuthMethod() == flows.AuthPrivateKeyJWT {
		pem, err := userfile.Read(o.Client.CertFile)
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

// clientSecret reads the client's secret, if it has one.
func clientSecret(ctx context.Context, o *settings.Resolved) (credential.Secret, error) {
	var none credential.Secret
	from, err := o.SecretSource()
	if err != nil {
		return none, err
	}
	var text []byte
	switch from {
	case "":
		return none, nil
	case settings.SecretVariable:
		text = []byte(o.SecretInVariable())
	case "client-secret-file":
		text, err = readSecretFile("--"+from, o.Client.SecretFile)
	case "client-secret-command":
		text, err = helperOutput(ctx, o, "--"+from, o.Client.SecretCommand)
	case "client-secret-fd":
		text, err = userfile.ReadDescriptor(ctx, o.Client.SecretFD)
	}
	if err != nil {
		return none, err
	}
	secret := strings.TrimRight(string(userfile.Text(text)), "\r\n")
	if secret == "" {
		if from != settings.SecretVariable {
			from = "--" + from
		}
		return none, fault.Usagef("%s: it is empty", from)
	}
	return credential.NewSecret(secret), nil
}

// CheckSecrets reads what is kept in files, so that it fails now and not under
// some tool. No helper is run.
func CheckSecrets(ctx context.Context, o *settings.Resolved) error {
	from, err := o.SecretSource()
	if err == nil && from == "client-secret-file" {
		_, err = readSecretFile("--"+from, o.Client.SecretFile)
	}
	if err == nil && o.Client.KeyFile != "" {
		_, err = clientKey(ctx, o)
	}
	return err
}

// readSecretFile reads a secret that a user keeps in a file.
func readSecretFile(flag, path string) ([]byte, error) {
	b, err := userfile.ReadSecret(path)
	switch {
	case fault.Holds[*userfile.UnsafeError](err):
		return nil, err
	case err != nil:
		return nil, fault.Usagef("%s: %w", flag, err)
	case strings.TrimSpace(string(b)) == "":
		return nil, fault.Usagef("%s: %s is empty", flag, path)
	}
	return b, nil
}

// helperOutput runs a helper that prints a secret.
func helperOutput(ctx context.Context, o *settings.Resolved, flag, command string) ([]byte, error) {
	words, err := commandline.Command(command)
	if err != nil {
		return nil, fault.Usagef("%s: %w", flag, err)
	}
	out, err := workload.RunCommand(ctx, words, helperEnvironment(o))
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fault.Usagef("%s: %w", flag, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return out, nil
}

// helperEnvironment is that of helpers; nil: ours. Where the policy lets the system's
// config alone name them, no variable of the caller's has one run something else.
func helperEnvironment(o *settings.Resolved) []string {
	if o.Policy == nil || !o.Policy.HelpersDenied {
		return nil
	}
	return browser.Environment()
}

// local gives a failure on this machine its kind, for those who wait for it.
func local(err error) error {
	kind := session.FailedOther
	switch {
	case err == nil || fault.Holds[*talk.SignalError](err):
		return err
	case fault.Holds[*userfile.UnsafeError](err):
		kind = session.FailedFile
	default:
		switch fault.KindOf(err) {
		case fault.Usage:
			kind = session.FailedUsage
		case fault.Unavailable:
			kind = session.FailedProvider
		case fault.Storage:
			kind = session.FailedStorage
		}
	}
	return &session.LocalError{Kind: kind, Err: err}
}
