package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// What is odd about what others send: optional things cost themselves, and never
// the sign-in. A signature, an issuer, an audience or a nonce that is wrong is
// refused together with each of them.

// signsIn has somebody sign in who is not yet, and asks again.
func (b *bench) signsIn(t *testing.T, args ...string) string {
	t.Helper()
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	b.idp.ResetRequests()
	o := b.run(args...)
	var doc struct {
		Status struct{ Token, ExpirationTimestamp string }
	}
	if err := json.Unmarshal([]byte(o.stdout), &doc); o.code != 0 || err != nil ||
		strings.Count(doc.Status.Token, ".") != 2 {
		t.Errorf("exit code %d, stdout %q, stderr %s", o.code, o.stdout, o.stderr)
		return ""
	}
	if r := b.idp.Requests(); r.AuthorizationCode+min(r.DeviceCode, 1) != 1 {
		t.Errorf("requests: %+v", r)
	}
	if end := doc.Status.ExpirationTimestamp; end != "" {
		if at, err := time.Parse(time.RFC3339, end); err != nil || at.Before(time.Now()) || at.Year() > 9999 {
			t.Errorf("expirationTimestamp %q", end)
		}
	}
	b.idp.ResetRequests()
	if again := b.run(args...); again.code != 0 || again.stdout != o.stdout || b.idp.Requests().All != 0 {
		t.Errorf("again: exit code %d, %d requests, stdout %q, stderr %s", again.code, b.idp.Requests().All, again.stdout,
			again.stderr)
	}
	if o := b.run("status", "-o", "json"); o.code != 0 || !json.Valid([]byte(o.stdout)) {
		t.Errorf("status: exit code %d, stdout %q, stderr %s", o.code, o.stdout, o.stderr)
	}
	return doc.Status.Token
}

// refuses holds a call to its exit code, without a word on stdout; it returns stderr.
func (b *bench) refuses(t *testing.T, code int, words string, args ...string) string {
	t.Helper()
	o := b.run(args...)
	if o.code != code || o.stdout != "" || !strings.Contains(o.stderr, words) {
		t.Errorf("exit code %d, want %d; stdout %q, stderr %s, want %q in it", o.code, code, o.stdout, o.stderr, words)
	}
	return o.stderr
}

var spoilt = []struct {
	tamper providertest.Tamper
	words  string
}{{providertest.BadSignature, "does not verify"}, {providertest.WrongIssuer, "issuer"},
	{providertest.WrongAudience, "audience"}, {providertest.WrongNonce, "nonce"},
	{providertest.AlgNone, "does not verify"}, {providertest.AlgHS256, "does not verify"}}

// oddToken signs in with what is odd, and not with what is wrong besides. odd may
// be nil.
func (b *bench) oddToken(t *testing.T, n int, odd providertest.Tamper, args ...string) {
	t.Helper()
	b.idp.TamperIDToken(0, odd)
	defer b.idp.TamperIDToken(0, nil)
	b.signsIn(t, args...)
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	wrong := spoilt[n%len(spoilt)]
	b.idp.TamperIDToken(0, func(id *providertest.IDToken) {
		if odd != nil {
			odd(id)
		}
		wrong.tamper(id)
	})
	b.refuses(t, exitOther, wrong.words, args...)
}

var pkce = []string{"kube", "--flow", "pkce", "--browser", "testbrowser"}

// certificate is one with a serial number that is negative.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(5), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(bytes.Replace(der, []byte{2, 1, 5}, []byte{2, 1, 0xfb}, 1))
}

