package acquire

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// awsTTL is how long a role's cached keys must last: SDKs call the process
// again and again once fewer than 15 minutes are left.
var awsTTL = session.TTL{Exact: -1, Most: 15 * time.Minute, Part: 2}

// awsSteps is the chain from the ID token to the role's keys.
func awsSteps(o *settings.Resolved, s *session.Session) []session.Step {
	request := sts.WebIdentity{
		Endpoint: o.AWS.STSEndpoint, RoleARN: o.AWS.RoleARN, SessionName: o.AWS.RoleSessionName,
		Duration: o.AWS.Duration, PolicyARNs: o.AWS.PolicyARNs,
	}
	params := []any{o.Target.TokenType, request}
	bundle := awsBundle()
	if bundle != "" { // keys that came under other roots are not for those who trust them not
		params = append(params, bundle)
	}
	return []session.Step{{
		Kind: "web-identity", Params: params, For: o.AWS.RoleARN,
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			hc, err := clientForSTS(o, s, bundle)
			if err != nil {
				return credential.Credential{}, err
			}
			return sts.AssumeRoleWithWebIdentity(ctx, hc, request, token.Token)
		},
	}}
}

// awsBundle returns the file of AWS_CA_BUNDLE.
func awsBundle() string {
	path := settings.AWSVariable("AWS_CA_BUNDLE")
	if path == "" {
		return ""
	}
	if expanded, err := userfile.Expand(path); err == nil {
		path = expanded
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// clientForSTS returns the session's client, which under AWS_CA_BUNDLE trusts
// those certificates as well. The identity provider is never asked with it.
func clientForSTS(o *settings.Resolved, s *session.Session, bundle string) (*http.Client, error) {
	if bundle == "" {
		return s.HTTP, nil
	}
	pem, err := userfile.Read(bundle)
	if pem = userfile.Text(pem); err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("no certificate in PEM form in %s", bundle)
	}
	if err != nil {
		return nil, &session.LocalError{Kind: session.FailedUsage, Err: fault.Usagef("variable AWS_CA_BUNDLE: %w", err)}
	}
	hc, err := session.NewHTTP(o.Network.Timeout, slices.Concat(o.ExtraRoots().Pem, pem), s.Log)
	if err != nil {
		return nil, err
	}
	flows.HoldLike(hc, s.HTTP, "AWS_CA_BUNDLE")
	return hc, nil
}
