package e2e

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
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
	server, url, err := runMinIO("minio", map[string]string{clientID: provider.Issuer})
	if err != nil {
		return "", err
	}
	return url, server.ready(url + "/minio/health/live")
})

// runMinIO starts one whose STS gives a role to tokens for an audience, by the
// issuer that it takes them from.
func runMinIO(name string, issuers map[string]string, env ...string) (server component, url string, err error) {
	address, err := freeAddress()
	if err != nil {
		return server, "", err
	}
	certs := filepath.Join(scratch, name+"-certs")
	if err := os.MkdirAll(filepath.Join(certs, "CAs"), 0o700); err != nil {
		return server, "", err
	}
	for name, target := range map[string]string{"public.crt": ca.certFile, "private.key": ca.keyFile,
		"CAs/ca.crt": ca.caFile} {
		if err := os.Symlink(target, filepath.Join(certs, name)); err != nil {
			return server, "", err
		}
	}
	env = append(env,
		"MINIO_ROOT_USER="+rootUser, "MINIO_ROOT_PASSWORD="+rootPassword,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
	)
	for audience, issuer := range issuers {
		of := fmt.Sprintf("_I%x=", sha1.Sum([]byte(audience)))
		env = append(env,
			"MINIO_IDENTITY_OPENID_CONFIG_URL"+of+issuer+"/.well-known/openid-configuration",
			"MINIO_IDENTITY_OPENID_CLIENT_ID"+of+audience,
			"MINIO_IDENTITY_OPENID_CLIENT_SECRET"+of+"unused",
			"MINIO_IDENTITY_OPENID_ROLE_POLICY"+of+"readwrite",
		)
	}
	server, err = startComponent("minio", env, "server", "--address", address, "--certs-dir", certs,
		filepath.Join(scratch, name))
	return server, "https://" + address, err
}

// roleARN is the role of the tests' own client.
func roleARN() string { return roleOf(clientID) }

// roleOf is the one role of MinIO for an audience, which it names after that.
func roleOf(audience string) string {
	sum := sha1.Sum([]byte(audience))
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