func TestOddKeys(t *testing.T) {
	type member = map[string]any
	with := func(odd member) func(member) { // other members of the key; nil takes one away
		return func(set member) {
			for name, v := range odd {
				key := set["keys"].([]any)[0].(member)
				if key[name] = v; v == nil {
					delete(key, name)
				}
			}
		}
	}
	among := func(before, after []any) func(member) {
		return func(set member) { set["keys"] = append(append(before, set["keys"].([]any)...), after...) }
	}
	number := func(names ...string) func(member) { // as base64 has it, padded, with zeros before it
		return func(set member) {
			key := set["keys"].([]any)[0].(member)
			for _, name := range names {
				if s, ok := key[name].(string); ok {
					raw, _ := base64.RawURLEncoding.DecodeString(s)
					key[name] = base64.StdEncoding.EncodeToString(append([]byte{0}, raw...))
				}
			}
		}
	}
	cases := map[string]func(member){
		"x5c: an empty list":            with(member{"x5c": []any{}}),
		"x5c: not base64":               with(member{"x5c": []any{"not base64!"}}),
		"x5c: not strings":              with(member{"x5c": []any{1, nil}}),
		"x5c: a negative serial number": with(member{"x5c": []any{certificate(t)}}),
		"x5c: a string":                 with(member{"x5c": "MIIBszCCAVmgAwIBAgIB"}),
		"x5c: an object":                with(member{"x5c": member{}}),
		"x5t":                           with(member{"x5t": "!", "x5t#S256": "AA=="}),
		"x5t: numbers":                  with(member{"x5t": 1, "x5t#S256": []any{}, "x5u": "::"}),
		"use and key_ops":               with(member{"use": "signature", "key_ops": []any{"verify", "something"}}),
		"use and key_ops: others":       with(member{"use": 7, "key_ops": "verify", "ext": "x"}),
		"kid: a number":                 with(member{"kid": 7}), "kid: none": with(member{"kid": nil}),
		"alg: another": with(member{"alg": "RSA-OAEP"}), "alg: a list": with(member{"alg": []any{"RS256"}}),
		"d: not a string":   with(member{"d": 7, "p": member{}, "oth": 1}),
		"times":             with(member{"exp": "never", "iat": member{}, "nbf": -1e300}),
		"numbers in base64": number("n", "e", "x", "y"),
		"others that cannot be read": among([]any{member{"kty": "RSA", "kid": "old", "n": "%%%", "e": "AQAB"}, nil, 7, "x",
			[]any{}}, []any{member{"kty": "EC", "crv": "P-999", "kid": "new", "x": "AA", "y": "AA"}}),
		"others of odd kinds": among([]any{member{"kty": 1}, member{"kty": "oct", "k": "c2VjcmV0"},
			member{"kty": "RSA", "n": 7, "e": []any{}}}, []any{member{"kty": "OKP", "crv": "X448", "x": "AA"}}),
		"the same kid twice": func(set member) {
			key := set["keys"].([]any)[0].(member)
			among([]any{member{"kty": "OKP", "crv": "Ed25519", "kid": key["kid"],
				"x": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}}, nil)(set)
		},
	}
	for _, alg := range []string{"RS256", "ES256"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			b, n := newBench(t, providertest.Config{Alg: alg}), 0
			for name, edit := range cases {
				// the rest does not depend on it
				if alg == "ES256" && !strings.HasPrefix(name, "numbers") && !strings.HasPrefix(name, "others") {
					continue
				}
				n++
				t.Run(name, func(t *testing.T) {
					b.idp.Edit(providertest.JWKS, edit)
					b.oddToken(t, n, nil, pkce...)
				})
			}
		})
	}
}

// A token's own header names the key, and never brings one.
func TestOddHeader(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	for n, odd := range []map[string]any{
		{"x5c": []any{"not base64!"}}, {"x5c": []any{certificate(t)}}, {"x5c": 7}, {"jwk": "not a key"},
		{"jwk": map[string]any{"kty": "oct", "k": "AA"}, "jku": "http://127.0.0.1:9/"},
		{"kid": nil}, {"typ": 7, "cty": nil, "nonce": []any{}, "x5t": 1}, {"kid": 7, "b64": "x"},
	} {
		t.Run(fmt.Sprint(odd), func(t *testing.T) {
			b.oddToken(t, n, func(id *providertest.IDToken) {
				for name, v := range odd {
					id.Header[name] = v
				}
			}, pkce...)
		})
	}
	for _, crit := range []any{[]any{"exp"}, []any{"b64"}, []any{}, "b64"} { // RFC 7515 §4.1.11
		b.idp.TamperIDToken(0, func(id *providertest.IDToken) { id.Header["crit"] = crit })
		b.refuses(t, exitOther, "does not verify", pkce...)
	}
}

