package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestEveryRequestBroken breaks each request of each flow in each way that a
// network and a server have: held, cut, failing, lying. Every time the command
// ends with its exit code and one line, prints nothing on stdout, keeps the
// session that there was, and works again once the provider does.
func TestEveryRequestBroken(t *testing.T) {
	faults := map[string]providertest.Fault{
		"held":    {Delay: 3 * time.Second},
		"dropped": {Drop: true},
		"cut":     {CutAfter: 20},
		"failing": {Status: http.StatusBadGateway, Body: "<html>bad gateway</html>"},
		"busy":    {Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}},
		"html": {Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}},
			Body: "<html>sign in to the hotel's network</html>"},
		"empty":    {Status: http.StatusOK, Body: " "},
		"wrong":    {Status: http.StatusOK, Body: `{"access_token":{"a":1},"keys":"none","issuer":[]}`},
		"moved":    {Redirect: "https://elsewhere.invalid/"},
		"flooding": {OversizeBytes: 64 << 20},
	}
	flows := []struct {
		name      string
		endpoints []providertest.Endpoint
		args      []string
		signedIn  bool
	}{
		{"pkce", []providertest.Endpoint{"discovery", "jwks", "authorization_code"},
			[]string{"kube", "--browser", "testbrowser"}, false},
		{"device", []providertest.Endpoint{"discovery", "jwks", "device"},
			[]string{"kube", "--flow", "device", "--login-timeout", "20s"}, false},
		{"refresh", []providertest.Endpoint{"refresh_token"}, []string{"kube", "--browser", "testbrowser"}, true},
	}
	for _, flow := range flows {
		for _, endpoint := range flow.endpoints {
			t.Run(fmt.Sprintf("%s/%s", flow.name, endpoint), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1})
				if flow.signedIn {
					b.mustRun(t, "login", "--browser", "testbrowser")
				}
				for name, fault := range faults {
					// Cutting tells nothing where the server has done its work already:
					// a strict provider takes the same refresh token again for theft.
					if flow.signedIn && name == "cut" {
						continue
					}
					b.breakOnce(t, name, endpoint, fault, flow.args, flow.signedIn)
				}
			})
		}
	}
}

func (b *bench) breakOnce(t *testing.T, name string, endpoint providertest.Endpoint, fault providertest.Fault,
	args []string, signedIn bool) {
	t.Helper()
	if signedIn {
		b.expire(t)
	} else if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	b.idp.Fault(endpoint, fault)
	impatient := *b
	if fault.Delay > 0 { // else a busy machine would be a fault of its own
		impatient.env = append(slices.Clone(b.env), "SSO_EXEC_HTTP_TIMEOUT=300ms")
	}
	o := impatient.run(args...)
	b.idp.ClearFaults()
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	last := lines[max(0, len(lines)-2)]
	// "wrong" is well-formed where it is a provider's metadata: then it is the
	// wrong provider's.
	if o.code != exitUnavailable && (name != "wrong" || o.code != exitOther) || o.stdout != "" ||
		!strings.HasPrefix(last, "sso-exec: ") {
		t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, o.code, o.stdout, o.stderr)
	}
	if signedIn {
		if sessions, _ := filepath.Glob(filepath.Join(b.dir, "sessions", "*.json")); len(sessions) != 1 ||
			b.idp.ActiveFamilies() != 1 {
			t.Errorf("%s: the session was lost", name)
		}
	}
	if o := b.run("kube", "--browser", "testbrowser"); o.code != 0 {
		t.Errorf("%s: afterwards exit code %d, stderr %q", name, o.code, o.stderr)
	}
}
