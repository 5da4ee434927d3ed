package plugin

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

const cargoAsks = `{"v":1,"registry":{"index-url":"sparse+https://h/i/","headers":["WWW-Authenticate: Bearer` +
	` error=\"invalid_token\""]},"kind":"get","operation":"read","args":["cargo","--profile=corp"]}`

func TestParseCargoRequest(t *testing.T) {
	for in, want := range map[string]CargoRequest{
		cargoAsks: {IndexURL: "https://h/i/", Get: true, Refused: true, Args: []string{"cargo", "--profile=corp"}},
		`{"v":1,"registry":{"index-url":"https://h/i.git"},"kind":"login","token":"x"}` + "\r\n":    {IndexURL: "https://h/i.git"},
		` {"kind" : "new", "v" : 1 , "registry":{"x":{"index-url":"a"},"index-url":"h"}, "z":null}`: {IndexURL: "h"},
		`{"v":1,"registry":{"Index-URL":"a","index-url":"h","headers":["www-authenticate: Cargo login_url=\"u\"",
			"X-Error: error=invalid_token"]},"KIND":"get","kind":"logout"}`: {IndexURL: "h"},
	} {
		if got, err := ParseCargoRequest([]byte(in)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.60q: %+v, %v", in, got, err)
		}
	}
	for in, says := range map[string]string{
		"": "JSON object", "\n": "JSON object", "null": "JSON object", "[]": "JSON object", "\x00": "JSON object",
		"{": "not complete", `{"v":1,`: "not", `{"v":1 "kind":"get"}`: "JSON", `{v:1}`: "JSON", `{1:1}`: "JSON",
		`{"v":1}`: "registry", `{"v":1,"registry":null}`: "registry", `{"v":1,"registry":{}} x`: "follows",
		`{"v":1,"registry":{}}{}`: "follows", `{"v":2,"registry":{}}`: "version", `{"v":"1","registry":{}}`: "version",
		`{"V":1,"registry":{}}`: "version", `{"v":1,"registry":{},"v":1}`: "twice", "{\"a\":\"\xff\"}": "UTF-8",
		`{"v":1,"registry":{"index-url":"a","index-url":"b"}}`:       "twice",
		`{"v":1,"registry":{"index-url":"a","index\u002durl":"b"}}`:  "twice",
		`{"v":1,"registry":{"index-url":["a"]}}`:                     "index-url is not a string",
		`{"v":1,"registry":{},"kind":1}`:                             "kind is not a string",
		`{"v":1,"registry":{},"args":["a",1]}`:                       "args is not a list",
		`{"v":1,"registry":{"headers":{"a":"b"}}}`:                   "headers is not a list",
		`{"v":1,"registry":{},"a":` + strings.Repeat("[", 20000):     "JSON",
		`{"v":1,"registry":` + strings.Repeat(`{"registry":`, 20000): "JSON",
	} {
		if got, err := ParseCargoRequest([]byte(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %+v, %v", in, got, err)
		}
	}
}

func TestEncodeCargo(t *testing.T) {
	c := credential.Credential{Token: credential.NewSecret("t<o>k"), TokenType: "Bearer",
		ExpiresAt: time.Unix(1700000000, 9e8)}
	b, err := EncodeCargo(c)
	if want := `{"Ok":{"kind":"get","token":"Bearer t<o>k","cache":"expires","expiration":1700000000,` +
		`"operation_independent":true}}` + "\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	c.ExpiresAt = time.Time{}
	if b, err := EncodeCargo(c); err != nil || !strings.Contains(string(b), `"cache":"session","operation`) {
		t.Errorf("%q, %v", b, err)
	}
	for _, bad := range []string{"", "a\nb", "a\x00", "\u212a"} {
		if b, err := EncodeCargo(credential.Credential{Token: credential.NewSecret(bad)}); err == nil {
			t.Errorf("%q: %q", bad, b)
		}
	}
	for want, b := range map[string][]byte{
		`{"Err":{"kind":"url-not-supported"}}` + "\n":                      EncodeCargoError(CargoURLNotSupported, ""),
		`{"Err":{"caused-by":[],"kind":"other","message":"m"}}` + "\n":     EncodeCargoError(CargoOther, "m"),
		`{"Err":{"caused-by":["\n"],"kind":"other","message":"m"}}` + "\n": EncodeCargoError(CargoOther, "m", "\n"),
	} {
		if string(b) != want {
			t.Errorf("%q, want %q", b, want)
		}
	}
}

// Nothing that is accepted has a second meaning: every member is there once, as
// encoding/json reads it too.
func FuzzParseCargoRequest(f *testing.F) {
	f.Add([]byte(cargoAsks))
	f.Add([]byte(`{"v":1,"registry":{"index-url":"a","index-url":"b"},"kind":"login"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseCargoRequest(in)
		if err != nil {
			return
		}
		var doc map[string]map[string]any
		_ = json.Unmarshal(in, &doc) // other members are no objects
		if url, _ := doc["registry"]["index-url"].(string); strings.TrimPrefix(url, "sparse+") != r.IndexURL {
			t.Fatalf("%q: %q, not %q", in, r.IndexURL, url)
		}
		members, err := object(in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if r2, err := ParseCargoRequest(again); err != nil || !reflect.DeepEqual(r, r2) {
			t.Fatalf("%q is %+v, and written again %+v, %v", in, r, r2, err)
		}
	})
}
