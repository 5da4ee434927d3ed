package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Some providers tell an endpoint only in the document of RFC 8414. What that one
// has next to OpenID Connect's counts, if it is the same issuer's.
func TestBothDocuments(t *testing.T) {
	var second string
	asked := 0
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	issuer := server.URL
	first := fmt.Sprintf(`"issuer":%q,"token_endpoint":"%s/token","jwks_uri":"%s/keys","device_authorization_endpoint":"%s/device"`, issuer, issuer, issuer, issuer)
	more := ""
	mux.HandleFunc("/.well-known/openid-configuration",
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "{%s%s}", first, more) })
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		asked++
		switch second {
		case "":
			w.WriteHeader(http.StatusNotFound)
		case "down":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, second)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) })
	revocation := issuer + "/revoke"
	for _, c := range []struct {
		name, more, second string
		want               string
		asked              int
	}{
		{"only there", "", fmt.Sprintf(`{"issuer":%q,"token_endpoint":"%s/other","revocation_endpoint":%q}`, issuer, issuer,
			revocation), revocation, 1},
		{"another issuer's", "", fmt.Sprintf(`{"issuer":"https://evil.example","revocation_endpoint":%q}`, revocation), "",
			1},
		{"none", "", "", "", 1},
		{"not told just now", "", "down", "", 1},
		{"nonsense", "", "<html>", "", 1},
		{"nothing lacks", fmt.Sprintf(`,"revocation_endpoint":%q`, revocation), "", revocation, 0},
	} {
		asked, second, more = 0, c.second, c.more
		p, err := Discover(t.Context(), server.Client(), nil, issuer, "")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if p.Incomplete != (c.second == "down") {
			t.Errorf("%s: incomplete: %v", c.name, p.Incomplete)
		}
		if p.RevocationEndpoint != c.want || p.TokenEndpoint != issuer+"/token" || asked != c.asked {
			t.Errorf("%s: revocation at %q, tokens at %q, asked %d times", c.name, p.RevocationEndpoint, p.TokenEndpoint, asked)
		}
	}
}

// A server that is OAuth's alone may answer with its page, or lead to it, where
// OpenID Connect's document would be. Whoever has neither document is told of the
// first: that may be a sign-in page of the network.
func TestSecondDocumentAlone(t *testing.T) {
	second := true
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/page/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>")
	})
	mux.HandleFunc("/away/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	mux.HandleFunc("/.well-known/oauth-authorization-server/{at}", func(w http.ResponseWriter, r *http.Request) {
		if !second {
			fmt.Fprint(w, "<html>")
			return
		}
		fmt.Fprintf(w, `{"issuer":"%s/%s","token_endpoint":"%s/token"}`, server.URL, r.PathValue("at"), server.URL)
	})
	hc, err := NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, says := range map[string]string{"page": "(status 200, text/html)", "away": "redirects (status 302)"} {
		second = true
		if p, err := Discover(t.Context(), hc, nil, server.URL+"/"+at, ""); err != nil || p.TokenEndpoint != server.URL+
			"/token" {
			t.Errorf("%s: %v", at, err)
		}
		second = false
		var outage *UnavailableError
		if _, err := Discover(t.Context(), hc, nil, server.URL+"/"+at, ""); !errors.As(err, &outage) || !outage.Garbled ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s, with neither: %v", at, err)
		}
	}
}

// A member of a wrong type is as if it were missing, and costs no other; but not
// one of those that a sign-in depends on.
func TestMetadataOfAnotherType(t *testing.T) {
	const issuer = "https://login.example"
	whole := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"jwks_uri":                      issuer + "/keys",
		"device_authorization_endpoint": issuer + "/device", "scopes_supported": []string{"openid", "offline_access"},
		"token_endpoint_auth_methods_supported": []string{"none"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"authorization_response_iss_parameter_supported": true, "revocation_endpoint": issuer + "/revoke",
		"revocation_endpoint_auth_methods_supported": []string{"none"}, "end_session_endpoint": issuer + "/logout",
		"grant_types_supported":                 []string{"refresh_token"},
		"pushed_authorization_request_endpoint": issuer + "/par", "require_pushed_authorization_requests": true,
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256"},
		"mtls_endpoint_aliases":                            map[string]any{"token_endpoint": issuer + "/mtls"},
	}
	parse := func(edit func(map[string]any)) (*Provider, error) {
		doc := maps.Clone(whole)
		edit(doc)
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return ParseProvider(nil, nil, issuer, "", raw, json.RawMessage(`{"keys":[]}`))
	}
	for name := range whole {
		for _, odd := range []any{map[string]any{"a": 1}, 1, []any{[]any{}}} {
			p, err := parse(func(doc map[string]any) { doc[name] = odd })
			if slices.Contains([]string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}, name) {
				var outage *UnavailableError
				if !errors.As(err, &outage) || !outage.Garbled ||
					!strings.HasSuffix(err.Error(), ": its "+name+" is not a string") {
					t.Errorf("%s is %v: %v", name, odd, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s is %v: %v", name, odd, err)
				continue
			}
			// A list, or the aliases, of which a part is of a wrong type has the rest.
			missing, err := parse(func(doc map[string]any) { delete(doc, name) })
			if err != nil {
				t.Fatal(err)
			}
			if _, list := odd.([]any); !list && !reflect.DeepEqual(p.Metadata, missing.Metadata) {
				t.Errorf("%s is %v: %+v", name, odd, p.Metadata)
			}
		}
	}
	for _, raw := range []string{`[]`, `"x"`, `1`, `{"issuer":`} {
		if _, err := readMetadata(json.RawMessage(raw)); err == nil {
			t.Errorf("metadata that is %s", raw)
		}
	}
	if p, err := parse(func(doc map[string]any) {
		doc["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": 1, "revocation_endpoint": issuer + "/r"}
	}); err != nil || p.MTLSEndpointAliases != (Aliases{RevocationEndpoint: issuer + "/r"}) {
		t.Errorf("an alias of a wrong type: %v", err)
	}
}
