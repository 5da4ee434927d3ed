package hosted

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A stand-in that takes anything would prove nothing.
func TestStandInsAreStrict(t *testing.T) {
	good := func(redirect string) url.Values {
		return url.Values{"response_type": {"code"}, "client_id": {"0oa1b2c3d4E5f6G7h8i9"}, "redirect_uri": {redirect},
			"scope": {"openid"}, "state": {"s"}, "nonce": {"n"},
			"code_challenge": {"c"}, "code_challenge_method": {"S256"}}
	}
	with := func(name, value string) url.Values {
		q := good("http://127.0.0.1:8400/callback")
		q.Set(name, value)
		return q
	}
	for name, c := range map[string]struct {
		q    url.Values
		want string // violation; empty: none
	}{
		"as it should be":        {good("http://127.0.0.1:8401/callback"), ""},
		"another port":           {good("http://127.0.0.1:9000/callback"), "is not registered"},
		"localhost":              {good("http://localhost:8400/callback"), "is not registered"},
		"an unknown parameter":   {with("resource", "https://x"), "unknown parameter resource"},
		"PKCE without a hash":    {with("code_challenge_method", "plain"), "PKCE"},
		"nothing against replay": {with("nonce", ""), "nonce is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Start()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := w.Open("okta"); err != nil {
				t.Fatal(err)
			}
			resp, err := client(t, w).Get("https://corp.okta.com/oauth2/default/v1/authorize?" + c.q.Encode())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got := strings.Join(w.Violations(), "\n")
			if c.want == "" && (got != "" || resp.StatusCode != http.StatusFound) || !strings.Contains(got, c.want) {
				t.Errorf("status %d, violations %q", resp.StatusCode, got)
			}
		})
	}
}