func TestOddClaims(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	claims := func(odd map[string]any) providertest.Tamper {
		return func(id *providertest.IDToken) {
			for name, v := range odd {
				providertest.SetClaim(name, v)(id)
			}
		}
	}
	type c = map[string]any
	at := func(d time.Duration) float64 { return float64(time.Now().Add(d).Unix()) }
	ms := func(d time.Duration) float64 { return at(d) * 1000 }
	for n, odd := range []c{
		{"exp": ms(time.Hour)}, {"exp": ms(time.Hour), "iat": ms(0), "nbf": ms(0), "auth_time": ms(0)},
		{"exp": int64(253402300799)}, {"exp": int64(253402300800)}, {"exp": 1e300},
		{"exp": json.RawMessage("1e400")}, {"exp": fmt.Sprint(int64(at(time.Hour)))}, {"exp": at(time.Hour) + 0.5},
		{"iat": int64(-99999999999999)}, {"iat": nil}, {"iat": json.RawMessage("null")},
		{"iat": "yesterday"}, {"iat": c{}}, {"iat": -1e300}, {"nbf": "never"}, {"nbf": []any{}}, {"nbf": int64(-1)},
		{"auth_time": "x"}, {"auth_time": int64(-5)}, {"auth_time": 1e300},
		{"acr": 7, "amr": "pwd", "groups": "admins", "email": []any{}, "name": c{}},
		{"_claim_names": c{"groups": "src1"}}, {"_claim_names": 7, "_claim_sources": "x"},
		{"aud": []any{"cli", "cli"}}, {"aud": []any{"cli", "cli"}, "azp": "cli"},
		{"aud": []any{"cli", "other"}, "azp": "cli"},
	} {
		t.Run(fmt.Sprint(odd), func(t *testing.T) { b.oddToken(t, n, claims(odd), pkce...) })
	}
	for _, wrong := range []struct {
		claims c
		words  string
	}{
		{c{"exp": at(-time.Hour)}, "ended"}, {c{"exp": fmt.Sprint(at(-time.Hour))}, "ended"},
		{c{"exp": -1e300}, "exp"}, {c{"exp": 0}, "exp"}, {c{"exp": nil}, "exp"}, {c{"exp": "soon"}, "exp"},
		{c{"iat": at(time.Hour)}, "future"}, {c{"iat": ms(time.Hour)}, "future"}, {c{"nbf": at(time.Hour)}, "nbf"},
		{c{"nbf": ms(time.Hour)}, "nbf"}, {c{"nbf": 1e300}, "nbf"},
		{c{"aud": []any{"cli", "other"}, "azp": "other"}, "azp"},
		{c{"aud": []any{"cli", "cli"}, "azp": "other"}, "azp"}, {c{"aud": []any{"cli", "other"}}, "azp"},
		{c{"aud": []any{"cli", "cli", 7}}, "audience"},
		{c{"aud": c{"cli": 1}}, "audience"}, {c{"sub": 7}, "subject"}, {c{"iss": []any{b.idp.Issuer()}}, "issuer"},
		{c{"at_hash": 7}, "at_hash"}, {c{"nonce": []any{}}, "nonce"},
	} {
		t.Run(fmt.Sprint("refused ", wrong.claims), func(t *testing.T) {
			if err := os.RemoveAll(b.dir); err != nil {
				t.Fatal(err)
			}
			b.idp.TamperIDToken(0, claims(wrong.claims))
			b.refuses(t, exitOther, wrong.words, pkce...)
		})
	}
}

// The bytes of an answer: a byte order mark before it, and another success than 200.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	b, n := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1}), 0
	mark := func(a *providertest.Answer) { a.Body = append([]byte("\xef\xbb\xbf"), a.Body...) }
	device := []string{"kube", "--flow", "device"}
	for _, c := range []struct {
		at   providertest.Endpoint
		odd  func(*providertest.Answer)
		args []string
	}{
		{providertest.Discovery, mark, pkce}, {providertest.JWKS, mark, pkce}, {providertest.Device, mark, device},
		{providertest.Token, mark, pkce}, {providertest.Token, mark, device},
		{providertest.PAR, mark, append(pkce, "--par", "always")},
		{providertest.Token, func(a *providertest.Answer) { a.Status = 201 }, pkce},
		{providertest.JWKS, func(a *providertest.Answer) { a.Status = 203 }, pkce},
		{providertest.Discovery, func(a *providertest.Answer) { a.Status = 203 }, pkce},
		{providertest.PAR, func(a *providertest.Answer) { a.Status = 200 }, append(pkce, "--par", "always")},
		{providertest.Token,
			func(a *providertest.Answer) { a.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, pkce},
		{providertest.Token, func(a *providertest.Answer) {
			mark(a)
			a.Header.Set("Content-Type", "text/html")
			a.Body = append(a.Body, "\n\n<!-- x -->"...)
		}, pkce},
		{providertest.Device, func(a *providertest.Answer) {
			if a.Status == 200 {
				a.Status = 201
			}
		}, device},
	} {
		n++
		t.Run(fmt.Sprint(n, c.at), func(t *testing.T) {
			b.idp.Fault(c.at, providertest.Fault{Rewrite: c.odd})
			defer b.idp.ClearFaults()
			if c.at == providertest.Device || c.args[2] == "device" {
				b.signsIn(t, c.args...)
				return
			}
			b.oddToken(t, n, nil, c.args...)
		})
	}
	// A refresh: what was rotated is there, whatever the answer looks like.
	for _, odd := range []func(*providertest.Answer){mark, func(a *providertest.Answer) { a.Status = 202 },
		func(a *providertest.Answer) {
			a.Body = bytes.Replace(a.Body, []byte(`"expires_in":`), []byte(`"error":{"code":"x"},"expires_in":-1e999,"was":`), 1)
		}} {
		b.signsIn(t, pkce...)
		b.idp.Fault(providertest.RefreshToken, providertest.Fault{Rewrite: odd})
		b.expire(t)
		if o := b.run(pkce...); o.code != 0 || !b.live(t) {
			t.Errorf("refresh: exit code %d, stderr %s, the stored refresh token is live: %v", o.code, o.stderr, b.live(t))
		}
		b.idp.ClearFaults()
	}
}

