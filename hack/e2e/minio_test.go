package e2e

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// MinIO's own user, to prepare what the role may read.
const rootUser, rootPassword = "root", "rootsecret"

// minio starts MinIO once; it returns the URL of its S3 and STS.
func minio(t *testing.T) string {
	t.Helper()
	url, err := startMinIO()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var startMinIO = sync.OnceValues(func() (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	certs := filepath.Join(scratch, "minio-certs")
	if err := os.MkdirAll(filepath.Join(certs, "CAs"), 0o700); err != nil {
		return "", err
	}
	for name, target := range map[string]string{"public.crt": ca.certFile, "private.key": ca.keyFile, "CAs/ca.crt": ca.caFile} {
		if err := os.Symlink(target, filepath.Join(certs, name)); err != nil {
			return "", err
		}
	}
	server, err := startComponent("minio", []string{
		"MINIO_ROOT_USER=" + rootUser, "MINIO_ROOT_PASSWORD=" + rootPassword,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
		"MINIO_IDENTITY_OPENID_CONFIG_URL=" + provider.Issuer + "/.well-known/openid-configuration",
		"MINIO_IDENTITY_OPENID_CLIENT_ID=" + clientID,
		"MINIO_IDENTITY_OPENID_CLIENT_SECRET=unused",
		"MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite",
	}, "server", "--address", address, "--certs-dir", certs, filepath.Join(scratch, "minio"))
	if err != nil {
		return "", err
	}
	url := "https://" + address
	return url, server.ready(url + "/minio/health/live")
})

// roleARN is the one role of MinIO, which it names after the client's ID.
func roleARN() string {
	sum := sha1.Sum([]byte(clientID))
	return "arn:minio:iam:::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// countingSTS stands in front of MinIO's STS and counts what reaches it.
type countingSTS struct {
	url   string
	calls atomic.Int32
}

func newCountingSTS(t *testing.T) *countingSTS {
	t.Helper()
	target, err := url.Parse(minio(t))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
	}
	sts := &countingSTS{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sts.calls.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	server.StartTLS()
	t.Cleanup(server.Close)
	sts.url = server.URL
	return sts
}
