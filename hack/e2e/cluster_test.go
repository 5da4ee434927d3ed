package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The cluster prefixes what it takes from an ID token, so that a provider can't
// name somebody into system:masters.
const prefix = "dex:"

// cluster starts etcd and kube-apiserver once; it returns the API server's URL.
func cluster(t *testing.T) string {
	t.Helper()
	url, err := startCluster()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var startCluster = sync.OnceValues(func() (string, error) {
	etcd, err := startEtcd()
	if err != nil {
		return "", err
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	authentication := filepath.Join(scratch, "authentication.json")
	if err := writeAuthentication(authentication); err != nil {
		return "", err
	}
	server, err := startComponent("kube-apiserver", nil,
		"--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file="+ca.certFile, "--tls-private-key-file="+ca.keyFile,
		"--cert-dir="+filepath.Join(scratch, "kube-apiserver"),
		"--authentication-config="+authentication, "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+ca.keyFile, "--service-account-signing-key-file="+ca.keyFile,
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount",
	)
	if err != nil {
		return "", err
	}
	url := "https://" + address
	return url, server.ready(url + "/readyz")
})

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

func writeAuthentication(file string) error {
	config, err := json.Marshal(object{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "AuthenticationConfiguration",
		"jwt": []object{{
			"issuer": object{
				"url": provider.Issuer, "audiences": []string{clientID}, "certificateAuthority": string(ca.caPEM),
			},
			"claimMappings": object{
				"username": object{"claim": "email", "prefix": prefix},
				"groups":   object{"claim": "groups", "prefix": prefix},
			},
		}},
		"anonymous": object{"enabled": true, "conditions": []object{{"path": "/readyz"}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, config, 0o600)
}
