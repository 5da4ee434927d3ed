package settings

import (
	"errors"
	"os"
	"slices"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/check"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// SecretVariable holds a client's secret itself. Like every variable it stands
// above a profile.
const SecretVariable = "SSO_EXEC_CLIENT_SECRET"

// HasCredential reports whether the client has anything to authenticate with.
func (o *Resolved) HasCredential() bool {
	return o.Client.SecretFile != "" || o.Client.SecretCommand != "" || o.Client.SecretFD >= 0 ||
		o.SecretInVariable() != "" ||
		o.Client.KeyFile != "" || o.Client.KeyCommand != "" || o.Workload.SubjectFrom != ""
}

// TakeClient authenticates as other settings say.
func (o *Resolved) TakeClient(from *Resolved) {
	o.From, o.Client, o.ProfileHold = from.From, from.Client, from.ProfileHold
}

// ForgetClient leaves out what the client authenticates with, the variable's
// secret too.
func (o *Resolved) ForgetClient() {
	o.Client = Client{SecretFD: -1, AssertionAudience: o.Client.AssertionAudience}
	o.Workload.SubjectFrom, o.ProfileHold = "", nil
	o.FromProfile = true
}

// SecretInVariable is the client's secret that the environment has, if it is this
// client's.
func (o *Resolved) SecretInVariable() string {
	if o.FromProfile { // it is of the client that flags or variables name
		return ""
	}
	return os.Getenv(SecretVariable)
}

// checkClient tells what is wrong with how the client authenticates.
func (o *Resolved) checkClient() error {
	hasKey := o.Client.KeyFile != "" || o.Client.KeyCommand != ""
	usesTLS := o.Client.Auth == flows.AuthTLS || o.Client.Auth == flows.AuthSelfSignedTLS
	switch {
	case o.Client.KeyFile != "" && o.Client.KeyCommand != "" &&
		o.From.Given("client-key-file") == o.From.Given("client-key-command"):
		return fault.Usagef("--client-key-file and --client-key-command contradict each other: leave one of them out")
	case o.Client.SecretFD == 1 || o.Client.SecretFD == 2:
		return fault.Usagef("--client-secret-fd %d: that is where output goes", o.Client.SecretFD)
	case o.Client.CertFile != "" && !hasKey:
		return fault.InUsage(errors.New("--client-cert-file: the certificate's private key is missing"),
			"give --client-key-file or --client-key-command")
	case usesTLS && o.Client.CertFile == "":
		return fault.InUsage(errors.New("--client-auth "+o.Client.Auth+": which certificate?"),
			"give --client-cert-file and --client-key-file")
	case o.Client.Auth == flows.AuthPrivateKeyJWT && !hasKey && o.Workload.SubjectFrom == "":
		return fault.InUsage(errors.New("--client-auth private_key_jwt: which key?"),
			"give --client-key-file or --client-key-command")
	case (o.Client.Auth == flows.AuthSecretBasic || o.Client.Auth == flows.AuthSecretPost) &&
		o.Client.SecretFile == "" && o.Client.SecretCommand == "" && o.Client.SecretFD < 0 && o.SecretInVariable() == "":
		return fault.InUsage(errors.New("--client-auth "+o.Client.Auth+": no secret"),
			"give --client-secret-file or --client-secret-command, or set "+SecretVariable)
	case hasKey && o.SignIn.Flow == flows.FlowClientCredentials && o.Workload.SubjectFrom != "":
		return fault.Usagef("a key and --subject-token-from contradict each other: the client has one credential")
	}
	if o.Client.SecretFD >= 0 {
		userfile.ClaimDescriptor(o.Client.SecretFD)
	}
	if err := check.AssertionAudience(o.Client.AssertionAudience); o.Client.AssertionAudience != "" && err != nil {
		return fault.Usagef("--assertion-audience %w", err)
	}
	_, err := o.SecretSource()
	return err
}

// AuthMethod is how the client authenticates, as far as that is said; empty: by
// the provider's metadata.
func (o *Resolved) AuthMethod() string {
	switch {
	case o.Client.Auth != "":
		return o.Client.Auth
	case o.Client.CertFile != "":
		return flows.AuthTLS
	case o.Client.KeyFile != "" || o.Client.KeyCommand != "":
		return flows.AuthPrivateKeyJWT
	}
	return ""
}

// SecretSource tells which flag has the client's secret; empty: none does. What
// is given overrides a profile.
func (o *Resolved) SecretSource() (string, error) {
	byFlag := []string{"client-secret-file", "client-secret-command", "client-secret-fd"}
	if o.SecretInVariable() != "" && !slices.ContainsFunc(byFlag, o.From.Given) {
		return SecretVariable, nil
	}
	var all, given []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"client-secret-file", o.Client.SecretFile != ""}, {"client-secret-command", o.Client.SecretCommand != ""},
		{"client-secret-fd", o.Client.SecretFD >= 0}} {
		if f.set {
			all = append(all, f.name)
		}
		if f.set && o.From.Given(f.name) {
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
