package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

func TestParseGitRequest(t *testing.T) {
	secret := credential.NewSecret
	for in, want := range map[string]GitRequest{
		"": {}, "\n": {}, "protocol=https\nhost=git.example.com\n\n": {Protocol: "https", Host: "git.example.com"},
		"protocol=https\nhost=git.example.com": {Protocol: "https", Host: "git.example.com"},
		"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=h:8443\n" +
			"wwwauth[]=Basic realm=\"a=b\"\nwwwauth[]=Bearer\n": {
			Protocol: "https", Host: "h:8443", Bearer: true},
		"protocol=https\nhost=h\n\nhost=evil\n":                          {Protocol: "https", Host: "h"},
		"host=h\nusername=u\npassword=p=q\npath=a/b\n":                   {Host: "h", Rejected: secret("p=q")},
		"host=h\nauthtype=bearer\ncredential=t\nephemeral=1\n":           {Host: "h", Rejected: secret("t")},
		"host=h\nauthtype=Digest\ncredential=t\n":                        {Host: "h"},
		"host=\nnew-key=x\n":                                             {},
		"host=h\nx=" + strings.Repeat("a", 65533) + "\n":                 {Host: "h"},
		"host=h\npath=\xff\xfe\n":                                        {Host: "h"},
		"capability[]=authtype\ncapability[]=authtype\nhost=h\n":         {Host: "h", Bearer: true},
		"protocol=https\nhost=h\noauth_refresh_token=never-used\n\n\n\n": {Protocol: "https", Host: "h"},
	} {
		got, err := ParseGitRequest([]byte(in))
		if err != nil || got.Host != want.Host || got.Protocol != want.Protocol || got.Bearer != want.Bearer ||
			!got.Rejected.Equal(want.Rejected) {
			t.Errorf("%.60q: %+v, %v", in, got, err)
		}
	}
	for in, says := range map[string]string{
		"host=a\nhost=b\n": "twice", "host=a\nhost=a\n": "twice", "protocol=https\nprotocol=http\n": "twice",
		"host=a\r\n": "carriage return", "host=a\rhost=b\n": "carriage return", "host=a\x00b\n": "NUL",
		"host\n": "key=value", "=a\n": "key=value", "\x00\x01\x02": "NUL", "url=https://a\nhost=b\n": "url",
		"x=" + strings.Repeat("a", 65534) + "\n": "too long", strings.Repeat("y\n", 1000): "key=value",
	} {
		if _, err := ParseGitRequest([]byte(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v", in, err)
		}
	}
}

func TestEncodeGit(t *testing.T) {
	c := credential.Credential{Token: credential.NewSecret("tok"), TokenType: "Bearer",
		ExpiresAt: time.Unix(1700000000, 9e8)}
	for want, r := range map[string]GitRequest{
		"username=oauth2\npassword=tok\npassword_expiry_utc=1700000000\n": {},
		"capability[]=authtype\nauthtype=Bearer\ncredential=tok\nephemeral=1\n" +
			"password_expiry_utc=1700000000\n": {Bearer: true},
	} {
		if b, err := EncodeGit(r, "oauth2", c); err != nil || string(b) != want {
			t.Errorf("%q, %v", b, err)
		}
	}
	c.ExpiresAt = time.Time{}
	b, err := EncodeGit(GitRequest{}, "x-access-token", c)
	if err != nil || string(b) != "username=x-access-token\npassword=tok\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, bad := range []string{"", "a\nhost=b", "a\x00", "\u212a", strings.Repeat("a", 65535)} {
		if b, err := EncodeGit(GitRequest{}, "u", credential.Credential{Token: credential.NewSecret(bad)}); err == nil {
			t.Errorf("%.20q: %.20q", bad, b)
		}
	}
	if b, err := EncodeGit(GitRequest{}, "u\nquit=0", c); err == nil {
		t.Errorf("%q", b)
	}
}

// Nothing that is accepted has a second meaning: what git would write of it is read
// as the same request.
func FuzzParseGitRequest(f *testing.F) {
	f.Add([]byte("protocol=https\nhost=git.example.com\n\n"))
	f.Add([]byte("capability[]=authtype\nhost=a\nhost=b\r\n"))
	f.Add([]byte("host=h\nauthtype=Bearer\ncredential=t\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseGitRequest(in)
		if err != nil {
			return
		}
		if strings.ContainsAny(r.Host+r.Protocol+r.Rejected.Reveal(), "\x00\r\n") {
			t.Fatalf("%q: %+v", in, r)
		}
		end := bytes.Index(append([]byte("\n"), in...), []byte("\n\n"))
		if end >= 0 {
			in = in[:end]
		}
		if n := bytes.Count(append([]byte("\n"), in...), []byte("\nhost=")); n > 1 {
			t.Fatalf("%q has %d hosts", in, n)
		}
	})
}