// Of a callback only state, code, error, error_description and iss are read.
func TestOddCallback(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{ResponseIss: true})
	add := func(how string) { // * stands for the usual query
		b.idp.ClearFaults()
		b.idp.Fault(providertest.Authorize, providertest.Fault{Rewrite: func(a *providertest.Answer) {
			before, query, ok := strings.Cut(a.Header.Get("Location"), "?")
			if ok && strings.Contains(before, "/callback") {
				a.Header.Set("Location", before+"?"+strings.Replace(how, "*", query, 1))
			}
		}})
	}
	oddities := []string{"*&session=a;b", "x=%zz&*", "*&foo=1&foo=2", "*&blob=" + strings.Repeat("A", 2048),
		"*&blob=" + strings.Repeat("A", 20<<10), "%zz=1&*&%", "&&*&;&=&a;b;c", "*&+=+&x=%00%0a",
		"*&error_description=%zz", "*&STATE=x&Code=y&ISS=z", "*&state;x=1&code[]=2"}
	for n, how := range oddities {
		t.Run(how[:min(len(how), 30)], func(t *testing.T) {
			add(how)
			b.oddToken(t, n, nil, pkce...)
			b.idp.ClearFaults()
			if address := b.pasted(t, how); !strings.Contains(address, "ExecCredential") {
				t.Errorf("pasted: %s", address)
			}
		})
	}
	b.idp.DenyLogins("access_denied")
	for _, how := range []string{"*&x=a;b", "%zz&*", "*&error_description=%zz", "*&foo=%"} {
		if err := os.RemoveAll(b.dir); err != nil {
			t.Fatal(err)
		}
		add(how)
		b.refuses(t, exitDenied, "denied", append(pkce, "--login-timeout", "1h")...)
		b.idp.ClearFaults()
		if out := b.pasted(t, how); !strings.Contains(out, "denied") {
			t.Errorf("pasted: %s", out)
		}
	}
	b.idp.DenyLogins("")
	// What counts must be right, and there once: all others are for somebody else.
	for _, how := range []string{"*&state=x", "*&code=x", "*&iss=" + url.QueryEscape(b.idp.Issuer()),
		"*&%73tate=x", "*&code=%zz", "x;*", "*&error=%zz"} {
		if err := os.RemoveAll(b.dir); err != nil {
			t.Fatal(err)
		}
		add(how)
		b.refuses(t, exitDenied, "not completed in time", append(pkce, "--login-timeout", "1500ms")...)
	}
}

// pasted signs in with an address that is brought back by hand; it returns what the
// command said.
func (b *bench) pasted(t *testing.T, how string) string {
	t.Helper()
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(b.bin, "kube", "--flow", "paste", "--browser", "none", "--login-timeout", "1m")
	cmd.Env = b.env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`(https://127\.0\.0\.1:\d+/authorize\?\S+)\n`)
	until(t, "an address to open", func() bool { return address.MatchString(out.String()) })
	hc := *b.idp.Client()
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := hc.Get(address.FindStringSubmatch(out.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	before, query, _ := strings.Cut(resp.Header.Get("Location"), "?")
	fmt.Fprintln(in, before+"?"+strings.Replace(how, "*", query, 1))
	_ = cmd.Wait()
	return out.String()
}
