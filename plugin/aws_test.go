package plugin

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

func TestProcessCredentials(t *testing.T) {
	keys := credential.Credential{IssuedAt: noon,
		ExpiresAt: noon.Add(time.Hour + 900*time.Millisecond).In(time.FixedZone("", -7*3600)), AWS: &credential.AWSKeys{
			AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: credential.NewSecret("a/b+c<&>="),
			SessionToken: credential.NewSecret("IQo=="), AccountID: "123456789012"}}
	want := map[string]any{"Version": 1.0, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a/b+c<&>=",
		"SessionToken": "IQo==", "Expiration": "2026-01-02T13:00:00Z", "AccountId": "123456789012"}
	for _, account := range []string{"123456789012", ""} {
		if keys.AWS.AccountID = account; account == "" {
			delete(want, "AccountId")
		}
		doc, err := EncodeProcessCredentials(keys)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		oneDocument(t, doc, &got)
		if !reflect.DeepEqual(got, want) { // Version is a number: a string is refused by SDKs
			t.Errorf("%s, want %v", doc, want)
		}
	}
	// Without Expiration an SDK would never ask again.
	keys.ExpiresAt = time.Time{}
	for _, c := range []credential.Credential{keys, bearer("t", time.Hour), {}} {
		if doc, err := EncodeProcessCredentials(c); err == nil || len(doc) > 0 {
			t.Errorf("%+v is rendered as %s", c, doc)
		}
	}
}

func TestEncodeToken(t *testing.T) {
	c := bearer("a.b<&>=", time.Hour)
	for _, tc := range []struct {
		format  string
		newline bool
		c       credential.Credential
		want    string
	}{
		{TokenRaw, true, c, "a.b<&>=\n"},
		{TokenRaw, false, c, "a.b<&>="},
		{TokenHeader, true, c, "Authorization: Bearer a.b<&>=\n"},
		{TokenHeader, false, c, "Authorization: Bearer a.b<&>="},
		{TokenJSON, true, c, `{"token":"a.b<&>=","tokenType":"Bearer","expiresAt":"2026-01-02T13:00:00Z"}` + "\n"},
		{TokenJSON, true, bearer("x", 0), `{"token":"x","tokenType":"Bearer"}` + "\n"},
		{"yaml", true, c, ""},
		{"", true, c, ""},
		{TokenRaw, true, bearer("a\nb", 0), ""},
		{TokenHeader, true, bearer("a\r\nX-Evil: 1", 0), ""},
		{TokenRaw, false, bearer("a\x00", 0), ""},
	} {
		doc, err := EncodeToken(tc.format, tc.newline, tc.c)
		if string(doc) != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: %q, %v, want %q", tc.format, doc, err, tc.want)
		}
		if tc.format == TokenJSON && !json.Valid(doc) {
			t.Errorf("%s is no JSON", doc)
		}
	}
}
