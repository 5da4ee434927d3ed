package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

const (
	storage  = "https://storage.example" // a resource of oidc-provider, and whom MinIO takes its tokens for
	podToken = "pods-storage"            // the audience of pods' tokens there
)

// TestServiceAWS: a service's token opens a bucket, by the AWS CLI and an SDK:
// its access token for that resource, one that it was exchanged for, what the
// platform put into a file, and a pod's own.
func TestServiceAWS(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient}})
	s := newService(t, p.issuer)
	publish(t, server)
	s.account(server, "storage")
	minio, s3, err := runMinIO("minio-services", map[string]string{storage: p.issuer, podToken: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(minio.stop)
	if err := minio.ready(s3 + "/minio/health/live"); err != nil {
		t.Fatal(err)
	}
	makeBucket(s.client, s3)

	secret := []string{"--client-secret-file", s.file("secret", []byte(secretOfBasic))}
	role := []string{"--role-arn", roleOf(storage), "--sts-endpoint", s3, "--region", "us-east-1"}
	podRole := []string{"--role-arn", roleOf(podToken), "--sts-endpoint", s3, "--region", "us-east-1"}
	workload := func(from string, role []string) []string {
		return append([]string{"aws", "--flow", "workload", "--ca-file", ca.caFile, "--cache-dir", s.cache,
			"--subject-token-from", from}, role...)
	}
	file := s.file("token", []byte(s.run("token", "basic", append(secret, "--resource", storage)...).token()))
	pod := project(t, s.mint(server, "storage", podToken))

	for _, way := range []struct {
		name     string
		args     []string
		requests int // to oidc-provider's token endpoint
	}{
		// that of "token" is good still
		{"its access token", s.args("aws", "basic", append(append(secret, "--resource", storage), role...)...), 0},
		{"exchanged", s.args("aws", "basic", append(append(secret, "--exchange-audience", storage), role...)...), 2},
		{"from a file", workload("file:"+file, append(role, "--subject-token-audience", storage)), 0},
		{"of a pod", workload("kubernetes:"+pod.path(), append(podRole, "--subject-token-audience", podToken)), 0},
	} {
		t.Run(way.name, func(t *testing.T) {
			p.forget()
			env := s.awsConfig(way.args)
			wantListing(t, s.aws(s3, env, "s3", "ls", "s3://e2e").ok())
			p.tokenRequests(way.requests)
			wantSDK(t, append([]string{mustTool(t, "sso-exec")}, way.args...))
			p.requests(map[string]int{})
		})
	}

	// STS takes no token for somebody else, and none of somebody else.
	wrong := s.run("aws", "basic", append(append(secret, "--resource", "https://elsewhere.example"), role...)...)
	t.Log(wrong.refused(1, "sso-exec: "))
	s.sso(workload("kubernetes:"+pod.path(), podRole)...).refused(2, "sts.amazonaws.com") // what AWS itself wants
	s.sso(workload("file:"+file, append(role, "--subject-token-audience", podToken))...).refused(2, podToken,
		"--subject-token-audience")
	t.Log(s.sso(workload("file:"+file, podRole)...).refused(1, "sso-exec: "))
}

// TestServiceRunRenew: the AWS CLI, started by run --renew as a service, gets new
// keys from the endpoint while the command goes on, and nobody is prompted.
func TestServiceRunRenew(t *testing.T) {
	t.Parallel()
	idp := providertest.New(t,
		providertest.Config{JWTAccessTokens: true, Clients: []providertest.Client{{ID: "storage", Secret: secretOfBasic}}})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: idp, KeyLifetime: time.Hour})
	s := newService(t, idp.Issuer())
	// Keys are renewed that last less than the hour without 15 seconds. The command
	// lets those pass, and more of them do no harm.
	child := fmt.Sprintf("'%s' configure export-credentials && sleep 16 && '%[1]s' configure export-credentials",
		mustTool(t, "aws"))
	run := s.start("sso-exec", []string{"AWS_EC2_METADATA_DISABLED=true"},
		"run", "--renew", "--issuer", idp.Issuer(), "--ca-file", s.file("ca.pem", idp.CAPEM()), "--cache-dir", s.cache,
		"--flow", "client-credentials", "--client-id", "storage", "--client-secret-file",
		s.file("secret", []byte(secretOfBasic)), "--audience", "storage",
		"--role-arn", "arn:aws:iam::123456789012:role/dev", "--sts-endpoint", sts.URL(), "--region", "us-east-1", "--min-ttl",
		"59m45s",
		"--", "sh", "-c", child)
	var keys []struct{ AccessKeyID, Expiration string }
	for d := json.NewDecoder(strings.NewReader(run.ok())); d.More(); {
		var k struct{ AccessKeyID, Expiration string }
		if err := d.Decode(&k); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if len(keys) != 2 || keys[0].AccessKeyID == "" || keys[0].AccessKeyID == keys[1].AccessKeyID ||
		keys[0].Expiration >= keys[1].Expiration {
		t.Errorf("the AWS CLI got %d keys, want two that differ: %+v", len(keys), keys)
	}
	if n, c := sts.Requests(), idp.Requests(); n < 2 || c.ClientCredentials != 1 || c.Authorize+c.Device != 0 {
		t.Errorf("%d requests to STS, want two; to the provider %+v, want one for a token", n, c)
	}
	if run.stderr.String() != "" {
		t.Errorf("stderr: %s", run.stderr.String())
	}
}
