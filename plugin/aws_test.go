package plugin

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
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

// Keys in lines for a shell are what the shell makes of them, whatever is in them. What
// PowerShell makes of its lines is in its language specification (§2.3.5.2): in single
// quotes only those count, and two are one.
func TestEncodeKeys(t *testing.T) {
	const odd = "a'b\"c$HOME`id`\\d\\\\e\\'!x{y}~*;&|<>( )#%end\\"
	keys := credential.Credential{IssuedAt: noon, ExpiresAt: noon.Add(time.Hour), AWS: &credential.AWSKeys{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: credential.NewSecret(odd),
		SessionToken: credential.NewSecret("IQo/+==")}}
	want := "ASIAEXAMPLE\n" + odd + "\nIQo/+==\n2026-01-02T13:00:00Z\n"
	const show = "printenv AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CREDENTIAL_EXPIRATION"
	for shell, format := range map[string]string{"sh": KeysEnv, "bash": KeysEnv, "zsh": KeysEnv, "fish": KeysFish} {
		if _, err := exec.LookPath(shell); err != nil && (shell != "sh" || runtime.GOOS == "windows") {
			t.Logf("%s is not here: not tried", shell)
			continue
		}
		lines, err := EncodeKeys(format, keys)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(shell, "-c", string(lines)+show)
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%s: %v, got %q, want %q", shell, err, got, want)
		}
	}
	lines, err := EncodeKeys(KeysPowerShell, keys)
	for i, line := range strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n") {
		name, value, ok := strings.Cut(line, " = ")
		inner := strings.TrimSuffix(strings.TrimPrefix(value, "'"), "'")
		if !ok || !strings.HasPrefix(name, "$Env:AWS_") || len(inner) != len(value)-2 ||
			strings.ReplaceAll(inner, "''", "") != strings.ReplaceAll(strings.ReplaceAll(inner, "''", ""), "'", "") ||
			strings.ReplaceAll(inner, "''", "'") != strings.Split(want, "\n")[i] {
			t.Errorf("%v: %s", err, line)
		}
	}
	for _, bad := range []string{"a\nb", "a\u2019b", "a\x00", "\x1b"} {
		keys.AWS.SecretAccessKey = credential.NewSecret(bad)
		for _, format := range KeyFormats()[1:] {
			if doc, err := EncodeKeys(format, keys); err == nil || len(doc) > 0 {
				t.Errorf("%s: %q is rendered as %s", format, bad, doc)
			}
		}
	}
	for _, c := range []credential.Credential{bearer("t", time.Hour), {}, {AWS: keys.AWS}} {
		if doc, err := EncodeKeys(KeysEnv, c); err == nil || len(doc) > 0 {
			t.Errorf("%+v is rendered as %s", c, doc)
		}
	}
	if _, err := EncodeKeys("raw", keys); err == nil {
		t.Error("an unknown format")
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
			t.Errorf("%s is not JSON", doc)
		}
	}
}
