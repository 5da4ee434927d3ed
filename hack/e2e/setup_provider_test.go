package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestSetupProvider: of two real providers nothing but an address is known. Their
// metadata gives the issuer and the product away, also where Dex is below a path.
func TestSetupProvider(t *testing.T) {
	t.Parallel()
	below := newDexBelow(t)
	p := newCertified(t, certifiedOptions{})
	const wellKnown = "/.well-known/openid-configuration"
	for _, c := range []struct {
		name, address, issuer, product, register string
	}{
		{"dex by its host", below.Address, below.Issuer, "Dex", "only for device code, as this issuer has a path"},
		{"dex by its metadata", below.Issuer + wellKnown, below.Issuer, "Dex", "staticClients"},
		{"dex by a page", below.Issuer + "/auth/local?back=#top", below.Issuer, "Dex", "staticClients"},
		{"oidc-provider by its host", strings.TrimPrefix(p.issuer, "https://"), p.issuer, "oidc-provider", "clients"},
		{"oidc-provider by its metadata", p.issuer + wellKnown, p.issuer, "oidc-provider", "clients"},
	} {
		t.Run(c.name, func(t *testing.T) {
			person := newClient(t, &dex.Server{Issuer: c.issuer})
			config := filepath.Join(person.home, "config.yaml")
			setup := person.sso(append([]string{"setup", "provider", c.address, "--profile", "corp", "--client-id", clientID,
				"--scope", "email,groups", "--ca-file", ca.caFile, "--cache-dir", person.cache, "--config", config, "--yes"},
				person.pkce(askConsent...)...)...)
			person.visit(person.url(setup))
			setup.ok()
			for _, line := range []string{c.issuer + " answers: " + c.product + ".\n", "- " + c.register,
				"  user          oidc:" + alice.Email + "\n", "  groups        oidc:dev, oidc:ops\n",
				"  audience      " + clientID + "\n", "  provider      " + strings.TrimPrefix(c.issuer, "https://") + "\n",
				"renewed automatically\n"} {
				if !strings.Contains(setup.stderr.String(), line) {
					t.Errorf("it does not say %q:\n%s", line, setup.stderr.String())
				}
			}
			written, err := os.ReadFile(config)
			if err != nil || !strings.Contains(string(written), "    issuer: "+c.issuer+"\n") {
				t.Errorf("written: %v\n%s", err, written)
			}
		})
	}
}

// newDexBelow is a Dex whose issuer has a path, as it mostly has.
func newDexBelow(t *testing.T, redirectURIs ...string) *dex.Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{clientID}, Users: []dex.User{alice},
		RedirectURIs: redirectURIs, Certificate: &ca.server, Listener: listener,
		Issuer: "https://" + listener.Addr().String() + "/dex"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDexBelowAPath is why setup provider says more of such a Dex: by Device Code somebody
// signs in only with Dex's own redirect URI registered.
func TestDexBelowAPath(t *testing.T) {
	t.Parallel()
	for works, below := range map[bool]*dex.Server{
		false: newDexBelow(t), true: newDexBelow(t, "/dex/device/callback", "http://127.0.0.1:8000/callback"),
	} {
		person := newClient(t, below)
		login := person.sso(person.args("login", "--flow", "device")...)
		target, code := prompt(t, login)
		_, err := approve.Browser{Email: alice.Email, Password: alice.Password, Roots: ca.roots}.Visit(t.Context(),
			withCode(t, target, code))
		if (err == nil) != works {
			t.Errorf("with redirect URIs: %v: %v", works, err)
		}
		if works {
			login.ok()
		}
	}
}
