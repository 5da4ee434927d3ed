package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestClientGo runs the built binary under client-go's own exec authenticator,
// the judge of the command kube: it decodes our document strictly, caches by
// our expirationTimestamp, and runs us again after a 401.
func TestClientGo(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1"} {
		t.Run(version, func(t *testing.T) {
			b := newBench(t, providertest.Config{})
			b.mustRun(t, "login", "--browser", "testbrowser")
			b.idp.ResetRequests()

			var unauthorized atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				claims, err := b.idp.VerifyJWT(token)
				if !ok || err != nil || claims["sub"] != "alice" || unauthorized.Load() {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			defer server.Close()

			var env []api.ExecEnvVar
			for _, kv := range b.env {
				k, v, _ := strings.Cut(kv, "=")
				env = append(env, api.ExecEnvVar{Name: k, Value: v})
			}
			client, err := rest.HTTPClientFor(&rest.Config{Host: server.URL, ExecProvider: &api.ExecConfig{
				Command: b.bin, Args: []string{"kube"}, Env: env, APIVersion: "client.authentication.k8s.io/" + version,
				InteractiveMode: api.IfAvailableExecInteractiveMode,
			}})
			if err != nil {
				t.Fatal(err)
			}
			get := func() int {
				t.Helper()
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			for range 3 {
				if status := get(); status != http.StatusOK {
					t.Fatalf("status %d: client-go did not send the token", status)
				}
			}
			unauthorized.Store(true)
			if status := get(); status != http.StatusUnauthorized {
				t.Fatalf("status %d", status)
			}
			unauthorized.Store(false)
			if status := get(); status != http.StatusOK {
				t.Fatalf("status %d after a 401", status)
			}
			if n := b.idp.Requests().All; n != 0 {
				t.Errorf("%d requests to the provider for cached answers", n)
			}
		})
	}
}
