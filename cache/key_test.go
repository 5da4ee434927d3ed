package cache

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"
)

var plain = Request{Issuer: "https://login.example.com", ClientID: "cli", Identity: "human"}

var everything = Request{
	Issuer: "https://login.example.com/", ClientID: "cli", Label: "work", Identity: "service",
	Grant: []string{"jwt-bearer"}, Scopes: []string{"groups", "email"},
	Audience: "api", Resources: []string{"https://b.example", "https://a.example"}, Organization: "org_1",
	AuthParams: []string{"acr_values=mfa", "x=y"},
}

// A key that changes by accident signs everybody out. These values are a
// promise; a change of them is a change of the format.
func TestKeysStay(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"session", plain.SessionKey(), "145845fbfeb605614347cf00d294a002a1e465814e29a3be98af59120746ca10"},
		{"tokens", plain.TokenKey(), "223d5e149be6ffcdb04dfb2b05707392dae5a7c1b1cfaf110925d463bcd06eb6"},
		{"session with everything", everything.SessionKey(),
			"1a296a5a3016f18c2284576a48be0ea7874bd14b999deb0f499de4cf04d63ed6"},
		{"tokens with everything", everything.TokenKey(), "35508c9b69330cd64e847dd7bd14f5378626ba6119ae250d2e25d14fa009b35d"},
		{"derived", DerivedKey(plain.TokenKey(), "web-identity", map[string]any{"role": "r", "duration": time.Hour}),
			"f06676e2629d4c0d2d177ef19468ad01a6ea37200e182e438d2fc3c7e4cab745"},
		{"provider", ProviderKey("https://login.example.com", "oidc", ""),
			"f0a3557f9d87d80f682c9e513445a747252816dd020f8150364bd6efab851d76"},
		{"provider with a private CA", ProviderKey("https://login.example.com", "oidc", "PEM"),
			"56f4524c86101c85967cb4ce487148776db170716bd8a89efba7124386c72de4"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(c.got) {
			t.Errorf("%s: %q is not 64 hex digits", c.name, c.got)
		}
	}
}

// testdata/keys-0.0.json has the keys that version 0.0 made for people: an upgrade
// costs nobody a sign-in.
func TestKeysOfVersion00(t *testing.T) {
	b, err := os.ReadFile("testdata/keys-0.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Request              Request
		SessionKey, TokenKey string
	}
	if err := json.Unmarshal(b, &rows); err != nil || len(rows) < 10 {
		t.Fatal(len(rows), err)
	}
	for _, r := range rows {
		if r.Request.SessionKey() != r.SessionKey || r.Request.TokenKey() != r.TokenKey {
			t.Errorf("%+v: %s, %s", r.Request, r.Request.SessionKey(), r.Request.TokenKey())
		}
	}
}

// Order and repeats in a list say nothing; the caller's lists stay as they are.
func TestKeysOfLists(t *testing.T) {
	a, b := everything, everything
	a.Scopes, b.Scopes = []string{"z", "a", "z"}, []string{"a", "z"}
	a.Resources, b.Resources = []string{"2", "1", "1"}, []string{"1", "2"}
	a.AuthParams, b.AuthParams = []string{"q=1", "p=1"}, []string{"p=1", "q=1", "q=1"}
	if a.SessionKey() != b.SessionKey() || a.TokenKey() != b.TokenKey() {
		t.Error("order or repeats change a key")
	}
	if !slices.Equal(a.Scopes, []string{"z", "a", "z"}) {
		t.Errorf("the caller's list became %q", a.Scopes)
	}
	empty, none := plain, plain
	empty.Scopes, none.Scopes = []string{}, nil
	if empty.TokenKey() != none.TokenKey() {
		t.Error("an empty list is not no list")
	}
}

