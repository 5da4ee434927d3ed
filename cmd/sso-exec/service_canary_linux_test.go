package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/providertest"
)

// Kinds of a service's secrets, next to a person's.
const (
	aClientKey      = "client key"      // nowhere
	anAssertion     = "assertion"       // nowhere
	aSubjectToken   = "subject token"   // nowhere, but under --flow workload, where it is the access token
	anExchangeToken = "exchanged token" // derived/
)

// learnServices collects what services have sent and were given. Secrets that
// are known already keep their kind.
func (k *canary) learnServices() {
	add := func(kind string, values ...string) {
		for _, v := range values {
			if k.secrets[v] == "" && v != "" {
				k.secrets[v] = kind
			}
		}
	}
	last, exchanged := k.idp.LastTokens(), false
	for _, r := range k.idp.Log() {
		exchanged = r.Form.Get("subject_token_type") == "urn:ietf:params:oauth:token-type:access_token" // the session's own
		add(anAssertion, r.Form["client_assertion"]...)
		add(anAssertion, r.Form["assertion"]...)
		add(aSubjectToken, r.Form["actor_token"]...)
		if exchanged {
			add(anAccessToken, r.Form["subject_token"]...)
		}
		add(aSubjectToken, r.Form["subject_token"]...)
	}
	k.idp.ResetRequests()
	if exchanged {
		add(anExchangeToken, last.AccessToken)
	}
	add(anAccessToken, last.AccessToken)
	for _, keys := range k.sts.Issued() {
		add(anAWSKey, keys.SecretAccessKey, keys.SessionToken)
	}
}

