package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest/awssso"
)

// browse is a browser that leaves at once and goes on by itself, as the AWS CLI needs it.
const browse = `#!/bin/sh
/usr/bin/python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()' "$1" >/dev/null 2>&1 &
`

const identityConfig = `[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = dev
region = eu-central-1
`

// identityWorld is a machine next to the stand-in that our own tests use.
type identityWorld struct {
	t      *testing.T
	c      *client
	center *awssso.Server
	at     place
	opener string // a browser that signs in
}

func newIdentityWorld(t *testing.T) *identityWorld {
	t.Helper()
	center, err := awssso.Start(awssso.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(center.Close)
	w := &identityWorld{t: t, c: newClient(t, provider), center: center}
	w.write(0o600, identityConfig, ".aws", "config")
	w.opener = w.write(0o700, browse, "open")
	w.at = machine(w.c).with("AWS_ENDPOINT_URL_SSO_OIDC="+center.OIDC, "AWS_ENDPOINT_URL_SSO="+center.Portal,
		"AWS_ENDPOINT_URL_STS="+newIdentitySTS(t), "AWS_EC2_METADATA_DISABLED=true", "BROWSER="+w.opener+" %s",
		"AWS_PAGER=")
	return w
}

// newDebianWorld is one with Debian 13's programs.
func newDebianWorld(t *testing.T) *identityWorld {
	t.Helper()
	w, debian := newIdentityWorld(t), mustTool(t, "trixie")
	for _, path := range []string{"/usr", "/etc/ld.so.cache"} {
		w.at.root.Over[path] = debian + path
	}
	return w
}

func (w *identityWorld) write(mode os.FileMode, text string, elem ...string) string {
	w.t.Helper()
	path := filepath.Join(append([]string{w.c.home}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *identityWorld) aws(args ...string) *command { return w.at.start("/usr/bin/aws", args...) }

func (w *identityWorld) who() *command {
	return w.aws("sts", "get-caller-identity", "--profile", "dev")
}

// self runs sso-exec there.
func (w *identityWorld) self(args ...string) *command {
	return w.at.with("AWS_PROFILE=dev", "SSO_EXEC_PROVIDER=aws-identity-center",
		"SSO_EXEC_CACHE_DIR="+w.c.cache).start(mustTool(w.t, "sso-exec"), args...)
}

// count fails unless the stand-in has seen these since the last time.
func (w *identityWorld) count(what string, want map[string]int) {
	w.t.Helper()
	for endpoint, n := range want {
		if got := w.center.Count(endpoint); got != n {
			w.t.Errorf("%s: %d requests %s, want %d: %q", what, got, endpoint, n, w.center.Requests())
		}
	}
	w.center.Reset()
}

// file is the AWS CLI's one file of a session.
func (w *identityWorld) file() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.c.home, ".aws", "sso", "cache", "*.json"))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("files of the AWS CLI: %q, %v", files, err)
	}
	return files[0]
}

var end = regexp.MustCompile(`"expiresAt": ?"[^"]+"`)

