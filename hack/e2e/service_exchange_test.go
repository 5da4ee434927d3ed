package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServiceExchange: a person signs in once and has a token for each of two
// clusters, which is worth nothing at the other. Both are real API servers; the
// exchange is one of our grants (oidcprovider/provider.mjs) in oidc-provider, which
// leaves that to who runs it: clients, tokens and signatures are its own.
func TestServiceExchange(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	otherTrusts.trust(t, p.issuer, "cluster-b", "sub")
	trusts.trust(t, p.issuer, "cluster-a", "sub")
	a, b := cluster(t), otherCluster(t)
	m := p.member()
	session := m.signIn()

	p.forget()
	args := func(cluster string, more ...string) []string {
		return m.args("kube",
			append(append(askConsent, "--token-type", "access", "--interactive", "never", "--exchange-audience", cluster),
				more...)...)
	}
	forA := execToken(t, m.sso(args("cluster-a")...).ok())
	forB := execToken(t, m.sso(args("cluster-b")...).ok())
	p.tokenRequests(2) // the clusters ask for other things
	trusts.trusted(t, a, forA)
	otherTrusts.trusted(t, b, forB)
	for token, audience := range map[string]string{forA: "cluster-a", forB: "cluster-b"} {
		if claims := claimsOf(t, token); claims["aud"] != audience || claims["sub"] != alice.Email {
			t.Errorf("claims: %v", claims)
		}
	}

	wantUser(t, m.whoami(m.kubeconfig(a, "v1", args("cluster-a"))).ok(), prefix+alice.Email)
	wantUser(t, m.whoami(m.kubeconfig(b, "v1", args("cluster-b"))).ok(), prefix+alice.Email)
	for what, status := range map[string]int{
		"b's token at a": asks(t, a, forB), "a's token at b": asks(t, b, forA),
		"the session's at a": asks(t, a, session), "the session's at b": asks(t, b, session),
	} {
		if status != http.StatusUnauthorized {
			t.Errorf("%s: %d, want 401", what, status)
		}
	}
	p.tokenRequests(0) // all that was cached

	// A profile that lists the clusters has the same tokens for them, and what a
	// cluster's entry in the kubeconfig asks for changes none.
	config := filepath.Join(m.home, "config.yaml")
	text := fmt.Sprintf("{version: 1, profiles: {corp: {clusters: "+
		"{%q: {audience: cluster-a}, %q: {audience: cluster-b}}}}}", a, b)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profile := m.args("kube", append(askConsent, "--interactive", "never", "--config", config, "--profile", "corp")...)
	for server, trusted := range map[string]*authentication{a: &trusts, b: &otherTrusts} {
		kubeconfig := m.kubeconfig(server, "v1", profile)
		text := strings.NewReplacer(`"interactiveMode"`, `"provideClusterInfo":true,"interactiveMode"`,
			`"server"`, `"extensions":[{"name":"client.authentication.k8s.io/exec",`+
				`"extension":{"audience":"cluster-a"}}],"server"`,
		).Replace(readKubeconfig(t, kubeconfig))
		if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		wantUser(t, m.whoami(kubeconfig).ok(), prefix+alice.Email)
		if t.Failed() {
			t.Log(tail(trusted.log))
		}
	}
	p.tokenRequests(0)
	m.noBrowser()

	// A sign-out ends what was exchanged too, here at least.
	if said := m.run("logout").ok(); !strings.Contains(said, "revoked at the provider") {
		t.Errorf("logout: %s", said)
	}
	m.sso(args("cluster-a")...).refused(3, "sso-exec login")
}

func (c *client) noBrowser() {
	c.t.Helper()
	if n := len(c.urls); n != 0 {
		c.t.Errorf("%d more browsers were opened", n)
	}
}
