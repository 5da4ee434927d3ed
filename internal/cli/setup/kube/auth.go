package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file prints what an API server must be told, so that it accepts our tokens.

// prefix keeps a provider from naming somebody into system:masters.
const prefix = "oidc:"

// mapping is how an API server makes users of tokens.
type mapping struct {
	issuer      string
	audiences   []string
	user, group string // claims
}

// mappingOf is the usual mapping for settings.
func mappingOf(o *settings.Resolved) (m mapping, err error) {
	if err := o.Check(); err != nil {
		return m, err
	}
	m = mapping{o.Provider.Issuer, []string{o.Provider.ClientID}, "sub", "groups"}
	u, err := url.Parse(m.issuer)
	switch {
	case o.Center() != nil || o.Dialect().NoOpenID:
		return m, fault.InUsage(errors.New("an API server cannot check this provider's tokens: it has no ID tokens"),
			"name an OpenID provider with --issuer")
	case err != nil || u.Scheme != "https":
		return m, fault.InUsage(fmt.Errorf("an API server accepts no issuer that is not https: %s", m.issuer),
			"name the provider's https URL with --issuer")
	}
	if slices.Contains(o.Target.Scopes, "email") {
		m.user = "email"
	}
	for _, asked := range [][]string{slices.Concat(o.Exchange.Audiences, o.Exchange.Resources), o.AccessAudiences()} {
		if len(asked) > 0 {
			m.audiences = asked
			break
		}
	}
	if o.Target.TokenType == credential.AccessToken && m.audiences[0] == o.Provider.ClientID {
		talk.Warn(errors.New("the audience of an access token is the provider's choice: compare audiences with a token"))
	}
	return m, nil
}

// printAuth prints the mapping as the API server's configuration, or as its flags.
func (s *kubeSetup) printAuth() error {
	m, err := mappingOf(s.o)
	if err == nil && s.cluster != "" {
		m.audiences, err = s.clusterAudiences(m.audiences)
	}
	if err != nil {
		return err
	}
	if s.printFlags {
		return s.printAuthFlags(m)
	}
	type claim struct {
		Claim  string `yaml:"claim"`
		Prefix string `yaml:"prefix"`
	}
	type authenticator struct {
		Issuer struct {
			URL       string   `yaml:"url"`
			Audiences []string `yaml:"audiences"`
			Match     string   `yaml:"audienceMatchPolicy,omitempty"`
			CA        string   `yaml:"certificateAuthority,omitempty"`
		} `yaml:"issuer"`
		Mappings struct {
			Username claim `yaml:"username"`
			Groups   claim `yaml:"groups"`
		} `yaml:"claimMappings"`
	}
	var a authenticator
	a.Issuer.URL, a.Issuer.Audiences = m.issuer, m.audiences
	if pem := strings.TrimSpace(string(s.o.ExtraRoots().Pem)); pem != "" {
		a.Issuer.CA = pem + "\n"
	}
	if len(m.audiences) > 1 {
		a.Issuer.Match = "MatchAny"
	}
	a.Mappings.Username, a.Mappings.Groups = claim{m.user, prefix}, claim{m.group, prefix}
	text, err := yaml.Marshal(struct {
		APIVersion string          `yaml:"apiVersion"`
		Kind       string          `yaml:"kind"`
		JWT        []authenticator `yaml:"jwt"`
	}{"apiserver.config.k8s.io/v1", "AuthenticationConfiguration", []authenticator{a}})
	if err != nil {
		return err
	}
	return talk.Print("# For kube-apiserver --authentication-config=FILE, of Kubernetes 1.34 or later;\n" +
		"# from 1.30 on with apiserver.config.k8s.io/v1beta1.\n" + string(text))
}

// clusterAudiences are those of a cluster of the kubeconfig: its own, where the profile
// has some for it, else the usual ones.
func (s *kubeSetup) clusterAudiences(usual []string) ([]string, error) {
	plan, err := s.open(context.Background())
	if err != nil {
		return nil, err
	}
	cluster, ok := plan.conf.Cluster(s.cluster)
	if !ok {
		return nil, fault.InUsage(fmt.Errorf("no cluster %q in the kubeconfig", s.cluster),
			plan.clusterHint("name one of these"))
	}
	if own := s.o.Clusters.Audiences(cluster.Server); len(own) > 0 {
		return own, nil
	}
	return usual, nil
}

// printAuthFlags is for an API server without a file of its configuration.
func (s *kubeSetup) printAuthFlags(m mapping) error {
	if len(m.audiences) > 1 {
		return fault.InUsage(errors.New("the flags of an API server know one audience, and these are several: "+
			strings.Join(m.audiences, ", ")), "use --print-auth-config")
	}
	flags := [][2]string{{"issuer-url", m.issuer}, {"client-id", m.audiences[0]}, {"username-claim", m.user},
		{"username-prefix", prefix}, {"groups-claim", m.group}, {"groups-prefix", prefix}}
	if ca := s.o.Network.CAFile; ca != "" {
		flags = append(flags, [2]string{"ca-file", ca})
	} else if len(s.o.ExtraRoots().Pem) > 0 {
		return fault.InUsage(errors.New("the flags of an API server name a CA by its file, and --ca-data is none"),
			"use --ca-file FILE, or --print-auth-config")
	}
	var b strings.Builder
	for _, f := range flags {
		b.WriteString(talk.Paste("--oidc-"+f[0]+"="+f[1]) + "\n")
	}
	return talk.Print(b.String())
}
