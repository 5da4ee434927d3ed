package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestArgoCD: client-go with the page's config of Argo CD, as that makes an exec plugin
// of it, sends the service's token; for many requests the provider is asked once.
func TestArgoCD(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubeconfig.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("no JSON on the page")
	}
	const cluster = "https://cluster.example"
	platform := newECKey(t)
	b := newBench(t, providertest.Config{
		JWTAccessTokens: true,
		Clients: []providertest.Client{{ID: "argocd",
			Federated: []providertest.Workload{{Issuer: cluster, Subject: "system:serviceaccount:argocd:argocd-server"}}}},
		TrustedIssuers: map[string][]byte{cluster: publicSet(t, platform, "pods")},
	})
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(signJWT(t, platform, "pods", map[string]any{
		"iss": cluster, "sub": "system:serviceaccount:argocd:argocd-server", "aud": b.idp.Issuer(), "jti": "one",
		"exp": time.Now().Add(time.Hour).Unix(),
	})), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("https://login.example.com", b.idp.Issuer(), "/usr/local/bin/sso-exec", b.bin,
		"/var/run/secrets/sso-exec/token", token, "/dev/shm/sso-exec", filepath.Join(dir, "memory")).Replace(string(block[1]))
	var config struct { // as Argo CD's documentation has it
		ExecProviderConfig struct {
			Command, APIVersion, InstallHint string
			Args                             []string
			Env                              map[string]string
		}
		TLSClientConfig struct {
			Insecure bool
			CAData   string
		}
	}
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&config); err != nil {
		t.Fatal(err)
	}
	plugin := config.ExecProviderConfig
	env := []api.ExecEnvVar{{Name: "SSO_EXEC_CA_FILE", Value: filepath.Join(dir, "ca.pem")}}
	if err := os.WriteFile(env[0].Value, b.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range plugin.Env {
		env = append(env, api.ExecEnvVar{Name: name, Value: value})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		claims, err := b.idp.VerifyJWT(token)
		if err != nil || claims["sub"] != "argocd" || claims["aud"] != "kubernetes-prod" {
			t.Errorf("the cluster sees %v, %v", claims, err)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	for range 2 { // argocd-server, and the controller
		client, err := rest.HTTPClientFor(&rest.Config{Host: server.URL, ExecProvider: &api.ExecConfig{
			Command: plugin.Command, Args: plugin.Args, Env: env, APIVersion: plugin.APIVersion,
			InstallHint: plugin.InstallHint, InteractiveMode: api.NeverExecInteractiveMode,
		}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	if n := b.idp.Requests().ClientCredentials; n != 1 {
		t.Errorf("%d requests for a token", n)
	}
}
