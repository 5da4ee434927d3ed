package hosted

import (
	"maps"
	"net/http"
	"net/url"
	"time"
)

func init() { standIns["authkit"] = openAuthKit }

// The machine that WorkOS Connect knows next to the person's client.
const (
	authKitMachine = "client_01MACHINE"
	authKitSecret  = "secret-of-a-machine"
)

// openAuthKit adds WorkOS Connect at an environment's AuthKit domain. Its two
// metadata documents differ, and neither names the revocation endpoint. The person
// chooses the organization on its page; the tokens name it.
func openAuthKit(w *World) {
	const site = "https://corp.authkit.app"
	all := metadata(site, site, map[string]string{
		"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "jwks_uri": "/oauth2/jwks",
		"revocation_endpoint":           "/oauth2/revoke",
		"device_authorization_endpoint": "/oauth2/device_authorization", "userinfo_endpoint": "/oauth2/userinfo",
		"introspection_endpoint": "/oauth2/introspection",
	}, "email", "offline_access", "openid", "profile")
	all["token_endpoint_auth_methods_supported"] = []string{"none", "client_secret_post", "client_secret_basic"}
	(&server{
		metadata: all, client: "client_01CONNECT", scopes: []string{"openid", "profile", "email", "offline_access"},
		offline: "offline_access",
		redirect: func(u *url.URL) bool {
			return u.Scheme == "http" && u.Hostname() == "127.0.0.1" && u.Port() != "" && u.Path == "/callback"
		},
		authorize: []string{"resource"}, token: []string{"resource"}, rotates: true, revokes: []string{"refresh_token"},
		life: 5 * time.Minute,
		tokenClaim: func(p Person, _ url.Values) map[string]any {
			if p.Organization == "" {
				return nil
			}
			return map[string]any{"org_id": p.Organization}
		},
	}).open(w)
	inner := w.hosts["corp.authkit.app"]
	first, second := maps.Clone(all), maps.Clone(all)
	delete(first, "device_authorization_endpoint")
	delete(first, "revocation_endpoint")
	delete(second, "revocation_endpoint")
	second["code_challenge_methods_supported"] = []string{"S256"}
	w.Handle("corp.authkit.app", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/.well-known/openid-configuration":
			answer(rw, http.StatusOK, first)
		case r.Method == http.MethodGet && r.URL.Path == "/.well-known/oauth-authorization-server":
			answer(rw, http.StatusOK, second)
		case r.URL.Path == "/oauth2/token" && r.ParseForm() == nil && r.PostForm.Get("grant_type") == "client_credentials":
			machine(w, rw, r)
		default:
			inner.ServeHTTP(rw, r)
		}
	}))
}

// machine answers client credentials: an access token alone, whose subject is the
// client and which is of the organization that the application belongs to.
func machine(w *World, rw http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	for name, values := range r.PostForm {
		switch {
		case name != "grant_type" && name != "scope" && (basic || name != "client_id" && name != "client_secret"):
			w.Violatef(rw, r, "unknown parameter %s", name)
			return
		case len(values) != 1:
			w.Violatef(rw, r, "parameter %s twice", name)
			return
		}
	}
	if id != authKitMachine || secret != authKitSecret {
		refuse(rw, http.StatusUnauthorized, "invalid_client", "Invalid client ID or secret.")
		return
	}
	now := time.Now()
	answer(rw, http.StatusOK,
		map[string]any{"token_type": "bearer", "expires_in": 300, "access_token": sign(map[string]any{
			"iss": "https://corp.authkit.app", "sub": id, "client_id": id, "aud": "client_01ENVIRONMENT", "org_id": "org_owner",
			"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		})})
}
