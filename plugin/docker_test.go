package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
)

func TestParseDockerServer(t *testing.T) {
	for in, want := range map[string]string{
		"r.example.com": "", "r.example.com\n": "r.example.com", " \tr.example.com:5000/a/b \r\n": "r.example.com:5000/a/b",
		"https://index.docker.io/v1/": "", "a b": "", "\u212aube.example": "", "r.example.com\u00a0": "r.example.com",
	} {
		if want == "" {
			want = in
		}
		if got, err := ParseDockerServer([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for in, says := range map[string]string{
		"": "no credentials server URL", " \n\n": "no credentials server URL",
		"a\nb": "control", "a\rb\n": "control", "a\x00": "control", "\x00\x01": "control", "a\x7fb": "control",
		"a\u0085b": "control",
	} {
		if got, err := ParseDockerServer([]byte(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestCheckDockerStore(t *testing.T) {
	for in, says := range map[string]string{
		`{"ServerURL":"h","Username":"u","Secret":"s"}`: "", `{"ServerURL":"h","Username":"u"}` + "\n": "",
		`{"Username":"u"}`: "no credentials server URL", `{"ServerURL":" ","Username":"u"}`: "no credentials server URL",
		`{"ServerURL":"h"}`: "no credentials username", `{}`: "no credentials server URL",
		"": "not the JSON", "{": "not the JSON", "[]": "not the JSON", "h\n": "not the JSON", "\x00": "not the JSON",
	} {
		err := CheckDockerStore([]byte(in))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestEncodeDocker(t *testing.T) {
	c := credential.Credential{Token: credential.NewSecret("tok=")}
	for user, want := range map[string]string{
		DockerUser: `{"ServerURL":"https://h/v1/","Username":"oauth2accesstoken","Secret":"tok="}` + "\n",
		"<token>":  `{"ServerURL":"https://h/v1/","Username":"<token>","Secret":"tok="}` + "\n",
	} {
		if b, err := EncodeDocker("https://h/v1/", user, c); err != nil || string(b) != want {
			t.Errorf("%q, %v", b, err)
		}
	}
	for _, user := range []string{"", "a:b", "a\nb", "\u212a"} {
		if b, err := EncodeDocker("h", user, c); err == nil {
			t.Errorf("%q: %q", user, b)
		}
	}
	for _, bad := range []string{"", "a\nb", "a\x00", "\u212a"} {
		if b, err := EncodeDocker("h", "u", credential.Credential{Token: credential.NewSecret(bad)}); err == nil {
			t.Errorf("%q: %q", bad, b)
		}
	}
	if b, err := EncodeDockerList(nil); err != nil || string(b) != "{}\n" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := EncodeDockerList(map[string]string{"h:1": "u"}); err != nil || string(b) != `{"h:1":"u"}`+"\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// What is accepted comes back as it was asked for, on one line.
func FuzzParseDockerServer(f *testing.F) {
	f.Add([]byte("https://index.docker.io/v1/\n"))
	f.Add([]byte(" r.example.com:5000\r\n"))
	f.Add([]byte("a\nb\x00\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		server, err := ParseDockerServer(in)
		if err != nil {
			return
		}
		if server == "" || strings.ContainsAny(server, "\x00\r\n") || !strings.Contains(string(in), server) {
			t.Fatalf("%q: %q", in, server)
		}
	})
}

// Whatever store is given that lacks something is refused.
func FuzzCheckDockerStore(f *testing.F) {
	f.Add([]byte(`{"ServerURL":"h","Username":"u","Secret":"s"}`))
	f.Add([]byte(`{"serverurl":"h","Username":""}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := CheckDockerStore(in); err != nil {
			return
		}
		var all map[string]any
		if err := json.Unmarshal(in, &all); err != nil || len(all) < 2 {
			t.Fatalf("%q is accepted: %v", in, err)
		}
	})
}
