package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file prints what an API server must be told, so that it accepts our tokens.

// printAuth prints the mapping as the API server's configuration, or as its flags.
func (s *kubeSetup) printAuth() error {
	m, err := setup.MappingOf(s.o)
	if err == nil && s.cluster != "" {
		m.Audiences, err = s.clusterAudiences(m.Audiences)
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
	a.Issuer.URL, a.Issuer.Audiences = m.Issuer, m.Audiences
	if pem := strings.TrimSpace(string(s.o.ExtraRoots().Pem)); pem != "" {
		a.Issuer.CA = pem + "\n"
	}
	if len(m.Audiences) > 1 {
		a.Issuer.Match = "MatchAny"
	}
	a.Mappings.Username, a.Mappings.Groups = claim{m.User, setup.Prefix}, claim{m.Group, setup.Prefix}
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
func (s *kubeSetup) printAuthFlags(m setup.Mapping) error {
	if len(m.Audiences) > 1 {
		return fault.InUsage(errors.New("the flags of an API server accept only one audience, not several: "+
			strings.Join(m.Audiences, ", ")), "use --print-auth-config")
	}
	flags := [][2]string{{"issuer-url", m.Issuer}, {"client-id", m.Audiences[0]}, {"username-claim", m.User},
		{"username-prefix", setup.Prefix}, {"groups-claim", m.Group}, {"groups-prefix", setup.Prefix}}
	if ca := s.o.Network.CAFile; ca != "" {
		flags = append(flags, [2]string{"ca-file", ca})
	} else if len(s.o.ExtraRoots().Pem) > 0 {
		return fault.InUsage(errors.New("the flags of an API server name a CA by its file, and --ca-data is not a file"),
			"use --ca-file FILE, or --print-auth-config")
	}
	var b strings.Builder
	for _, f := range flags {
		b.WriteString(talk.Paste("--oidc-"+f[0]+"="+f[1]) + "\n")
	}
	return talk.Print(b.String())
}
