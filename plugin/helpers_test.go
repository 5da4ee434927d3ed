package plugin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

func TestEncodeKeyring(t *testing.T) {
	c := credential.Credential{Token: credential.NewSecret("tok=")}
	for _, w := range []struct{ mode, format, user, want string }{
		{"", "", "", "tok=\n"},
		{KeyringPassword, KeyringPlain, "a:b", "tok=\n"},
		{KeyringPassword, KeyringJSON, "u", `{"password":"tok="}` + "\n"},
		{KeyringCreds, KeyringPlain, "u", "u\ntok=\n"},
		{KeyringCreds, KeyringJSON, "<u>", `{"username":"<u>","password":"tok="}` + "\n"},
	} {
		if b, err := EncodeKeyring(w.mode, w.format, w.user, c); err != nil || string(b) != w.want {
			t.Errorf("%+v: %q, %v", w, b, err)
		}
	}
	for _, user := range []string{"", "a:b", "a\nb", "\u212a"} {
		if b, err := EncodeKeyring(KeyringCreds, "", user, c); err == nil {
			t.Errorf("%q: %q", user, b)
		}
	}
}

func TestBazel(t *testing.T) {
	for in, want := range map[string]string{
		`{"uri":"https://h/p"}`: "https://h/p", ` {"x":[{}],"uri":"h"} ` + "\n": "h",
		"": "not a JSON object", "null": "not a JSON object", `{"uri":"a"`: "not complete",
		`{"uri":"a"}}`:          "something follows",
		`{"uri":"a","uri":"b"}`: "there twice", `{"uri":{}}`: "not a string", `{"URI":"a"}`: "missing",
		"{\"uri\":\"\xff\"}": "not UTF-8",
	} {
		got, err := ParseBazelRequest([]byte(in))
		if err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	c := credential.Credential{Token: credential.NewSecret("t"), TokenType: "Bearer"}
	if b, err := EncodeBazel(c); err != nil || string(b) != `{"headers":{"Authorization":["Bearer t"]}}`+"\n" {
		t.Errorf("%q, %v", b, err)
	}
	c.ExpiresAt = time.Unix(1700000000, 9).In(time.FixedZone("", 3600))
	if b, err := EncodeBazel(c); err != nil || !bytes.Contains(b, []byte(`"expires":"2023-11-14T22:13:20Z"`)) {
		t.Errorf("%q, %v", b, err)
	}
}

func TestEncodeGCP(t *testing.T) {
	c := credential.Credential{Token: credential.NewSecret("e.y.j"), ExpiresAt: time.Unix(1700000000, 0)}
	b, err := EncodeGCP(GCPIDToken, c)
	if want := `{"version":1,"success":true,"token_type":"` + GCPIDToken +
		`","id_token":"e.y.j","expiration_time":1700000000}` + "\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	if !IsGCPAnswer(b) {
		t.Error("an answer is not one")
	}
	if b, err := EncodeGCP("urn:ietf:params:oauth:token-type:saml2", c); err == nil {
		t.Errorf("%q", b)
	}
	for _, token := range []string{"at-opaque", "a.b", "a.b.c.d.e"} {
		c.Token = credential.NewSecret(token)
		if b, err := EncodeGCP(GCPJWT, c); err == nil || b != nil {
			t.Errorf("%q", b)
		}
	}
	failed := EncodeGCPError("X", "why \"so\"\n")
	if want := `{"version":1,"success":false,"code":"X","message":"why \"so\"\n"}` + "\n"; string(failed) != want {
		t.Errorf("%q", failed)
	}
	for _, no := range []string{"", "{}", "x", string(failed), `{"version":1,"success":true}`, string(b) + "x",
		strings.Replace(string(b), "{", `{"more":1,`, 1), strings.Replace(string(b), "1", "2", 1),
		strings.Replace(string(b), "true", "false", 1)} {
		if IsGCPAnswer([]byte(no)) {
			t.Errorf("%q is an answer", no)
		}
	}
}

// TestTokensOfHelpers: what cannot be a token (RFC 6749 A.12) reaches nobody.
func TestTokensOfHelpers(t *testing.T) {
	for _, token := range []string{"", "a\nb", "a\x00", "\u212a"} {
		c := credential.Credential{Token: credential.NewSecret(token), TokenType: "Bearer"}
		k, err1 := EncodeKeyring("", "", "", c)
		b, err2 := EncodeBazel(c)
		g, err3 := EncodeGCP(GCPIDToken, c)
		if err1 == nil || err2 == nil || err3 == nil || len(k)+len(b)+len(g) > 0 {
			t.Errorf("%q: %q %q %q", token, k, b, g)
		}
	}
}

func FuzzParseBazelRequest(f *testing.F) {
	f.Add([]byte(`{"uri":"https://h/p","x":1}`))
	f.Add([]byte(`{"uri":"a","uri":"b"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		uri, err := ParseBazelRequest(in)
		if (uri == "") != (err != nil) {
			t.Errorf("%q, %v", uri, err)
		}
		if err == nil && IsGCPAnswer(in) && !bytes.Contains(in, []byte("id_token")) {
			t.Errorf("%q is an answer of gcp", in)
		}
	})
}

// What counts as an earlier answer in a file that may be anybody's is one document, with
// nothing else in it that would be lost.
func FuzzIsGCPAnswer(f *testing.F) {
	f.Add([]byte(`{"version":1,"success":true,"token_type":"t","id_token":"x","expiration_time":1}`))
	f.Add([]byte(`{"version":1,"success":true,"token_type":"t","id_token":"x","mine":1}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		if !IsGCPAnswer(in) {
			return
		}
		var doc struct {
			Version   int             `json:"version"`
			Success   bool            `json:"success"`
			TokenType json.RawMessage `json:"token_type"`
			IDToken   json.RawMessage `json:"id_token"`
			End       json.RawMessage `json:"expiration_time"`
		}
		d := json.NewDecoder(bytes.NewReader(in))
		d.DisallowUnknownFields()
		if err := d.Decode(&doc); err != nil || doc.Version != 1 || !doc.Success || doc.IDToken == nil ||
			doc.TokenType == nil {
			t.Errorf("%q: %+v, %v", in, doc, err)
		}
	})
}
