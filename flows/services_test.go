package flows

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

var secretOfSvc = Client{ID: "svc", Secret: credential.NewSecret("s3cret")}

func TestClientCredentials(t *testing.T) {
	p := providertest.New(t,
		providertest.Config{JWTAccessTokens: true, Clients: []providertest.Client{{ID: "svc", Secret: "s3cret"}}})
	found := discover(t, p)
	set, err := found.ClientCredentials(t.Context(), secretOfSvc, Target{
		Scopes: []string{"openid", "email", "offline_access", "groups"}, Audience: "https://api.example",
		Resources: []string{"https://a.example/x", "urn:b"}, Organization: "org_1",
	})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := p.VerifyJWT(set.AccessToken.Reveal())
	if err != nil || claims["sub"] != "svc" || len(claims["aud"].([]any)) != 3 {
		t.Errorf("claims %v, %v", claims, err)
	}
	if life := set.ExpiresAt.Sub(set.IssuedAt); set.TokenType != "Bearer" || life != 5*time.Minute ||
		!slices.Equal(set.Scopes, []string{"email", "groups"}) {
		t.Errorf("%+v", set)
	}
	log := p.Log()
	form := log[len(log)-1].Form
	if form.Get("scope") != "email groups" || form.Get("audience") != "https://api.example" ||
		len(form["resource"]) != 2 || form.Get("organization") != "org_1" || form.Has("client_secret") {
		t.Errorf("sent %v", form)
	}
	// Nothing is sent that was not asked for.
	if _, err := found.ClientCredentials(t.Context(), secretOfSvc, Target{Scopes: []string{"openid"}}); err != nil {
		t.Fatal(err)
	}
	log = p.Log()
	if form := log[len(log)-1].Form; len(form) != 1 {
		t.Errorf("sent %v", form)
	}
}

// What a service does not keep never leaves the flow, and a narrower scope shows.
func TestServiceKeepsAccessAlone(t *testing.T) {
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: "svc", Secret: "s3cret"}}})
	found := discover(t, p)
	p.Edit(providertest.Token, func(m map[string]any) {
		m["refresh_token"], m["id_token"], m["refresh_expires_in"], m["scope"] = "rt", "it", 3600, "email"
	})
	assertion := credential.NewSecret("x")
	p.Fault(providertest.JWTBearer,
		providertest.Fault{Body: `{"access_token":"at","token_type":"Bearer","refresh_token":"rt","id_token":"it","scope":"email","refresh_expires_in":3600}`})
	p.Fault(providertest.TokenExchange,
		providertest.Fault{Body: `{"access_token":"at","token_type":"Bearer","issued_token_type":"` + TokenTypeAccess +
			`","refresh_token":"rt","id_token":"it","scope":"email","refresh_expires_in":3600}`})
	for name, do := range map[string]func() (*credential.TokenSet, error){
		"client credentials": func() (*credential.TokenSet, error) {
			return found.ClientCredentials(t.Context(), secretOfSvc, Target{Scopes: []string{"email", "groups"}})
		},
		"JWT bearer": func() (*credential.TokenSet, error) {
			return found.JWTBearer(t.Context(), secretOfSvc, assertion, Target{Scopes: []string{"email", "groups"}})
		},
		"exchange": func() (*credential.TokenSet, error) {
			return found.Exchange(t.Context(), secretOfSvc,
				Exchange{Subject: TypedToken{assertion, TokenTypeJWT}, Scopes: []string{"email", "groups"}})
		},
	} {
		set, err := do()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !set.RefreshToken.IsZero() || !set.IDToken.IsZero() || !set.RefreshExpiresAt.IsZero() ||
			set.AccessToken.IsZero() || !slices.Equal(set.Scopes, []string{"email"}) {
			t.Errorf("%s: %+v", name, set)
		}
	}
}

// foreignIssuer is another issuer that the provider trusts, and tokens of it.
const foreignIssuer = "https://ci.example"