// Every field makes another session, except for authorization parameters, which
// make other tokens; and nothing can be moved from one field to the next.
func TestKeysDiffer(t *testing.T) {
	change := map[string]func(*Request){
		"issuer":                 func(r *Request) { r.Issuer += "/" },
		"the issuer's letters":   func(r *Request) { r.Issuer = "https://Login.example.com" },
		"client":                 func(r *Request) { r.ClientID = "other" },
		"label":                  func(r *Request) { r.Label = "work" },
		"identity":               func(r *Request) { r.Identity = "service" },
		"grant":                  func(r *Request) { r.Grant = []string{"x"} },
		"scopes":                 func(r *Request) { r.Scopes = []string{"a", "b"} },
		"one scope with a space": func(r *Request) { r.Scopes = []string{"a b"} },
		"a scope with a comma":   func(r *Request) { r.Scopes = []string{"a,b"} },
		"audience":               func(r *Request) { r.Audience = "a" },
		"resource":               func(r *Request) { r.Resources = []string{"a"} },
		"organization":           func(r *Request) { r.Organization = "a" },
		"roots":                  func(r *Request) { r.Roots = "a" },
		"account":                func(r *Request) { r.Account = []string{"a"} },
		"two of an account":      func(r *Request) { r.Account = []string{"a", "b"} },
		"a grant of two":         func(r *Request) { r.Grant = []string{"x", "a b"} },
		"a grant of three":       func(r *Request) { r.Grant = []string{"x", "a", "b"} },
		"an empty part of it":    func(r *Request) { r.Grant = []string{"x", ""} },
		"no UTF-8 in a label":    func(r *Request) { r.Label = "\xff" },
		"nor in a grant":         func(r *Request) { r.Grant = []string{"\xff"} },
		"another one":            func(r *Request) { r.Grant = []string{"\xfe"} },
	}
	seen := map[string]string{plain.SessionKey(): "nothing", plain.TokenKey(): "nothing's tokens"}
	for name, f := range change {
		r := plain
		f(&r)
		for _, key := range []string{r.SessionKey(), r.TokenKey()} {
			if other, twice := seen[key]; twice {
				t.Errorf("%s and %s have one key", name, other)
			}
			seen[key] = name
		}
	}
	r := plain
	r.AuthParams = []string{"acr_values=mfa"}
	if r.SessionKey() != plain.SessionKey() || r.TokenKey() == plain.TokenKey() {
		t.Error("an authorization parameter makes other tokens of the same session")
	}
}

func FuzzKeysAreDistinct(f *testing.F) {
	f.Add("a", "b", "c", "d", "a", "b", "c", "d")
	f.Add("a", "bc", "", "d", "ab", "c", "", "d")
	f.Add("a\",\"b", "c", "", "", "a", "b\",\"c", "", "")
	f.Add("\xff", "", "", "", "\xfe", "", "", "")
	f.Add("<", "", "", "", "\\u003c", "", "", "")
	f.Fuzz(func(t *testing.T, i1, c1, s1, p1, i2, c2, s2, p2 string) {
		a := Request{Issuer: i1, ClientID: c1, Scopes: []string{s1}, AuthParams: []string{p1}}
		b := Request{Issuer: i2, ClientID: c2, Scopes: []string{s2}, AuthParams: []string{p2}}
		sameSession := i1 == i2 && c1 == c2 && s1 == s2
		if (a.SessionKey() == b.SessionKey()) != sameSession {
			t.Errorf("%q and %q: one session key: %v", []string{i1, c1, s1}, []string{i2, c2, s2}, !sameSession)
		}
		if (a.TokenKey() == b.TokenKey()) != (sameSession && p1 == p2) {
			t.Errorf("%q and %q: one token key", []string{i1, c1, s1, p1}, []string{i2, c2, s2, p2})
		}
		if (ProviderKey(i1, "oidc", c1) == ProviderKey(i2, "oidc", c2)) != (i1 == i2 && c1 == c2) {
			t.Errorf("%q and %q: one provider key", []string{i1, c1}, []string{i2, c2})
		}
	})
}
