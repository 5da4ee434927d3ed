package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest/awssso"
)

// browse is a browser that leaves at once and goes on by itself, as the AWS CLI needs it.
const browse = `#!/bin/sh
/usr/bin/python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()' "$1" >/dev/null 2>&1 &
`

// TestAllIdentityCenter: the AWS CLI 2.23 of Debian 13 signs in, by a browser and by a
// code, against the stand-in that our own tests use, which finds nothing wrong with it.
// Its sign-in serves here, ours serves there, and a logout ends both.
func TestAllIdentityCenter(t *testing.T) {
	center, err := awssso.Start(awssso.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(center.Close)
	c := newClient(t, provider)
	sts := newIdentitySTS(t)
	write := func(mode os.FileMode, text string, elem ...string) string {
		path := filepath.Join(append([]string{c.home}, elem...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(0o600, `[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = dev
region = eu-central-1
`, ".aws", "config")
	opener := write(0o700, browse, "open")

	at := machine(c)
	debian := mustTool(t, "trixie")
	for _, path := range []string{"/usr", "/etc/ld.so.cache"} {
		at.root.Over[path] = debian + path
	}
	at = at.with("AWS_ENDPOINT_URL_SSO_OIDC="+center.OIDC, "AWS_ENDPOINT_URL_SSO="+center.Portal,
		"AWS_ENDPOINT_URL_STS="+sts, "AWS_EC2_METADATA_DISABLED=true", "BROWSER="+opener+" %s", "AWS_PAGER=")
	ours := at.with("AWS_PROFILE=dev", "SSO_EXEC_PROVIDER=aws-identity-center", "SSO_EXEC_CACHE_DIR="+c.cache)
	aws := func(args ...string) *command { return at.start("/usr/bin/aws", args...) }
	self := func(args ...string) *command { return ours.start(mustTool(t, "sso-exec"), args...) }
	who := func() *command { return aws("sts", "get-caller-identity", "--profile", "dev") }
	count := func(what string, want map[string]int) {
		t.Helper()
		for endpoint, n := range want {
			if got := center.Count(endpoint); got != n {
				t.Errorf("%s: %d requests %s, want %d: %q", what, got, endpoint, n, center.Requests())
			}
		}
		center.Reset()
	}

	if out := aws("sso", "login", "--sso-session", "corp").ok(); !strings.Contains(out, "Success") {
		t.Errorf("aws sso login: %q", out)
	}
	if out := who().ok(); !strings.Contains(out, "assumed-role") {
		t.Errorf("get-caller-identity: %q", out)
	}
	count("the AWS CLI", map[string]int{"authorize": 1, "federation/credentials": 1})

	self("aws").ok()
	count("its sign-in, here", map[string]int{"authorize": 0, "client/register": 0, "federation/credentials": 1})

	self("logout").ok()
	if err := os.RemoveAll(filepath.Join(c.home, ".aws", "cli")); err != nil { // keys that it has kept
		t.Fatal(err)
	}
	if res := who().wait(); res.code == 0 {
		t.Error("the AWS CLI goes on after the logout")
	}
	count("logout", map[string]int{"logout": 1})

	if err := os.RemoveAll(filepath.Join(c.home, ".aws", "sso")); err != nil {
		t.Fatal(err)
	}
	self("login", "--aws-cli-cache", "write", "--browser", opener).ok()
	who().ok()
	count("our sign-in, there", map[string]int{"authorize": 1, "federation/credentials": 1})

	if out := aws("sso", "login", "--sso-session", "corp", "--use-device-code").ok(); !strings.Contains(out, "Success") {
		t.Errorf("aws sso login --use-device-code: %q", out)
	}
	self("aws", "--force").ok()
	count("by a code", map[string]int{"device_authorization": 1, "authorize": 0})
	if v := center.Violations(); len(v) > 0 {
		t.Errorf("the stand-in takes offence at the AWS CLI, or at us: %q", v)
	}
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
