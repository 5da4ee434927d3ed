package workforce

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

func TestAudience(t *testing.T) {
	const want = "//iam.googleapis.com/locations/global/workforcePools/p-1/providers/q"
	for _, name := range []string{"p-1/q", want, strings.TrimPrefix(want, "//iam.googleapis.com/")} {
		if got, err := Audience(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "p", "p/", "/q", "p/q/r", "P/q", "p/q\n", "p/ q", want + "/x",
		"//evil.example/locations/global/workforcePools/p/providers/q", "locations/global/workforcePools/p/q",
		"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"} {
		if got, err := Audience(name); err == nil {
			t.Errorf("%q is %q", name, got)
		}
	}
}

// answers are what the services say, one after the other.
type answers []string

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	if r.URL.Host == "sts.googleapis.com" && form.Get("subject_token") != "eyJ.sub.ject" {
		return nil, errors.New("no subject token")
	}
	status, text, _ := strings.Cut((*a)[0], " ")
	*a = (*a)[1:]
	code := map[string]int{"200": 200, "400": 400, "401": 401, "403": 403, "500": 500}[status]
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(text))}, nil
}

// Of an answer that is odd nothing is handed out, and it is in its class.
func TestExchangeOdd(t *testing.T) {
	const good = `200 {"access_token":"ya29.x","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",` +
		`"token_type":"Bearer","expires_in":3599}`
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		answers answers
		class   string // ok, unavailable, oauth, google
	}{
		{answers{good, `200 {"accessToken":"ya29.sa","expireTime":"` + soon + `"}`}, "ok"},
		{answers{good, `200 {"accessToken":"ya29.sa","expireTime":"2020-01-01T00:00:00Z"}`}, "unavailable"},
		{answers{good, `200 {"accessToken":"ya29.sa","expireTime":5}`}, "unavailable"},
		{answers{good, `200 {"accessToken":"a\nb","expireTime":"` + soon + `"}`}, "unavailable"},
		{answers{good, `403 {"error":{"code":403,"status":"PERMISSION_DENIED","message":"no ya29.x"}}`}, "google"},
		{answers{good, `401 {"error":{"code":401,"status":"UNAUTHENTICATED"}}`}, "google"},
		{answers{good, `400 {"error":{"status":"UNAVAILABLE"}}`}, "unavailable"},
		{answers{good, `403 <html>`}, "unavailable"},
		{answers{strings.Replace(good, "ya29.x", `a\u0000b`, 1)}, "unavailable"},
		{answers{strings.Replace(good, "3599", `"soon"`, 1)}, "unavailable"},
		{answers{strings.Replace(good, "3599", "-1", 1)}, "unavailable"},
		{answers{strings.Replace(good, "3599", "1e12", 1)}, "unavailable"},
		{answers{strings.Replace(good, "Bearer", "DPoP", 1)}, "unavailable"},
		{answers{strings.Replace(good, "access_token\",\"token", "saml2\",\"token", 1)}, "unavailable"},
		{answers{`200 {}`}, "unavailable"}, {answers{`200 []`}, "unavailable"}, {answers{`500 {}`}, "unavailable"},
		{answers{`400 {"error":"invalid_grant","error_description":"of eyJ.sub.ject"}`}, "oauth"},
		{answers{`403 {"error":{"code":403,"status":"PERMISSION_DENIED","message":"of eyJ.sub.ject"}}`}, "google"},
	} {
		hc := &http.Client{Transport: &c.answers}
		said := c.answers[len(c.answers)-1]
		got, err := Exchange(t.Context(), hc, Request{Audience: "a", UserProject: "p", ServiceAccount: "s"},
			credential.NewSecret("eyJ.sub.ject"), flows.TokenTypeID)
		class := "ok"
		if _, ok := errors.AsType[*flows.UnavailableError](err); ok {
			class = "unavailable"
		} else if _, ok := errors.AsType[*flows.OAuthError](err); ok {
			class = "oauth"
		} else if _, ok := errors.AsType[*Error](err); ok {
			class = "google"
		}
		if class != c.class || (err == nil) != (got.Token.Reveal() == "ya29.sa") ||
			err != nil && (strings.Contains(err.Error(), "eyJ.sub.ject") || strings.Contains(err.Error(), "ya29.x")) {
			t.Errorf("%s: %v, want %s", said, err, c.class)
		}
	}
}

// A token that is not a JWT, which the STS would refuse, is not sent there.
func TestExchangeOpaque(t *testing.T) {
	_, err := Exchange(t.Context(), &http.Client{Transport: &answers{}}, Request{}, credential.NewSecret("at-opaque"),
		flows.TokenTypeJWT)
	if err == nil || !strings.Contains(err.Error(), "not a JWT") {
		t.Error(err)
	}
}
