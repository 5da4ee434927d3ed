package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// What a device authorization brings that nobody needs, and what nobody may be shown.
func TestOddDeviceAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1, DevicePKCE: "required"})
	page := b.idp.Issuer() + "/activate"
	for _, c := range []struct {
		odd   map[string]any
		shown string // of the address
		never string
	}{
		{nil, page, "nothing of it"},
		{map[string]any{"verification_uri_complete": "ftp://login.example.com/d?c=X"}, page, "ftp:"},
		{map[string]any{"verification_uri_complete": "javascript:alert(1)"}, page, "javascript"},
		{map[string]any{"verification_uri_complete": "http://login.example.com/d?c=X"}, page, "login.example.com"},
		{map[string]any{"verification_uri_complete": 7, "interval": -1, "expires_in": "soon"}, page, "nothing of it"},
		{map[string]any{"verification_uri_complete": page + "?c=\x1b[2J", "expires_in": -5, "message": []any{}}, page,
			"\x1b[2J"},
		{map[string]any{"verification_uri": page + " ", "expires_in": 0, "interval": "1"}, page, page + " "},
		{map[string]any{"verification_uri": "\r\n\ufeff\t" + page + "\u200b\x00", "expires_in": 1e300}, page, "\ufeff"},
		{map[string]any{"verification_uri": map[string]any{}, "verification_url": page, "expires_in": map[string]any{}}, page,
			"nothing of it"},
		{map[string]any{"user_code": " \x1b]0;x\aAB-CD\n", "interval": 1e-9}, page, "\x1b"},
	} {
		t.Run(fmt.Sprint(c.odd), func(t *testing.T) {
			b.idp.Edit(providertest.Device, func(members map[string]any) {
				members["verification_uri"] = page
				delete(members, "verification_uri_complete")
				for name, v := range c.odd {
					members[name] = v
				}
			})
			if err := os.RemoveAll(b.dir); err != nil {
				t.Fatal(err)
			}
			b.idp.ResetRequests()
			o := b.run("kube", "--flow", "device")
			if o.code != 0 || !strings.Contains(o.stdout, "ExecCredential") || b.idp.Requests().DeviceCode != 2 {
				t.Errorf("exit code %d, %d polls, stderr %s", o.code, b.idp.Requests().DeviceCode, o.stderr)
			}
			if !strings.Contains(o.stderr, c.shown+"\n") || strings.Contains(o.stderr, c.never) {
				t.Errorf("shown %q", o.stderr)
			}
		})
	}
	for _, odd := range []any{"ftp://login.example.com/", "http://login.example.com/", page + "\x1b[2J", []any{page},
		"https://a@login.example.com/"} {
		b.idp.Edit(providertest.Device, providertest.With("verification_uri", odd))
		if o := b.run("kube", "--flow", "device", "--session", "x"); o.code == 0 || o.stdout != "" ||
			strings.Contains(o.stderr, "\x1b") || strings.Contains(o.stderr, "Enter this code") {
			t.Errorf("%q: exit code %d, stderr %q", odd, o.code, o.stderr)
		}
	}
}

// A device sign-in carries PKCE, each with a verifier of its own; who knows nothing of
// it ignores it.
func TestDevicePKCE(t *testing.T) {
	t.Parallel()
	for _, support := range []string{"required", "", "ignored"} {
		b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1, DevicePKCE: support})
		seen := map[string]int{}
		for _, label := range []string{"a", "b"} {
			b.mustRun(t, "kube", "--flow", "device", "--session", label)
		}
		for _, r := range b.idp.Log() {
			if r.Endpoint == providertest.Device &&
				(len(r.Form.Get("code_challenge")) != 43 || r.Form.Get("code_challenge_method") != "S256") {
				t.Errorf("%s: asked with %v", support, r.Form)
			}
			if r.Endpoint == providertest.DeviceCode {
				seen[r.Form.Get("code_verifier")]++
			}
		}
		for verifier, polls := range seen {
			if len(seen) != 2 || len(verifier) < 43 || polls != 2 {
				t.Errorf("%s: %q in %d polls", support, verifier, polls)
			}
		}
		// What is wrong besides is refused as ever.
		for n, wrong := range spoilt {
			if wrong.words == "nonce" { // there is none
				continue
			}
			b.idp.TamperIDToken(1, wrong.tamper)
			b.refuses(t, exitOther, wrong.words, "kube", "--flow", "device", "--session", fmt.Sprint(n))
		}
	}
}