func trusting(t *testing.T, c providertest.Config) (*providertest.Provider, *Provider,
	func(change func(map[string]any)) credential.Secret) {
	t.Helper()
	key := ecKey(t, elliptic.P256())
	c.TrustedIssuers = map[string][]byte{foreignIssuer: publicSet(t, key, "ci")}
	p := providertest.New(t, c)
	return p, discover(t, p), func(change func(map[string]any)) credential.Secret {
		claims := map[string]any{"iss": foreignIssuer, "sub": "repo:corp/web", "aud": p.Issuer(),
			"exp": time.Now().Add(time.Hour).Unix()}
		if change != nil {
			change(claims)
		}
		return credential.NewSecret(signWith(t, key, "ci", nil, claims))
	}
}

func TestJWTBearer(t *testing.T) {
	p, found, token := trusting(t,
		providertest.Config{JWTAccessTokens: true,
			Clients: []providertest.Client{{ID: "cli"}, {ID: "svc", Secret: "s3cret"}}})
	for _, c := range []Client{{ID: "cli"}, secretOfSvc} {
		set, err := found.JWTBearer(t.Context(), c, token(nil), Target{Scopes: []string{"openid", "email"}, Audience: "api"})
		if err != nil {
			t.Fatal(err)
		}
		if claims, err := p.VerifyJWT(set.AccessToken.Reveal()); err != nil || claims["sub"] != "repo:corp/web" ||
			claims["aud"] != "api" || claims["scope"] != "email" {
			t.Errorf("claims %v, %v", claims, err)
		}
	}
	if n := p.Requests(); n.JWTBearer != 2 || n.Token != 2 {
		t.Errorf("%+v", n)
	}
	for name, assertion := range map[string]credential.Secret{
		"expired":         token(func(m map[string]any) { m["exp"] = time.Now().Unix() - 1 }),
		"for another":     token(func(m map[string]any) { m["aud"] = "https://other.example" }),
		"of a stranger":   token(func(m map[string]any) { m["iss"] = "https://evil.example" }),
		"of ourselves":    token(func(m map[string]any) { m["iss"] = p.Issuer() }),
		"without subject": token(func(m map[string]any) { delete(m, "sub") }),
		"opaque":          credential.NewSecret("opaque"),
		"another's key": credential.NewSecret(signWith(t, ecKey(t, elliptic.P256()), "ci", nil,
			map[string]any{"iss": foreignIssuer, "sub": "x", "aud": p.Issuer(), "exp": time.Now().Add(time.Hour).Unix()})),
	} {
		_, err := found.JWTBearer(t.Context(), secretOfSvc, assertion, Target{})
		var refusal *OAuthError
		if !errors.As(err, &refusal) || refusal.Code != "invalid_grant" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := found.JWTBearer(t.Context(), secretOfSvc, credential.Secret{}, Target{}); err == nil {
		t.Error("no assertion")
	}
}

func TestExchange(t *testing.T) {
	p, found, token := trusting(t,
		providertest.Config{JWTAccessTokens: true,
			Clients: []providertest.Client{{ID: "cli"}, {ID: "svc", Secret: "s3cret"}}})
	person := grant(t, p, found, Client{ID: "cli"})
	for _, c := range []struct {
		name         string
		exchange     Exchange
		sub, aud     string
		actor, inner any
	}{
		{"an ID token for a cluster",
			Exchange{Subject: TypedToken{person.IDToken, TokenTypeID}, Requested: TokenTypeID, Audiences: []string{"cluster-a"}},
			"alice", "cluster-a", nil, nil},
		{"an access token for an API",
			Exchange{Subject: TypedToken{person.AccessToken, TokenTypeAccess}, Audiences: []string{"api"},
				Scopes: []string{"email"}}, "alice", "api", nil, nil},
		{"a resource", Exchange{Subject: TypedToken{person.AccessToken, TokenTypeAccess}, Requested: TokenTypeAccess,
			Resources: []string{"https://api.example/"}}, "alice", "https://api.example/", nil, nil},
		{"a JWT", Exchange{Subject: TypedToken{person.IDToken, TokenTypeJWT}, Requested: TokenTypeJWT,
			Audiences: []string{"api"}}, "alice", "api", nil, nil},
		{"a workload's", Exchange{Subject: TypedToken{token(nil), TokenTypeJWT}, Audiences: []string{"api"}}, "repo:corp/web",
			"api", nil, nil},
		{"a workload that acts for a person",
			Exchange{Subject: TypedToken{person.IDToken, TokenTypeID}, Actor: TypedToken{Token: token(nil)},
				Audiences: []string{"api"}}, "alice", "api", "repo:corp/web", nil},
		{"one who acted before",
			Exchange{Subject: TypedToken{token(func(m map[string]any) { m["act"] = map[string]any{"sub": "first"} }),
				TokenTypeJWT},
				Actor: TypedToken{person.IDToken, TokenTypeID}, Audiences: []string{"api"}}, "repo:corp/web", "api", "alice",
			"first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := found.Exchange(t.Context(), secretOfSvc, c.exchange)
			if err != nil {
				t.Fatal(err)
			}
			claims, err := p.VerifyJWT(set.AccessToken.Reveal())
			act, _ := claims["act"].(map[string]any)
			inner, _ := act["act"].(map[string]any)
			if err != nil || claims["sub"] != c.sub || claims["aud"] != c.aud || act["sub"] != c.actor ||
				inner["sub"] != c.inner {
				t.Errorf("claims %v, %v", claims, err)
			}
			if life := set.ExpiresAt.Sub(set.IssuedAt); set.TokenType != "Bearer" || (life-5*time.Minute).Abs() > 2*time.Second {
				t.Errorf("type %s, a life of %v", set.TokenType, life)
			}
		})
	}
	log := p.Log()
	form := log[len(log)-1].Form
	if form.Get("actor_token_type") != TokenTypeID || form.Has("requested_token_type") || form.Has("scope") ||
		form.Has("resource") {
		t.Errorf("sent %v", form)
	}
	for name, e := range map[string]Exchange{
		"nothing":      {},
		"no type":      {Subject: TypedToken{Token: person.IDToken}},
		"no token":     {Subject: TypedToken{Type: TokenTypeID}},
		"a wrong type": {Subject: TypedToken{person.IDToken, TokenTypeAccess}},
		"an expired actor": {Subject: TypedToken{person.IDToken, TokenTypeID},
			Actor: TypedToken{token(func(m map[string]any) { m["exp"] = 1 }), TokenTypeJWT}},
		"an unknown target": {Subject: TypedToken{person.IDToken, TokenTypeID}, Resources: []string{"no URI"}},
		"a type it lacks":   {Subject: TypedToken{person.IDToken, TokenTypeID}, Requested: tokenTypes + "saml2"},
	} {
		if _, err := found.Exchange(t.Context(), secretOfSvc, e); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func jwtUntil(end any) string {
	b, _ := json.Marshal(map[string]any{"exp": end})
	return "e30." + base64.RawURLEncoding.EncodeToString(b) + ".c2ln"
}

// What may come back from an exchange (RFC 8693 §2.2.1).
func TestParseExchange(t *testing.T) {
	inHour := sent.Add(time.Hour)
	jwt := jwtUntil(inHour.Unix())
	for _, c := range []struct {
		name, requested, body string
		want                  string // the error's words; empty: it is taken
		ends                  time.Time
	}{
		{"an access token", "",
			`{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `","token_type":"Bearer","expires_in":60}`, "",
			sent.Add(time.Minute)},
		{"an access token as asked", TokenTypeAccess,
			`{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `","token_type":"bearer"}`, "", time.Time{}},
		{"an access token is not read, though it be a JWT", "",
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeAccess + `","token_type":"Bearer"}`, "",
			time.Time{}},
		{"no token type", "", `{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `"}`, "", time.Time{}},
		{"N_A, access token", "", `{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `","token_type":"N_A"}`,
			`type "N_A"`, time.Time{}},
		{"N_A, and nothing else said", "", `{"access_token":"at","token_type":"N_A"}`, `type "N_A"`, time.Time{}},
		{"N_A, ID token", TokenTypeID,
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeID + `","token_type":"N_A"}`, "", inHour},
		{"N_A in small letters", TokenTypeID,
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeID + `","token_type":"n_a"}`, "", inHour},
		{"N_A, JWT", "", `{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeJWT + `","token_type":"N_A"}`, "",
			inHour},
		{"N_A, an ID token asked for, its type left out", TokenTypeID, `{"access_token":"` + jwt + `","token_type":"N_A"}`,
			"", inHour},
		{"an ID token called Bearer", TokenTypeID,
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeID + `","token_type":"Bearer"}`, "", inHour},
		{"an ID token that ends before expires_in", TokenTypeID,
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeID + `","token_type":"N_A","expires_in":86400}`, "",
			inHour},
		{"an ID token that ends after expires_in", TokenTypeID,
			`{"access_token":"` + jwt + `","issued_token_type":"` + TokenTypeID + `","token_type":"N_A","expires_in":60}`, "",
			sent.Add(time.Minute)},
		{"an ID token that is none", TokenTypeID,
			`{"access_token":"at","issued_token_type":"` + TokenTypeID + `","token_type":"N_A"}`, "", time.Time{}},
		{"an end that is not a number", TokenTypeID, `{"access_token":"` + jwtUntil("soon") + `","token_type":"N_A"}`, "",
			time.Time{}},
		{"an end beyond all time", TokenTypeID, `{"access_token":"` + jwtUntil(1e300) + `","token_type":"N_A"}`, "",
			time.Time{}},
		{"a negative end", TokenTypeID, `{"access_token":"` + jwtUntil(-5) + `","token_type":"N_A"}`, "", time.Time{}},
		{"type left out", TokenTypeAccess, `{"access_token":"at","token_type":"Bearer"}`, "", time.Time{}},
		{"a type of the provider's own", "", `{"access_token":"at","issued_token_type":"urn:corp:x","token_type":"Bearer"}`,
			"", time.Time{}},
		{"a type of the provider's own, N_A", "", `{"access_token":"at","issued_token_type":"urn:corp:x","token_type":"N_A"}`,
			`type "N_A"`, time.Time{}},
		{"an access token for an ID token", TokenTypeID,
			`{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `","token_type":"Bearer"}`,
			"asked for id_token, the provider issued access_token", time.Time{}},
		{"an ID token for an access token", TokenTypeAccess,
			`{"access_token":"at","issued_token_type":"` + TokenTypeID + `","token_type":"N_A"}`,
			"asked for access_token, the provider issued id_token", time.Time{}},
		{"an access token for a JWT", TokenTypeJWT,
			`{"access_token":"at","issued_token_type":"` + TokenTypeAccess + `","token_type":"Bearer"}`, "", time.Time{}},
		{"a refresh token", "", `{"access_token":"rt","issued_token_type":"` + tokenTypeRefresh + `","token_type":"N_A"}`,
			"cannot be handed to a tool", time.Time{}},
		{"a refresh token called Bearer, as asked", tokenTypeRefresh,
			`{"access_token":"rt","issued_token_type":"` + tokenTypeRefresh + `","token_type":"Bearer"}`,
			"cannot be handed to a tool", time.Time{}},
		{"SAML", "", `{"access_token":"x","issued_token_type":"` + tokenTypes + `saml2","token_type":"N_A"}`, "issued saml2",
			time.Time{}},
		{"DPoP", "", `{"access_token":"x","issued_token_type":"` + TokenTypeAccess + `","token_type":"DPoP"}`, `type "DPoP"`,
			time.Time{}},
		{"no token", "", `{"issued_token_type":"` + TokenTypeAccess + `","token_type":"Bearer"}`, "no access token",
			time.Time{}},
		{"HTML", "", `<html>`, "not the expected JSON", time.Time{}},
		{"nothing", "", ``, "not the expected JSON", time.Time{}},
		{"an error under 200", "", `{"error":"invalid_target","refresh_token":"rt"}`, "invalid_target", time.Time{}},
		{"an odd type", "", `{"access_token":"at","issued_token_type":{},"token_type":7}`, "", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &Answer{Status: http.StatusOK, Header: http.Header{}, Body: []byte(c.body), At: sent}
			set, err := parseExchange(a, sent, c.requested)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || set != nil {
					t.Fatalf("%v, error %v, want %q", set, err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if set.TokenType != "Bearer" || !set.ExpiresAt.Equal(c.ends) || !set.RefreshToken.IsZero() {
				t.Errorf("type %s, ends %v, want %v", set.TokenType, set.ExpiresAt, c.ends)
			}
		})
	}
}

// The end that a token names is by the provider's clock.
func TestExchangedEndBySkew(t *testing.T) {
	header := http.Header{"Date": {sent.Add(10 * time.Minute).Format(http.TimeFormat)}}
	a := &Answer{Status: http.StatusOK, Header: header, At: sent,
		Body: []byte(`{"access_token":"` + jwtUntil(sent.Add(time.Hour).Unix()) + `","token_type":"N_A"}`)}
	set, err := parseExchange(a, sent, TokenTypeID)
	if err != nil || !set.ExpiresAt.Equal(sent.Add(50*time.Minute)) {
		t.Errorf("%v, %v", set, err)
	}
}

// The token endpoint of a service breaks as it does for people: an outage is one,
// and never costs more than one request.
func TestServiceOutages(t *testing.T) {
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: "svc", Secret: "s3cret"}}})
	found := discover(t, p)
	subject := credential.NewSecret("sEcReT-subject")
	for name, fault := range map[string]providertest.Fault{
		"503": {Status: 503}, "429": {Status: 429}, "dropped": {Drop: true}, "HTML": {Body: "<html>sEcReT-subject"},
		"cut off": {CutAfter: 5},
		"endless": {OversizeBytes: 8 << 20}, "redirected": {Redirect: "https://evil.example/"},
		"404": {Status: 404, Body: "sEcReT-subject"},
	} {
		p.Fault(providertest.Token, fault)
		p.ResetRequests()
		for _, do := range []func() error{
			func() error { _, err := found.ClientCredentials(t.Context(), secretOfSvc, Target{}); return err },
			func() error { _, err := found.JWTBearer(t.Context(), secretOfSvc, subject, Target{}); return err },
			func() error {
				_, err := found.Exchange(t.Context(), secretOfSvc, Exchange{Subject: TypedToken{subject, TokenTypeJWT}})
				return err
			},
		} {
			err := do()
			var outage *UnavailableError
			if !errors.As(err, &outage) {
				t.Errorf("%s: %v", name, err)
			} else {
				mention(t, name, err.Error(), "sEcReT")
			}
		}
		if n := p.Requests().All; n != 3 {
			t.Errorf("%s: %d requests", name, n)
		}
		p.ClearFaults()
	}
}

// FuzzParseExchange: whatever comes back, what is taken is a Bearer token and
// nothing next to it.
func FuzzParseExchange(f *testing.F) {
	f.Add(200, `{"access_token":"a.b.c","issued_token_type":"urn:ietf:params:oauth:token-type:id_token","token_type":"N_A"}`, TokenTypeID)
	f.Add(200, `{"access_token":"`+jwtUntil(1e18)+`","token_type":"N_A","refresh_token":"r"}`, TokenTypeJWT)
	f.Add(400, `{"error":"invalid_target"}`, "")
	f.Add(200, "{\"access_token\":\"\xe6\",\"token_type\":\"0\"}", "0") // wrong in two ways: one line all the same
	f.Fuzz(func(t *testing.T, status int, body, requested string) {
		set, err := parseExchange(&Answer{Status: status, Header: http.Header{}, Body: []byte(body), At: sent}, sent,
			requested)
		if err != nil {
			if s := err.Error(); set != nil || Clean(s, len(s)) != s {
				t.Errorf("%v, %q", set, s)
			}
			return
		}
		if set.AccessToken.IsZero() || set.TokenType != "Bearer" || !set.RefreshToken.IsZero() || !set.IDToken.IsZero() {
			t.Errorf("%+v", set)
		}
		if _, err := set.ExpiresAt.MarshalJSON(); err != nil { // it will be kept
			t.Error(err)
		}
	})
}
