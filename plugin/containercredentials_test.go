package plugin

import (
	"reflect"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

func TestContainerCredentials(t *testing.T) {
	keys := credential.Credential{IssuedAt: noon,
		ExpiresAt: noon.Add(time.Hour + 900*time.Millisecond).In(time.FixedZone("", -7*3600)), AWS: &credential.AWSKeys{
			AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: credential.NewSecret("a/b+c<&>="),
			SessionToken: credential.NewSecret("IQo=="), AccountID: "123456789012"}}
	want := map[string]any{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a/b+c<&>=", "Token": "IQo==",
		"Expiration": "2026-01-02T13:00:00Z", "AccountId": "123456789012"}
	for _, account := range []string{"123456789012", ""} {
		if keys.AWS.AccountID = account; account == "" {
			delete(want, "AccountId")
		}
		doc, err := EncodeContainerCredentials(keys)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		oneDocument(t, doc, &got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s, want %v", doc, want)
		}
	}
	keys.ExpiresAt = time.Time{}
	for _, c := range []credential.Credential{keys, bearer("t", time.Hour), {}} {
		if doc, err := EncodeContainerCredentials(c); err == nil || len(doc) > 0 {
			t.Errorf("%+v is rendered as %s", c, doc)
		}
	}
}

func TestContainerError(t *testing.T) {
	doc, err := EncodeContainerError("SignInRequired", `run: sso-exec login --profile "a"`)
	if want := `{"Code":"SignInRequired","Message":"run: sso-exec login --profile \"a\""}` + "\n"; err != nil ||
		string(doc) != want {
		t.Errorf("%s, %v, want %s", doc, err, want)
	}
}
