package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// The cluster's own user, for what is there before the tests begin. It is given
// to no sso-exec.
const adminToken = "admin-of-the-cluster"

func adminFile() string { return filepath.Join(scratch, "admin.csv") }

// authentication is the issuers whose tokens a cluster takes: the tests' Dex, and
// for the time of a test others. kube-apiserver reads the file again when it changes.
type authentication struct {
	name string
	log  string // of the API server

	mu    sync.Mutex
	added []object
}

var trusts, otherTrusts = authentication{name: "authentication"}, authentication{name: "authentication-other"}

func (a *authentication) file() string { return filepath.Join(scratch, a.name+".yaml") }

// write replaces the file whole: it begins with what setup kube prints for Dex.
func (a *authentication) write() error {
	sso, err := tool("sso-exec")
	if err != nil {
		return err
	}
	cmd := exec.Command(sso, "setup", "kube", "--print-auth-config", "--issuer", provider.Issuer, "--client-id", clientID,
		"--scope", "email,profile,groups", "--ca-file", ca.caFile, "--config", os.DevNull)
	config, err := cmd.Output()
	if err != nil {
		return err
	}
	for _, one := range a.added { // JSON is YAML, and the list of issuers is what it ends with
		text, err := json.Marshal(one)
		if err != nil {
			return err
		}
		config = fmt.Appendf(config, "    - %s\n", text)
	}
	anonymous, err := json.Marshal(object{"enabled": true, "conditions": []object{
		{"path": "/readyz"}, {"path": "/.well-known/openid-configuration"}, {"path": "/openid/v1/jwks"},
	}})
	if err != nil {
		return err
	}
	config = fmt.Appendf(config, "anonymous: %s\n", anonymous)
	if err := os.WriteFile(a.file()+".new", config, 0o600); err != nil {
		return err
	}
	return os.Rename(a.file()+".new", a.file())
}

// trust has a cluster take tokens of an issuer that are for an audience until the
// end of the test. The claim is the name of who has them. An API server that has
// not started yet begins with that.
func (a *authentication) trust(t *testing.T, issuer, audience, claim string) {
	t.Helper()
	one := object{
		"issuer": object{"url": issuer, "audiences": []string{audience}, "certificateAuthority": string(ca.caPEM)},
		"claimMappings": object{"username": object{"claim": claim, "prefix": prefix},
			"groups": object{"claim": "groups", "prefix": prefix}},
	}
	change := func(to func([]object) []object) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.added = to(a.added)
		return a.write()
	}
	if err := change(func(all []object) []object { return append(all, one) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The cluster would wait for an issuer that is gone.
		err := change(func(all []object) []object {
			return slices.DeleteFunc(all, func(o object) bool { return o["issuer"].(object)["url"] == issuer })
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// trusted waits until a cluster takes a token.
func (a *authentication) trusted(t *testing.T, server, token string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for asks(t, server, token) == http.StatusUnauthorized {
		select {
		case <-ctx.Done():
			t.Fatalf("the cluster does not take the token after two minutes\n%s", tail(a.log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// asks is a request to the API server with a token; it returns the status.
func asks(t *testing.T, server, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", server+"/api", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := insider().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// insider reaches the tests' own servers.
func insider() *http.Client {
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}, DisableKeepAlives: true},
	}
}
