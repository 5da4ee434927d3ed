package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/sts"
)

// TestAWS signs in under the AWS CLI, whose bucket is then open, and stays open
// without another word to the provider or to STS.
func TestAWS(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	process := c.args("aws", c.pkce("--role-arn", roleARN(), "--sts-endpoint", sts.url, "--region", "us-east-1")...)
	env := c.awsConfig(process)

	list := c.aws(s3, env, "s3", "ls", "s3://e2e")
	c.visit(c.url(list))
	wantListing(t, list.ok())
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}

	provider.ResetRequests()
	wantListing(t, c.aws(s3, env, "s3", "ls", "s3://e2e").ok())
	t.Setenv("AWS_CA_BUNDLE", ca.caFile) // as above: what came under other roots has keys of its own
	wantSDK(t, append([]string{mustTool(t, "sso-exec")}, process...))
	c.requests(nil)
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("%d calls of STS after keys were cached, want 1", n)
	}
	c.wantKeysCached()
}

// TestOneSignInForAll: who signed in for kubectl is signed in for AWS.
func TestOneSignInForAll(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	c.signIn()

	provider.ResetRequests()
	env := c.awsConfig(c.args("aws", c.pkce("--role-arn", roleARN(), "--sts-endpoint", sts.url)...))
	wantListing(t, c.aws(s3, env, "s3", "ls", "s3://e2e").ok())
	c.noSignIn()
	if len(c.urls) != 0 {
		t.Error("a browser was opened")
	}
}

// TestAllAssumeRole: MinIO takes the signature of our AssumeRole, by a user's own keys,
// and gives keys that open the bucket. Roles after a role are AWS's alone: MinIO has no
// AssumeRole for temporary keys, and says so.
func TestAllAssumeRole(t *testing.T) {
	s3 := minio(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	request := sts.Chained{Endpoint: s3, Region: "us-east-1", RoleARN: "arn:minio:iam:::role/any",
		Duration: 20 * time.Minute}
	assume := func(secret string) (credential.Credential, error) {
		return sts.AssumeRole(t.Context(), &http.Client{Transport: transport}, request,
			credential.AWSKeys{AccessKeyID: rootUser, SecretAccessKey: credential.NewSecret(secret)})
	}
	got, err := assume(rootPassword)
	if err != nil {
		t.Fatal(err)
	}
	if off := (got.Life() - request.Duration).Abs(); off > time.Minute {
		t.Errorf("a life of %v", got.Life())
	}
	wantListing(t, c.aws(s3, []string{"AWS_ACCESS_KEY_ID=" + got.AWS.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + got.AWS.SecretAccessKey.Reveal(),
		"AWS_SESSION_TOKEN=" + got.AWS.SessionToken.Reveal()}, "s3", "ls", "s3://e2e").ok())
	_, err = assume("another secret")
	if refusal, ok := errors.AsType[*sts.Error](err); !ok || !strings.Contains(refusal.Error(), "signature") {
		t.Errorf("by another secret: %v", err)
	}

	c.signIn()
	const next = "arn:aws:iam::123456789012:role/next"
	res := c.sso(c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", s3, "--chain-role-arn", next)...).wait()
	if res.code == 0 || res.stdout != "" || !strings.Contains(res.stderr, next+": AccessDenied") {
		t.Errorf("a chain: %+v", res)
	}
	c.wantKeysCached() // those of the first role
}

// aws runs the AWS CLI on MinIO. Version 2.9, Debian's, ignores endpoint_url in its config.
func (c *client) aws(s3 string, env []string, args ...string) *command {
	c.t.Helper()
	return c.start("aws",
		append(env, "AWS_CA_BUNDLE="+ca.caFile, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true"),
		append([]string{"--endpoint-url", s3}, args...)...)
}

// awsConfig has sso-exec as its only source of credentials.
func (c *client) awsConfig(args []string) (env []string) {
	c.t.Helper()
	line := quoted(append([]string{mustTool(c.t, "sso-exec")}, args...))
	file := filepath.Join(c.home, "aws-config")
	if err := os.WriteFile(file, fmt.Appendf(nil, "[default]\ncredential_process = %s\n", line), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return []string{"AWS_CONFIG_FILE=" + file, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull}
}

// quoted is a command line for botocore and for a shell; the flags hold no quotes.
func quoted(args []string) string { return "'" + strings.Join(args, "' '") + "'" }

// makeBucket puts one object where the role may read it.
func makeBucket(c *client, s3 string) {
	c.t.Helper()
	root := []string{"AWS_ACCESS_KEY_ID=" + rootUser, "AWS_SECRET_ACCESS_KEY=" + rootPassword}
	file := filepath.Join(c.home, "hello.txt")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if made := c.aws(s3, root, "s3", "mb", "s3://e2e").wait(); made.code != 0 &&
		!strings.Contains(made.stderr, "BucketAlreadyOwnedByYou") {
		c.t.Fatal(made.stderr)
	}
	c.aws(s3, root, "s3", "cp", file, "s3://e2e/hello.txt").ok()
}

func wantListing(t *testing.T, listing string) {
	t.Helper()
	if !strings.Contains(listing, "hello.txt") {
		t.Errorf("the bucket's listing: %q", listing)
	}
}

// wantSDK reads the same document with the AWS SDK for Go.
func wantSDK(t *testing.T, args []string) {
	t.Helper()
	keys, err := processcreds.NewProvider(quoted(args)).Retrieve(t.Context())
	if err != nil {
		t.Fatalf("AWS SDK: %v", err)
	}
	if !keys.HasKeys() || keys.SessionToken == "" || !keys.CanExpire || keys.Expires.Before(time.Now()) {
		t.Errorf("AWS SDK: keys %v, session token %v, expire %v at %s",
			keys.HasKeys(), keys.SessionToken != "", keys.CanExpire, keys.Expires)
	}
}

// wantKeysCached looks for the role's keys below derived/.
func (c *client) wantKeysCached() {
	c.t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(c.cache, "derived"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if files++; info.Mode().Perm() != 0o600 {
			c.t.Errorf("%s has the mode %s", path, info.Mode())
		}
		return nil
	})
	if err != nil || files != 1 {
		c.t.Errorf("%d files below derived/ (%v), want 1", files, err)
	}
}
