package sso_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// What the administrator of a machine forbids, the library does not do either, also with
// the token that it has in memory.
func TestObeysPolicy(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	for name, c := range map[string]struct {
		policy policy.Policy
		client func(*sso.Client)
		want   error
	}{
		"issuers":       {policy.Policy{Issuers: []string{"https://login.corp.example"}}, nil, sso.ErrForbidden},
		"client-ids":    {policy.Policy{ClientIDs: []string{"other"}}, nil, sso.ErrForbidden},
		"organizations": {policy.Policy{Organizations: []string{"org"}}, nil, sso.ErrForbidden},
		"stores":        {policy.Policy{Stores: []string{"keyring"}}, nil, sso.ErrForbidden},
		"stores, none": {policy.Policy{Stores: []string{"file"}}, func(c *sso.Client) { c.Store = "none" },
			sso.ErrForbidden},
		"flows, named": {policy.Policy{Flows: []string{"device"}}, func(c *sso.Client) { c.Flow = "pkce" },
			sso.ErrForbidden},
		"flows, made": {policy.Policy{Flows: []string{"device"}}, nil, sso.ErrLoginRequired},
		"redirect-ports": {policy.Policy{RedirectPorts: []policy.PortRange{{First: 1, Last: 2}}},
			func(c *sso.Client) { c.RedirectURIs = []string{"http://127.0.0.1:9/c"} }, sso.ErrForbidden},
		"helpers": {policy.Policy{HelpersDenied: true}, func(c *sso.Client) { c.Browser = "firefox" },
			sso.ErrForbidden},
		"hosts":           {policy.Policy{Hosts: []string{"*.corp.example"}}, nil, sso.ErrForbidden},
		"hosts, allowed":  {policy.Policy{Hosts: []string{w.api.Listener.Addr().String()}}, nil, nil},
		"max-session-age": {policy.Policy{MaxSessionAge: time.Second}, nil, sso.ErrLoginRequired},
		"overrides":       {policy.Policy{OverridesDenied: true}, nil, sso.ErrForbidden},
		"what is allowed": {policy.Policy{Issuers: []string{w.Issuer()}, Flows: []string{"pkce"}, Stores: []string{"file"}},
			nil, nil},
		"agents":           {policy.Policy{Agents: policy.Agents{Deny: true}}, nil, sso.ErrForbidden},
		"agents, narrower": {policy.Policy{Agents: policy.Agents{Profile: "nobody"}}, nil, sso.ErrUsage},
		"agents, none":     {policy.Policy{Agents: policy.Agents{Deny: true}}, nil, nil},
		"nothing is ruled": {policy.Policy{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "max-session-age" {
				time.Sleep(1100 * time.Millisecond)
			}
			for _, variable := range agents.Variables() { // the tests' own
				t.Setenv(variable, "")
			}
			if strings.HasPrefix(name, "agents") && name != "agents, none" {
				t.Setenv("CLAUDECODE", "1")
			}
			client := w.client(nobody)
			if c.client != nil {
				c.client(client)
			}
			fresh := c.client == nil && name != "flows, made"
			if fresh { // the token is in memory then
				token(t, client)
			}
			sso.SetPolicy(client, &c.policy)
			resp, err := client.HTTPClient(w.api.URL).Get(w.api.URL)
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, c.want) || c.want == nil && resp.StatusCode != http.StatusOK {
				t.Errorf("%v, want %v", err, c.want)
			}
			counts := !slices.Contains([]string{"max-session-age", "stores", "flows, made"}, name)
			if _, err := client.Status(t.Context()); c.client == nil && (err == nil) != counts {
				t.Errorf("status: %v", err)
			}
		})
	}
}
