package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// signES256 makes a JWT as a platform would that has this key.
func signES256(t *testing.T, key clientKey, claims object) string {
	t.Helper()
	header, err := json.Marshal(object{"alg": "ES256", "typ": "JWT", "kid": key.public["kid"]})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := b64(header) + "." + b64(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key.certificate.(*ecdsa.PrivateKey), digest[:crypto.SHA256.Size()])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + b64(signature)
}

// assertionOf is a client assertion that somebody else has made (RFC 7523 §3).
func (p *certified) assertionOf(id string, key clientKey, ends time.Time) string {
	p.t.Helper()
	return signES256(p.t, key, object{
		"iss": id, "sub": id, "aud": p.issuer, "jti": rand.Text(), "iat": ends.Add(-time.Minute).Unix(), "exp": ends.Unix(),
	})
}

// TestServiceClock: a provider whose clock is five minutes ahead refuses an
// assertion that has ended there, and the sentence names the clock. One that is
// behind takes it: oidc-provider looks at no iat. (providertest does, and our own
// tests with it.) Neither has a say in how long a token is good here.
func TestServiceClock(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"behind": 5 * time.Minute, "ahead": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t, "ES256")
			p := newCertified(t, certifiedOptions{Clients: []object{basicClient, keyClient("ec", key)}, Ahead: ahead})
			s := newService(t, p.issuer)
			flags := []string{"--client-key-file", s.file("key", key.pkcs8)}
			id := "ec"
			if ahead > 0 {
				s.run("token", id, flags...).refused(1, "invalid_client", "this machine's clock is 5 minutes behind the provider's")
				p.tokenRequests(1)
				id, flags = "basic", []string{"--client-secret-file", s.file("secret", []byte(secretOfBasic))} // which has no clock
			}
			token := s.run("token", id, flags...).token()
			if s.run("token", id, flags...).token() != token {
				t.Error("the second call has another token")
			}
			p.tokenRequests(1)
		})
	}
}

// TestServiceReplay: an assertion that somebody else has made is good for one
// use (RFC 7523 §3, jti) and until its end.
func TestServiceReplay(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ES256")
	p := newCertified(t, certifiedOptions{Clients: []object{keyClient("ec", key)}})
	for _, kind := range []string{"file:", "command:cat "} {
		t.Run(kind, func(t *testing.T) {
			s := newService(t, p.issuer)
			once := p.assertionOf("ec", key, time.Now().Add(5*time.Minute))
			path := s.file("assertion", []byte(once))
			flags := []string{"--subject-token-from", kind + path}

			token := s.run("token", "ec", flags...).token()
			if s.run("token", "ec", flags...).token() != token {
				t.Error("the second call has another token")
			}
			p.tokenRequests(1)
			said := s.run("token", "ec", append(flags, "--force")...).refused(1, "invalid_client")
			if strings.Contains(said, once) {
				t.Error("the assertion is on stderr")
			}
			t.Log(said)
			p.tokenRequests(1) // it is not tried again

			s.file("assertion", []byte(p.assertionOf("ec", key, time.Now().Add(5*time.Minute))))
			if s.run("token", "ec", append(flags, "--force")...).token() == token {
				t.Error("a new assertion gave the old token")
			}

			p.forget()
			s.file("assertion", []byte(p.assertionOf("ec", key, time.Now().Add(-time.Minute))))
			s.run("token", "ec", append(flags, "--force")...).refused(1, "ended at", "clock")
			p.tokenRequests(0) // what has ended is not sent
		})
	}
}

// TestServiceSources: what is not there is exit code 2 and says what would help;
// a metadata server that says nothing is exit code 5, in time.
func TestServiceSources(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	s := newService(t, p.issuer)
	for _, place := range []struct{ source, env, says string }{
		{"github", "", "not a GitHub Actions job"},
		{"github", "GITHUB_ACTIONS=true", "id-token: write"},
		{"gitlab", "", "not a GitLab CI job"},
		{"gitlab", "GITLAB_CI=true", "id_tokens"},
		{"kubernetes", "", "no file"},
		{"azure", "", "azure"},
		{"gcp", "", "GCE_METADATA_HOST"},
		{"file:nothing", "", "no file"},
		{"env:NOTHING", "", "NOTHING"},
		{"command:nothing-of-this", "", "no command"},
		{"nonsense", "", "kubernetes"},
	} {
		s.start("sso-exec", []string{place.env}, s.args("token", "ec", "--subject-token-from", place.source)...).refused(2,
			place.says)
	}
	p.tokenRequests(0)

	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, as the kernel does, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	hangs := s.start("sso-exec", []string{"GCE_METADATA_HOST=" + silent.Addr().String()},
		s.args("token", "ec", "--subject-token-from", "gcp")...)
	t.Log(hangs.refused(5, "try again later"))
	p.tokenRequests(0)
	if _, err := os.Stat(s.cache + "/sessions"); err == nil {
		t.Error("a session was kept")
	}
}
