package e2e

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The cluster prefixes what it takes from an ID token, so that a provider can't
// name somebody into system:masters.
const prefix = "oidc:" // as setup kube has it

// cluster starts etcd and kube-apiserver once; it returns the API server's URL.
func cluster(t *testing.T) string {
	t.Helper()
	url, err := startCluster()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// otherCluster starts a second API server once.
func otherCluster(t *testing.T) string {
	t.Helper()
	url, err := startOtherCluster()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var (
	startEtcdOnce     = sync.OnceValues(startEtcd)
	startCluster      = sync.OnceValues(func() (string, error) { return startAPIServer("registry", &trusts) })
	startOtherCluster = sync.OnceValues(func() (string, error) { return startAPIServer("other", &otherTrusts) })
)

// startAPIServer starts one that keeps its objects below a prefix of etcd.
func startAPIServer(name string, trusts *authentication, env ...string) (string, error) {
	etcd, err := startEtcdOnce()
	if err != nil {
		return "", err
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	if err := trusts.write(); err != nil {
		return "", err
	}
	if err := os.WriteFile(adminFile(), []byte(adminToken+",admin,admin,system:masters\n"), 0o600); err != nil {
		return "", err
	}
	if err := startReviewer(reviewerFile()); err != nil {
		return "", err
	}
	url := "https://" + address
	server, err := startComponent("kube-apiserver", env,
		"--etcd-servers="+etcd, "--etcd-prefix=/"+name,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file="+ca.certFile, "--tls-private-key-file="+ca.keyFile,
		"--cert-dir="+filepath.Join(scratch, "kube-apiserver-"+name),
		"--authentication-config="+trusts.file(), "--authorization-mode=RBAC",
		"--token-auth-file="+adminFile(),
		"--authentication-token-webhook-config-file="+reviewerFile(), "--authentication-token-webhook-version=v1",
		"--service-account-issuer="+url, "--service-account-jwks-uri="+url+"/openid/v1/jwks", // where others find its keys
		"--service-account-key-file="+ca.keyFile, "--service-account-signing-key-file="+ca.keyFile,
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount",
	)
	if err != nil {
		return "", err
	}
	trusts.log = server.log
	return url, server.ready(url + "/readyz")
}

func startEtcd() (string, error) {
	client, err := freeAddress()
	if err != nil {
		return "", err
	}
	peer, err := freeAddress()
	if err != nil {
		return "", err
	}
	etcd, err := startComponent("etcd", nil,
		"--data-dir="+filepath.Join(scratch, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://"+client, "--advertise-client-urls=http://"+client,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer,
		"--initial-cluster=default=http://"+peer,
	)
	if err != nil {
		return "", err
	}
	return "http://" + client, etcd.ready("http://" + client + "/health")
}

type object = map[string]any
