package flows

import (
	"crypto/elliptic"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// signInThrough is a whole sign-in whose browser is the provider's client; it
// returns the address that was opened.
func signInThrough(t *testing.T, p *providertest.Provider, found *Provider, req SignIn) (opened *url.URL,
	set *credential.TokenSet, err error) {
	t.Helper()
	if req.Client.ID == "" {
		req.Client.ID = "cli"
	}
	if req.Scopes == nil {
		req.Scopes = []string{"openid"}
	}
	err = found.PKCE(t.Context(), req, func(a *Authorization) error {
		opened, _ = url.Parse(a.URL)
		go func() {
			if resp, gerr := p.Client().Get(a.URL); gerr == nil {
				resp.Body.Close()
				if resp.Request.URL.Host == opened.Host { // it ended at the provider
					a.GiveUp(errors.New("the provider's own page"))
				}
			}
		}()
		return nil
	}, func(res *Result) error {
		set = res.Tokens
		return nil
	})
	return opened, set, err
}

func paramNames(q url.Values) []string {
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The address has a reference alone; everything else goes to the provider
// directly, once, with the client's authentication.
func TestPushedRequest(t *testing.T) {
	for _, c := range []struct {
		name     string
		required bool
		when     string
		pushed   bool
	}{
		{"required", true, "", true},
		{"required, auto", true, PARAuto, true},
		{"not required", false, PARAuto, false},
		{"not required, always", false, PARAlways, true},
		{"never", false, PARNever, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t,
				providertest.Config{RequirePAR: c.required, Clients: []providertest.Client{{ID: "cli", Secret: "s3cret/+ %"}}})
			opened, set, err := signInThrough(t, p, discover(t, p), SignIn{
				Client: Client{ID: "cli", Secret: credential.NewSecret("s3cret/+ %")}, PAR: c.when,
				LoginHint: "alice@corp.example", Resources: []string{"https://a.example", "https://b.example"},
				AuthParams: []Param{{"domain_hint", "corp.example"}},
			})
			if err != nil || set == nil {
				t.Fatal(err)
			}
			if v := p.Violations(); len(v) > 0 {
				t.Error(v)
			}
			if n := p.Requests(); n.PAR != map[bool]int{true: 1}[c.pushed] {
				t.Errorf("requests: %+v", n)
			}
			if names := paramNames(opened.Query()); c.pushed && !slices.Equal(names, []string{"client_id", "request_uri"}) {
				t.Errorf("the address has %q", names)
			}
			if !c.pushed {
				return
			}
			for _, r := range p.Log() {
				if r.Endpoint != providertest.PAR {
					continue
				}
				if got := r.Form["resource"]; len(got) != 2 || r.Form.Get("domain_hint") != "corp.example" ||
					r.Form.Get("login_hint") == "" || r.Form.Get("client_id") != "cli" {
					t.Errorf("pushed: %v", r.Form)
				}
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
					t.Error("the client did not authenticate")
				}
			}
		})
	}
}

// One that must be pushed and is not is refused, by the provider's words.
func TestPushedRequestNever(t *testing.T) {
	p := providertest.New(t, providertest.Config{RequirePAR: true})
	_, _, err := signInThrough(t, p, discover(t, p), SignIn{PAR: PARNever})
	var refusal *OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_request" {
		t.Errorf("%v", err)
	}
}

// A public client and one with a key authenticate as at the token endpoint; one
// with a certificate is at the endpoint for those.
func TestPushedRequestAuthentication(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	k := mustParse(t, pkcs8(t, key), KeyOptions{})
	registered := dated(t, key)
	p := providertest.New(t, providertest.Config{RequirePAR: true, MTLS: true, Clients: []providertest.Client{
		{ID: "cli"}, {ID: "post", Secret: "s", AuthMethod: AuthSecretPost},
		{ID: "self", TLSThumbprint: thumbprintOf(t, registered)},
	}})
	for _, c := range []struct {
		client Client
		mtls   bool
	}{
		{Client{ID: "cli"}, false},
		{Client{ID: "post", Secret: credential.NewSecret("s"), Method: AuthSecretPost}, false},
		{Client{ID: "self", Method: AuthSelfSignedTLS}, true},
	} {
		found := discover(t, p)
		if c.mtls {
			found = discoverMTLS(t, p, k, registered)
		}
		p.ResetRequests()
		opened, _, err := signInThrough(t, p, found, SignIn{Client: c.client})
		if err != nil {
			t.Errorf("%s: %v", c.client.ID, err)
			continue
		}
		if opened.Query().Has("client_secret") {
			t.Errorf("%s: the secret is in the address", c.client.ID)
		}
		for _, r := range p.Log() {
			if r.Endpoint == providertest.PAR && (r.Cert != nil) != c.mtls {
				t.Errorf("%s: a certificate was shown: %v", c.client.ID, r.Cert != nil)
			}
		}
	}
	_, _, err := signInThrough(t, p, discover(t, p),
		SignIn{Client: Client{ID: "post", Secret: credential.NewSecret("wrong"), Method: AuthSecretPost}})
	var refusal *OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_client" || refusal.Doing != doingPAR {
		t.Errorf("a wrong secret: %v", err)
	}
}

