package flows

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// discover returns a provider whose metadata and keys were fetched from p.
func discover(t testing.TB, p *providertest.Provider) *Provider {
	t.Helper()
	hc, err := NewHTTPClient(10*time.Second, p.CAPEM())
	if err != nil {
		t.Fatal(err)
	}
	found, err := Discover(context.Background(), hc, nil, p.Issuer(), "")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// pipeNet is a network without sockets, for a synctest bubble: the HTTP server
// and client on its ends are the real ones, and a goroutine that waits for it
// lets the bubble's clock run.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error   { n.once.Do(func() { close(n.done) }); return nil }
func (n *pipeNet) Addr() net.Addr { return &net.TCPAddr{} }

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// serveBubble serves h within the bubble and returns the client for it. One
// request takes no time, and at most timeout.
func serveBubble(t *testing.T, timeout time.Duration, h http.Handler) *http.Client {
	t.Helper()
	n := &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = srv.Serve(n) }()
	t.Cleanup(func() { _ = srv.Close() })
	return &http.Client{Timeout: timeout, Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true}}
}

var secretToken = credential.NewSecret("sEcReT-token")

// testIssuer is the issuer of providers that are made without a server.
const testIssuer = "http://127.0.0.1:9"

var testKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// testProvider is a provider whose only key is testKey.
func testProvider(t testing.TB, hc *http.Client) *Provider {
	t.Helper()
	metadata, err := json.Marshal(map[string]any{
		"issuer": testIssuer, "authorization_endpoint": testIssuer + "/authorize", "token_endpoint": testIssuer + "/token",
		"device_authorization_endpoint": testIssuer + "/device", "jwks_uri": testIssuer + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: testKey().Public(), KeyID: "k1",
		Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProvider(hc, nil, testIssuer, "", metadata, keys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sign makes an ID token of testKey.
func sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256,
		Key: jose.JSONWebKey{Key: testKey(), KeyID: "k1"}}, nil)
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
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// claims are those of a good ID token for the client "cli".
func claims() map[string]any {
	now := time.Now()
	return map[string]any{"iss": testIssuer, "sub": "alice", "aud": "cli", "iat": now.Unix(),
		"exp": now.Add(time.Hour).Unix()}
}

// mention fails if a text holds a secret, as it is or escaped.
func mention(t *testing.T, what, text, secret string) {
	t.Helper()
	if strings.Contains(text, secret) {
		t.Errorf("%s mentions the secret %q: %s", what, secret, text)
	}
}