// end makes the session's access token one that has ended long ago, in our files and in
// the AWS CLI's.
func (w *identityWorld) end() {
	w.t.Helper()
	ours, err := filepath.Glob(filepath.Join(w.c.cache, "tokens", "*", "*.json"))
	if err != nil || len(ours) == 0 {
		w.t.Fatalf("no tokens: %v", err)
	}
	for _, file := range append(ours, w.file()) {
		text := end.ReplaceAllString(textOf(w.t, file), `"expiresAt":"2020-01-02T03:04:05Z"`)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *identityWorld) faultless() {
	w.t.Helper()
	if v := w.center.Violations(); len(v) > 0 {
		w.t.Errorf("the stand-in takes offence at another program, or at us: %q", v)
	}
}

// TestAllIdentityCenter: the AWS CLI 2.23 of Debian 13 signs in, by a browser and by a
// code, against the stand-in, which finds nothing wrong with it. Its sign-in serves here,
// ours serves there, and a logout ends both.
func TestAllIdentityCenter(t *testing.T) {
	w := newDebianWorld(t)
	if out := w.aws("sso", "login", "--sso-session", "corp").ok(); !strings.Contains(out, "Success") {
		t.Errorf("aws sso login: %q", out)
	}
	if out := w.who().ok(); !strings.Contains(out, "assumed-role") {
		t.Errorf("get-caller-identity: %q", out)
	}
	w.count("the AWS CLI", map[string]int{"authorize": 1, "federation/credentials": 1})

	w.self("aws").ok()
	w.count("its sign-in, here", map[string]int{"authorize": 0, "client/register": 0, "federation/credentials": 1})

	w.self("logout").ok()
	if err := os.RemoveAll(filepath.Join(w.c.home, ".aws", "cli")); err != nil { // keys that it has kept
		t.Fatal(err)
	}
	if res := w.who().wait(); res.code == 0 {
		t.Error("the AWS CLI goes on after the logout")
	}
	w.count("logout", map[string]int{"logout": 1})

	if err := os.RemoveAll(filepath.Join(w.c.home, ".aws", "sso")); err != nil {
		t.Fatal(err)
	}
	w.self("login", "--aws-cli-cache", "write", "--browser", w.opener).ok()
	w.who().ok()
	w.count("our sign-in, there", map[string]int{"authorize": 1, "federation/credentials": 1})

	if out := w.aws("sso", "login", "--sso-session", "corp", "--use-device-code").ok(); !strings.Contains(out,
		"Success") {
		t.Errorf("aws sso login --use-device-code: %q", out)
	}
	w.self("aws", "--force").ok()
	w.count("by a code", map[string]int{"device_authorization": 1, "authorize": 0})
	w.faultless()
}

// TestKeyringAWSCLI: with --store keyring the AWS CLI's file has no refresh token: that
// is in the Secret Service alone.
func TestKeyringAWSCLI(t *testing.T) { newIdentityWorld(t).keyring(nil) }

// TestAllKeyringAWSCLI: the AWS CLI goes on with such a file.
func TestAllKeyringAWSCLI(t *testing.T) {
	w := newDebianWorld(t)
	w.keyring(func() {
		if out := w.who().ok(); !strings.Contains(out, "assumed-role") {
			t.Errorf("get-caller-identity: %q", out)
		}
	})
}

// keyring signs in, refreshes and signs out; others use what is there in between.
func (w *identityWorld) keyring(others func()) {
	w.t.Helper()
	k := &keyringClient{client: w.c, service: newSecretService(w.t, "pw")}
	self := func(args ...string) {
		w.t.Helper()
		k.start("sso-exec", slices.Concat(w.at.env, k.bus(), []string{"AWS_PROFILE=dev"}),
			append(args, "--provider", "aws-identity-center", "--cache-dir", k.cache, "--store", "keyring")...).ok()
	}
	holds := func(what string) (secret, text string) {
		w.t.Helper()
		_, secret = k.service.one()
		text = textOf(w.t, w.file())
		if !strings.HasPrefix(secret, "aor") || !strings.Contains(text, `"accessToken":"aoa`) ||
			strings.Contains(text, "refreshToken") {
			w.t.Errorf("%s: the keyring has %.3s…, the AWS CLI's file is %s", what, secret, text)
		}
		k.noneIn(k.home, secret)
		return secret, text
	}
	self("login", "--aws-cli-cache", "write", "--browser", w.opener)
	secret, text := holds("the sign-in")
	if others != nil {
		others()
	}
	// One that stood there before goes with the next refresh.
	left := strings.Replace(text, "{", `{"refreshToken":"aorLEFT",`, 1)
	if err := os.WriteFile(w.file(), []byte(left), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.end()
	self("aws")
	if rotated, again := holds("the refresh"); rotated == secret || again == text {
		w.t.Error("nothing was refreshed")
	}
	w.count("all of it", map[string]int{"authorize": 1, "refresh_token": 1})
	self("logout")
	if n, text := len(k.service.entries()), textOf(w.t, w.file()); n != 0 || strings.Contains(text, "accessToken") {
		w.t.Errorf("after the logout: %d entries, %s", n, text)
	}
	w.faultless()
}

var signedWith = regexp.MustCompile(`Credential=(ASIA\w+)/\d{8}/eu-central-1/sts/aws4_request`)

// newIdentitySTS is an STS that only says who somebody is.
func newIdentitySTS(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !signedWith.MatchString(r.Header.Get("Authorization")) || r.Header.Get("X-Amz-Security-Token") == "" ||
			!strings.Contains(string(body), "Action=GetCallerIdentity") {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
			`<GetCallerIdentityResult>`+
			`<Arn>arn:aws:sts::123456789012:assumed-role/dev/alice</Arn><UserId>AROA:alice</UserId>`+
			`<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