// TestCanaryServices: a service by every flow and with every credential, fresh,
// cached, renewed and refused, at every log level. No secret of its is anywhere
// but where it belongs, nor does a helper get another one.
func TestCanaryServices(t *testing.T) {
	t.Parallel()
	key, platform := newECKey(t), newECKey(t)
	k := &canary{
		bench: newBench(t, providertest.Config{
			JWTAccessTokens: true,
			Clients: []providertest.Client{{ID: "secret", Secret: "CANARY+service/secret=1"},
				{ID: "key", JWKS: publicSet(t, key, "")}, {ID: "public"},
				{ID: "federated", Federated: []providertest.Workload{{Issuer: "https://ci.example", Subject: "job"}}}},
			TrustedIssuers: map[string][]byte{"https://ci.example": publicSet(t, platform, "ci")},
		}),
		secrets: map[string]string{"CANARY+service/secret=1": aClientSecret, decoy: aDecoy}, dumps: t.TempDir(),
		logs: t.TempDir(), trail: t.TempDir(),
	}
	k.sts = providertest.NewSTS(t, providertest.STSConfig{Provider: k.idp, Audiences: []string{"aws"}})
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := func(subject string) string {
		return signJWT(t, platform, "ci",
			map[string]any{"iss": "https://ci.example", "sub": subject, "aud": k.idp.Issuer(), "jti": rand.Text(),
				"exp": time.Now().Add(time.Hour).Unix()})
	}
	job, actor := token("job"), token("actor")
	k.secrets[job], k.secrets[actor] = aSubjectToken, aSubjectToken
	text := encodeKey(t, key)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-") {
			k.secrets[line] = aClientKey
		}
	}
	number, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	k.secrets[base64.RawURLEncoding.EncodeToString(number)] = aClientKey
	helper := filepath.Join(dir, "helper")
	script := "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/cmdline >\"$DUMPS/$$.argv\"\ntr '\\0' '\\n' </proc/$$/environ " +
		">\"$DUMPS/$$.environ\"\nexec cat \"$1\"\n"
	if err := os.WriteFile(helper, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"DUMPS": k.dumps, "SSO_EXEC_STS_ENDPOINT": k.sts.URL(), "SSO_EXEC_ROLE_ARN": "arn:aws:iam::123456789012:role/dev",
		"SSO_EXEC_CLIENT_SECRET": decoy, "KUBERNETES_EXEC_INFO": kubeInfo,
		"XDG_STATE_HOME": k.trail, "SSO_EXEC_AUDIT": "all",
	} {
		k.setenv(name, value)
	}
	secret, keyFile, jobFile, actorFile := file("secret", "CANARY+service/secret=1\n"), file("key", text),
		file("job", job), file("actor", actor)
	wrong := file("wrong", decoy)

	credentials := [][]string{
		{"--client-id", "secret", "--flow", "client-credentials", "--client-secret-file", secret},
		{"--client-id", "secret", "--flow", "client-credentials", "--client-secret-command", helper + " " + secret,
			"--client-auth", "client_secret_post"},
		{"--client-id", "key", "--flow", "client-credentials", "--client-key-command", helper + " " + keyFile},
		{"--client-id", "federated", "--flow", "client-credentials", "--subject-token-from", "file:" + jobFile},
		{"--client-id", "public", "--flow", "jwt-bearer", "--subject-token-from", "command:" + helper + " " + jobFile},
		{"--client-id", "public", "--flow", "token-exchange", "--subject-token-from", "file:" + jobFile, "--actor-token-from",
			"file:" + actorFile},
	}
	look := func(what string, o outcome, allowed ...string) {
		t.Helper()
		k.learnServices()
		k.scan(t, what+": stdout", o.stdout, allowed...)
		k.scan(t, what+": stderr", o.stderr)
		for name, text := range files(t, k.dumps) {
			k.scan(t, what+": the helper's "+filepath.Ext(name), strings.ReplaceAll(string(text), kubeInfo, ""))
		}
		k.searchTrail(t, what)
		for name, text := range files(t, k.logs) {
			k.scan(t, what+": log file "+name, string(text))
		}
		for name, text := range files(t, k.dir) {
			room, _, _ := strings.Cut(name, "/")
			k.scan(t, what+": file "+name, string(text),
				map[string][]string{"tokens": {anAccessToken}, "derived": {anAWSKey, anExchangeToken}}[room]...)
		}
	}
	call := func(code int, allowed string, args ...string) {
		t.Helper()
		o := k.run(args...)
		what := strings.Join(args, " ")
		if o.code != code {
			t.Errorf("%s: exit code %d, want %d: %s", what, o.code, code, o.stderr)
		}
		look(what, o, allowed)
	}
	for i, credential := range credentials {
		// These come from us, the variable from whoever set it: it is not for this client.
		if i == 4 || i == 5 {
			k.setenv("SSO_EXEC_CLIENT_SECRET", "")
		}
		talk := [][]string{{"--log-level", "debug"},
			{"--explain", "-v", "--log-level", "debug", "--log-file", filepath.Join(k.logs, "log")}}[i%2]
		with := func(args ...string) []string { return slices.Concat(args, credential, talk) }
		call(0, anAccessToken, with("token", "--log-level", "debug")...)
		call(0, anAccessToken, with("token", "-o", "json", "--force")...)
		call(0, "", with("login")...)
		call(0, anExchangeToken, with("kube", "--exchange-audience", "cluster")...)
		call(0, anAWSKey, with("aws", "--audience", "aws")...)
		k.expire(t)
		call(0, anAccessToken, with("kube")...)
		call(1, "", with("kube", "--force", "--scope", "unknown")...)
	}
	k.setenv("SSO_EXEC_CLIENT_SECRET", "")
	call(1, "", "token", "--client-id", "secret", "--flow", "client-credentials", "--client-secret-file", wrong, "--force",
		"--log-level", "debug")
	call(1, "", "token", "--client-id", "secret", "--flow", "client-credentials", "--client-secret-command",
		"sh -c 'cat "+secret+"; cat "+secret+" >&2; false'", "--force", "--log-level", "debug")
	call(1, "", "token", "--client-id", "public", "--flow", "jwt-bearer", "--subject-token-from",
		"command:sh -c 'cat "+jobFile+" "+jobFile+"; cat "+jobFile+" >&2; false'", "--force", "--log-level", "debug")
	call(2, "", "token", "--client-id", "key", "--flow", "client-credentials", "--client-key-file", secret, "--force",
		"--log-level", "debug")
	call(2, "", "token", "--client-id", "public", "--flow", "jwt-bearer", "--subject-token-from", "file:"+keyFile,
		"--log-level", "debug")
	call(0, "", "logout", "--all", "--log-level", "debug")

	found := map[string]int{}
	for _, kind := range k.secrets {
		found[kind]++
	}
	t.Logf("%d events; %d texts searched for %d secrets: %v", k.events, k.scanned, len(k.secrets), found)
	if k.events < 30 {
		t.Errorf("only %d events were recorded", k.events)
	}
	for _, kind := range []string{anAccessToken, anAWSKey, aClientSecret, aClientKey, anAssertion, aSubjectToken,
		anExchangeToken} {
		if found[kind] == 0 {
			t.Errorf("this test has seen no %s", kind)
		}
	}
	if len(files(t, k.dumps)) == 0 {
		t.Error("no helper was looked at")
	}
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicSet(t *testing.T, key *ecdsa.PrivateKey, id string) []byte {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: id}}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func encodeKey(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func signJWT(t *testing.T, key *ecdsa.PrivateKey, id string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// searchTrail looks at the audit trail.
func (k *canary) searchTrail(t *testing.T, what string) {
	t.Helper()
	k.events = 0
	for name, text := range files(t, k.trail) {
		k.scan(t, what+": the audit trail: "+name, string(text))
		k.events += strings.Count(string(text), `"event":`)
	}
}
