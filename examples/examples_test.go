// Package examples_test builds the programs and runs them against a provider and
// APIs on this machine.
package examples_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sso-exec/sso-exec/providertest"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "http") { // the programs' browser
		if _, err := http.Get(os.Args[1]); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program builds an example and returns how to run it on a machine of its own.
func program(t *testing.T, name string, p *providertest.Provider, env ...string) func(args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, name+".exe")
	if out, err := exec.Command("go", "build", "-o", bin, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, "ACME_ISSUER="+p.Issuer(), "ACME_BROWSER="+self, "PATH="+os.Getenv("PATH"), "HOME="+dir,
		"LocalAppData="+dir, "SystemRoot="+os.Getenv("SystemRoot"), "GOCOVERDIR="+t.TempDir())
	return func(args ...string) (string, error) {
		cmd := exec.Command(bin, args...)
		cmd.Env = env
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, args, err, &stderr)
		}
		return stdout.String(), nil
	}
}

func newProvider(t *testing.T) *providertest.Provider {
	return providertest.New(t, providertest.Config{PlainHTTP: true, Clients: []providertest.Client{{ID: "acme"}}})
}

func TestAcme(t *testing.T) {
	p := newProvider(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/me" || r.Header.Get("Authorization") != "Bearer "+p.LastTokens().AccessToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, "alice")
	}))
	defer api.Close()
	acme := program(t, "acme", p, "ACME_API="+api.URL)
	for _, step := range []struct{ args, want string }{
		{"login", "Signed in as alice.\n"},
		{"me", "alice\n"},
		{"logout", "Signed out.\n"},
		{"me", "alice\n"}, // signs in again
	} {
		if got, err := acme(step.args); err != nil || got != step.want {
			t.Errorf("acme %s: %q %v, want %q", step.args, got, err, step.want)
		}
	}
	if n := p.Requests().Authorize; n != 2 {
		t.Errorf("%d sign-ins, want 2", n)
	}
	if out, err := acme("whoami"); err != nil || !strings.Contains(out, "alice") {
		t.Errorf("acme whoami: %q %v", out, err)
	}
}

func TestGRPC(t *testing.T) {
	p := newProvider(t)
	cert, ca := certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			got := metadata.ValueFromIncomingContext(ctx, "authorization")
			if len(got) != 1 || got[0] != "Bearer "+p.LastTokens().AccessToken {
				return nil, status.Errorf(codes.Unauthenticated, "authorization: %q", got)
			}
			return next(ctx, req)
		}))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	call := program(t, "grpc", p, "ACME_API="+listener.Addr().String(), "ACME_CA="+ca)
	for range 2 {
		if got, err := call(); err != nil || got != "SERVING\n" {
			t.Errorf("%q %v", got, err)
		}
	}
	if n := p.Requests().Authorize; n != 1 {
		t.Errorf("%d sign-ins, want 1", n)
	}
}

// certificate makes one for 127.0.0.1, and returns the file that it can be checked
// by.
func certificate(t *testing.T) (cert tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
