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
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// awsTTL is how long a role's cached keys must last: SDKs call the process
// again and again once fewer than 15 minutes are left.
var awsTTL = session.TTL{Exact: -1, Most: 15 * time.Minute, Part: 2}

// awsSteps is the chain from the ID token to the role's keys, and from there to those
// of further roles.
func awsSteps(o *settings.Resolved, s *session.Session) []session.Step {
	bundle := awsBundle()
	link := func(role string, params []any, kind string,
		run func(context.Context, *http.Client, credential.Credential) (credential.Credential, error)) session.Step {
		if bundle != "" { // keys that came under other roots are not for those who trust them not
			params = append(params, bundle)
		}
		return session.Step{Kind: kind, Params: params, For: role,
			Run: func(ctx context.Context, parent credential.Credential) (credential.Credential, error) {
				hc, err := clientForSTS(o, s, bundle)
				if err != nil {
					return credential.Credential{}, err
				}
				return run(ctx, hc, parent)
			}}
	}
	first := sts.WebIdentity{Endpoint: o.AWS.STSEndpoint, RoleARN: o.AWS.RoleARN, SessionName: o.AWS.RoleSessionName}
	if len(o.AWS.Chain) == 0 {
		first.Duration, first.PolicyARNs = o.AWS.Duration, o.AWS.PolicyARNs
	}
	var steps []session.Step
	if o.Center() != nil {
		steps = centerSteps(o, s)
	} else {
		steps = append(steps, link(o.AWS.RoleARN, []any{o.Target.TokenType, first}, "web-identity",
			func(ctx context.Context, hc *http.Client, token credential.Credential) (credential.Credential, error) {
				return sts.AssumeRoleWithWebIdentity(ctx, hc, first, token.Token)
			}))
	}
	for _, next := range chained(o) {
		steps = append(steps, link(next.RoleARN, []any{next}, "chained-role",
			func(ctx context.Context, hc *http.Client, parent credential.Credential) (credential.Credential, error) {
				return sts.AssumeRole(ctx, hc, next, *parent.AWS)
			}))
	}
	return steps
}

// chained are the requests for the roles that are assumed by other roles.
func chained(o *settings.Resolved) (all []sts.Chained) {
	for i, role := range o.AWS.Chain {
		r := sts.Chained{Endpoint: o.AWS.STSEndpoint, RoleARN: role, SessionName: o.AWS.RoleSessionName,
			Region: sts.SigningRegion(o.AWS.STSEndpoint, o.AWSRegion())}
		if i == 0 {
			r.ExternalID, r.SourceIdentity = o.AWS.ExternalID, o.AWS.SourceIdentity
			r.Tags, r.TransitiveTags = o.AWSTags(), o.AWS.TransitiveTags
		}
		if i == len(o.AWS.Chain)-1 { // what is handed out
			r.Duration, r.PolicyARNs = o.AWS.Duration, o.AWS.PolicyARNs
		}
		all = append(all, r)
	}
	return all
}

// ecrStep is the link from a role's keys to a registry's password.
func ecrStep(o *settings.Resolved, s *session.Session, r sts.Registry) session.Step {
	bundle := awsBundle()
	r.Endpoint, _ = settings.ECREndpoint(r) // it was checked
	return session.Step{Kind: "ecr", Params: []any{r.Endpoint, r.Region, bundle}, For: r.Host,
		Run: func(ctx context.Context, parent credential.Credential) (credential.Credential, error) {
			hc, err := clientForSTS(o, s, bundle)
			if err != nil {
				return credential.Credential{}, err
			}
			return r.Password(ctx, hc, *parent.AWS)
		}}
}

// eksStep is the link from a role's keys to a cluster's token, which is made here.
func eksStep(o *settings.Resolved) session.Step {
	c, _ := o.EKSCluster() // it was checked
	return session.Step{Kind: "eks", Params: []any{c}, For: c.Name,
		Run: func(ctx context.Context, parent credential.Credential) (credential.Credential, error) {
			return c.Token(ctx, parent, time.Now())
		}}
}

// awsBundle returns the file of AWS_CA_BUNDLE, or of AWS_PROFILE's ca_bundle.
func awsBundle() string {
	path, _, _ := aws.Setting("AWS_CA_BUNDLE", "ca_bundle") // an AWS config that is unsafe was refused
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
