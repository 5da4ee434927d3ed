package e2e

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

const secretOfDex = "e2e-canary-secret-of-dex"

// TestServiceDex: Dex gives a service an access token that is a JWT with the
// client's name and groups, which a real cluster takes.
func TestServiceDex(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	at := newDex(t, dex.Options{Services: []dex.Service{{ID: "deploy", Secret: secretOfDex,
		Groups: []string{"deployers"}}}})
	s := newService(t, at.Issuer)
	flags := []string{"--client-secret-file", s.file("secret", []byte(secretOfDex)), "--scope", "profile,groups"}
	token := s.run("token", "deploy", flags...).token()
	if claims := claimsOf(t, token); claims["aud"] != "deploy" || claims["name"] != "deploy" ||
		len(claims["groups"].([]any)) != 1 {
		t.Errorf("claims: %v", claims)
	}
	trusts.trust(t, at.Issuer, "deploy", "name")
	trusts.trusted(t, server, token)
	at.ResetRequests()
	kubeconfig := s.kubeconfig(server, "v1", s.args("kube", "deploy", flags...))
	wantUser(t, s.whoami(kubeconfig).ok(), prefix+"deploy")
	if n := at.Requests()["POST /token"]; n != 0 {
		t.Errorf("%d token requests for a token that is cached", n)
	}

	s.run("token", "deploy", "--client-secret-file", s.file("wrong", []byte("guess"))).refused(1, "invalid_client")
	s.run("token", clientID, "--client-auth", "none", "--client-secret-file", s.file("wrong", []byte("guess"))).refused(1,
		"unauthorized_client")
	if said := s.run("logout", "deploy", flags...).wait(); said.code != 0 ||
		!strings.Contains(said.stdout, "NOT revoked") {
		t.Errorf("Dex revokes nothing, and logout says (%d): %s%s", said.code, said.stdout, said.stderr)
	}
}

// TestServiceDexExchange: a pod's token is exchanged for one of Dex, by the keys
// that the cluster publishes. Dex wants to know by which connector it is to be
// read, connector_id, which is not a parameter of RFC 8693; the test adds it where a
// gateway would.
func TestServiceDexExchange(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	publish(t, server)      // Dex reads its connectors when it starts
	var without atomic.Bool // the connector's name
	at := newDex(t, dex.Options{
		Services:  []dex.Service{{ID: "federation", Secret: secretOfDex}},
		Upstreams: []dex.Upstream{{ID: "cluster", Issuer: server, CAFile: ca.caFile}},
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" && !without.Load() {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						http.Error(w, err.Error(), http.StatusBadRequest)
						return
					}
					form := string(body) + "&" + url.Values{"connector_id": {"cluster"}}.Encode()
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	s := newService(t, at.Issuer)
	s.account(server, "exchanges")
	volume := project(t, s.mint(server, "exchanges", at.Issuer))
	args := func(more ...string) []string {
		return append([]string{
			"token", "--flow", "token-exchange", "--issuer", at.Issuer, "--client-id", "federation",
			"--client-secret-file", s.file("secret", []byte(secretOfDex)), "--scope", "openid,profile",
			"--subject-token-from", "kubernetes:" + volume.path(), "--subject-token-type", "id_token",
			"--ca-file", ca.caFile, "--cache-dir", s.cache,
		}, more...)
	}
	token := s.sso(args()...).token()
	if claims := claimsOf(t, token); claims["iss"] != at.Issuer || claims["aud"] != "federation" ||
		claims["name"] != "system:serviceaccount:default:exchanges" {
		t.Errorf("claims: %v", claims)
	}
	at.ResetRequests()
	if s.sso(args()...).token() != token {
		t.Error("the second call has another token")
	}
	volume.put(s.mint(server, "exchanges", at.Issuer)) // rotated, and still the same pod's
	if s.sso(args()...).token() != token {
		t.Error("after the pod's token was rotated there is another session")
	}
	if n := at.Requests()["POST /token"]; n != 0 {
		t.Errorf("%d token requests, want none", n)
	}
	if s.sso(args("--force")...).token() == token {
		t.Error("--force gave the old token")
	}
	id := s.sso(args("--exchange-token-type", "id_token")...).token()
	if claims := claimsOf(t, id); claims["aud"] != "federation" {
		t.Errorf("an ID token was asked for: %v", claims)
	}

	// Another cluster's token, or one that somebody made up.
	other := newKey(t, "ES256")
	volume.put(signES256(t, other,
		object{"iss": server, "sub": "system:serviceaccount:kube-system:admin", "aud": []string{at.Issuer},
			"exp": 4102444800}))
	said := s.sso(args()...).refused(1, "sso-exec: token exchange: ")
	t.Log(said)
	without.Store(true)
	volume.put(s.mint(server, "exchanges", at.Issuer))
	t.Log(s.sso(args("--force")...).refused(1, "Requested connector does not exist"))
}