// A refresh that is refused: the session has ended where a code says so, in whatever
// place; what is not understood keeps it, and names the command that helps.
func TestRefusedRefresh(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	html := http.Header{"Content-Type": {"text/html"}}
	for _, c := range []struct {
		status int
		body   string
		ends   bool
	}{
		{400, `{"error":"invalid_grant"}`, true},
		{401, `{"error":{"code":"invalid_grant","message":"expired"}}`, true}, {400, `{"code":"invalid_grant"}`, true},
		{403, `{"error":{"error":"invalid_grant"}}`, true},
		{400, `{"error":"Bad Request","code":"invalid_grant","status":400}`, true},
		{200, `{"error":{"code":"invalid_grant"}}`, true},
		{401, "\xef\xbb\xbf" + `{"code":"invalid_grant"}`, true},
		{400, `{"error":"invalid_request","error_description":"Refresh token is invalid or has already been claimed by another client."}`, true},
		{400, `{"error":"invalid_request","error_description":"Refresh token expired."}`, true},
		{400, `{"error":400}`, false}, {400, `<html><body>Denied</body></html>`, false},
		{403, `<html><body>Denied</body></html>`, false}, {401, ``, false}, {400, `null`, false}, {404, `[]`, false},
		{400, `{"error":"teapot","error_description":"invalid_grant"}`, false},
		{400, `{"error":["invalid_grant"]}`, false}, {422, `{"errors":[{"code":"invalid_grant"}]}`, false},
		{401, `{"message":"invalid_grant"}`, false}, {400, `{"error":"invalid_client"}`, false},
		{400, `{"error":{"code":"unauthorized","message":"\u001b[2J"}}`, false}, {418, `invalid_grant`, false},
	} {
		t.Run(fmt.Sprint(c.status, c.body), func(t *testing.T) {
			if err := os.RemoveAll(b.dir); err != nil {
				t.Fatal(err)
			}
			b.mustRun(t, pkce...)
			b.expire(t)
			fault := providertest.Fault{Status: c.status, Body: c.body}
			if !strings.HasPrefix(c.body, "{") {
				fault.Header = html
			}
			b.idp.Fault(providertest.RefreshToken, fault)
			defer b.idp.ClearFaults()
			o := b.run("kube", "--interactive", "never")
			if o.stdout != "" || !strings.Contains(o.stderr, "sso-exec login") || strings.ContainsAny(o.stderr, "\x1b") {
				t.Errorf("stdout %q, stderr %q", o.stdout, o.stderr)
			}
			if c.ends {
				if o.code != exitLogin {
					t.Errorf("exit code %d, stderr %s", o.code, o.stderr)
				}
				b.mustRun(t, pkce...) // somebody signs in
				return
			}
			if o.code != exitUnavailable && o.code != exitOther {
				t.Errorf("exit code %d, stderr %s", o.code, o.stderr)
			}
			b.idp.ClearFaults()
			b.idp.ResetRequests()
			if o := b.run("kube", "--interactive", "never"); o.code != 0 || b.idp.Requests().RefreshToken != 1 {
				t.Errorf("with the provider well again: exit code %d, stderr %s", o.code, o.stderr)
			}
		})
	}
	for _, status := range []int{503, 500, 429} {
		b.expire(t)
		b.idp.Fault(providertest.RefreshToken, providertest.Fault{Status: status, Body: `{"error":{"code":"invalid_grant"}}`})
		b.refuses(t, exitUnavailable, "status", "kube", "--interactive", "never")
		b.idp.ClearFaults()
		b.mustRun(t, "kube", "--interactive", "never")
	}
}

// A sign-in that is refused for a reason that nobody here knows names the command too.
func TestRefusedSignIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{DeviceInterval: 1})
	for _, at := range []providertest.Endpoint{providertest.AuthorizationCode, providertest.PAR, providertest.Device,
		providertest.DeviceCode} {
		args := append(pkce, "--par", "always")
		if at == providertest.Device || at == providertest.DeviceCode {
			args = []string{"kube", "--flow", "device"}
		}
		for body, code := range map[string]int{`{"error":"teapot"}`: exitOther, `{"code":"teapot"}`: exitOther,
			`{"error":{"code":"teapot"}}`: exitOther, `{"error":400}`: exitUnavailable, `<html>no</html>`: exitUnavailable,
			` `: exitUnavailable} {
			b.idp.Fault(at, providertest.Fault{Status: 400, Body: body})
			stderr := b.refuses(t, code, "sso-exec login", args...)
			if code == exitOther && !strings.Contains(stderr, "teapot") {
				t.Errorf("%s, %s: %s", at, body, stderr)
			}
			b.idp.ClearFaults()
		}
	}
	b.idp.DenyLogins("teapot")
	b.refuses(t, exitOther, "to try again, run: sso-exec login", pkce...)
}