// Whatever is wrong with the endpoint's answer, no browser opens.
func TestPushedRequestFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault providertest.Fault
		code  string // of the refusal
		want  error
	}{
		{"refused", providertest.Fault{Status: 400,
			Body: `{"error":"invalid_request","error_description":"no such resource"}`}, "invalid_request", nil},
		{"too large", providertest.Fault{Status: 413, Body: `{"error":"invalid_request"}`}, "invalid_request", nil},
		{"unmet", providertest.Fault{Status: 400, Body: `{"error":"unmet_authentication_requirements"}`},
			"unmet_authentication_requirements", nil},
		{"a redirect", providertest.Fault{Redirect: "https://127.0.0.1:1/"}, "", new(UnavailableError)},
		{"down", providertest.Fault{Status: 503}, "", new(UnavailableError)},
		{"a page", providertest.Fault{Status: 201, Body: "<html>"}, "", new(UnavailableError)},
		{"no reference", providertest.Fault{Status: 201, Body: `{"expires_in":60}`}, "", new(UnavailableError)},
		{"a reference that is none", providertest.Fault{Status: 201, Body: `{"request_uri":"urn:x\u001b[2J"}`}, "",
			new(UnavailableError)},
		{"a reference of another type", providertest.Fault{Status: 201, Body: `{"request_uri":{"a":1}}`}, "",
			new(UnavailableError)},
		{"not there", providertest.Fault{Status: 404}, "", ErrNotSupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{RequirePAR: true})
			found := discover(t, p)
			p.Fault(providertest.PAR, c.fault)
			opened, _, err := signInThrough(t, p, found, SignIn{})
			var refusal *OAuthError
			var outage *UnavailableError
			switch {
			case opened != nil:
				t.Error("a browser was opened")
			case c.code != "":
				if !errors.As(err, &refusal) || refusal.Code != c.code {
					t.Errorf("%v", err)
				}
			case errors.Is(c.want, ErrNotSupported):
				if !errors.Is(err, ErrNotSupported) || !Unusable(err) {
					t.Errorf("%v", err)
				}
			case !errors.As(err, &outage):
				t.Errorf("%v", err)
			}
			if err != nil && strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("%q", err)
			}
		})
	}
}

// An answer with status 200 is as good, also one that does not say for how long.
func TestPushedRequestLenient(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	found := discover(t, p)
	p.Fault(providertest.PAR, providertest.Fault{Status: http.StatusOK, Body: `{"request_uri":"urn:example:1"}`})
	values, life, err := found.push(t.Context(), Client{ID: "cli"}, url.Values{})
	if err != nil || values.Encode() != "client_id=cli&request_uri=urn%3Aexample%3A1" || life != 0 {
		t.Errorf("%v, %v, %v", values, life, err)
	}
}

// A reference ends unopened. The same sign-in goes on with another one, until
// somebody comes back from either.
func TestPushedAgain(t *testing.T) {
	var ahead atomic.Int64
	p := providertest.New(t, providertest.Config{RequirePAR: true, PARLifetime: 2 * time.Second,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	get := func(address string) int {
		resp, err := p.Client().Get(address)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	err := discover(t, p).PKCE(t.Context(), SignIn{Client: Client{ID: "cli"}, Scopes: []string{"openid"}},
		func(a *Authorization) error {
			if a.URLFor != 2*time.Second {
				t.Errorf("it can be opened for %v", a.URLFor)
			}
			ahead.Store(int64(3 * time.Second))
			if status := get(a.URL); status != http.StatusBadRequest {
				t.Errorf("one that has ended: status %d", status)
			}
			next, err := a.Again(t.Context())
			if err != nil || next == a.URL {
				t.Errorf("another one: %s, %v", next, err)
			}
			go get(next)
			return err
		}, func(*Result) error { return nil })
	if err != nil {
		t.Error(err)
	}
	if n := p.Requests().PAR; n != 2 {
		t.Errorf("%d pushed", n)
	}
	if next, err := new(Authorization).Again(t.Context()); next != "" || err != nil {
		t.Errorf("of one that was not pushed: %s, %v", next, err)
	}
}

func TestPushedRequestNoEndpoint(t *testing.T) {
	p := providertest.New(t,
		providertest.Config{EditMetadata: providertest.Without("pushed_authorization_request_endpoint")})
	if _, _, err := signInThrough(t, p, discover(t, p), SignIn{PAR: PARAlways}); !errors.Is(err, ErrNotSupported) {
		t.Errorf("%v", err)
	}
	p = providertest.New(t,
		providertest.Config{EditMetadata: providertest.With("pushed_authorization_request_endpoint",
			"http://login.example/par")})
	hc, err := NewHTTPClient(10*time.Second, p.CAPEM())
	if err != nil {
		t.Fatal(err)
	}
	var odd *VerifyError
	if _, err := Discover(t.Context(), hc, nil, p.Issuer(), ""); !errors.As(err, &odd) {
		t.Errorf("an endpoint without TLS: %v", err)
	}
}
