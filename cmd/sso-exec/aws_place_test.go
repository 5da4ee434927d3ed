package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

// awsProfiles is an AWS config; what [default] says counts for nobody.
const awsProfiles = `[default]
region = us-west-1
[profile eu]
region = eu-central-1 # here
use_dualstack_endpoint = true
[profile fips]
region = us-east-1
use_fips_endpoint = true
[profile china]
region = cn-northwest-1
[services here]
s3 =
  endpoint_url = https://s3.example
sts =
  endpoint_url = SRV
[profile moved]
services = here
endpoint_url = https://a.example
[profile all]
endpoint_url = SRV
s3 =
  endpoint_url = https://a.example
[profile bad]
endpoint_url = http://localhost:4566
[profile ignored]
endpoint_url = http://localhost:4566
ignore_configured_endpoint_urls = true
`

// TestWhichSTS: an ID token goes where AWS's own tools would send it, and never
// to another partition.
func TestWhichSTS(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	world := hosted.New(t)
	sts := &anySTS{status: 200, body: keysUntil("2030-01-02T03:04:05Z")}
	srv := httptest.NewServer(sts)
	t.Cleanup(srv.Close)
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, slices.Concat(b.idp.CAPEM(), world.CAPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(awsProfiles, "SRV", srv.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "HTTPS_PROXY="+world.Proxy, "SSO_EXEC_CA_FILE="+both, "AWS_CONFIG_FILE="+config)
	b.mustRun(t, "login", "--browser", "testbrowser")
	gov, cn := strings.Replace(someRole, "aws", "aws-us-gov", 1), strings.Replace(someRole, "aws", "aws-cn", 1)
	type env = []string
	others := []env{{"run", "--aws", "--", "true"}, {"run", "--renew", "--", "true"}} // in turns
	for i, c := range []struct {
		role string
		env  env
		args []string
		host string // that is asked; "local": srv; empty: nobody, exit code 2
		says string // then
	}{
		{someRole, nil, nil, "sts.amazonaws.com", ""},
		{someRole, nil, env{"--region", "aws-global"}, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_REGION=eu-central-1"}, nil, "sts.eu-central-1.amazonaws.com", ""},
		{someRole, env{"AWS_REGION=eu-central-1\r"}, nil, "sts.eu-central-1.amazonaws.com", ""},
		{someRole, env{"AWS_DEFAULT_REGION=eu-west-1"}, nil, "sts.eu-west-1.amazonaws.com", ""},
		{someRole, env{"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-central-1"}, env{"--region", "us-west-2"},
			"sts.us-west-2.amazonaws.com", ""},
		{gov, nil, nil, "sts.us-gov-west-1.amazonaws.com", ""},
		{gov, env{"AWS_REGION=us-gov-east-1"}, nil, "sts.us-gov-east-1.amazonaws.com", ""},
		{gov, env{"AWS_REGION=us-east-1"}, nil, "", "--region"},
		{gov, nil, env{"--region", "eu-central-1"}, "", "aws-us-gov"},
		{gov, nil, env{"--region", "aws-global"}, "", "--region"},
		{someRole, nil, env{"--region", "us-gov-west-1"}, "", "--region"},
		{someRole, nil, env{"--region", "cn-north-1"}, "", "aws-cn"},
		{cn, nil, nil, "sts.cn-north-1.amazonaws.com.cn", ""},
		{cn, nil, env{"--region", "us-east-1"}, "", "--region"},
		{"arn:aws-eusc:iam::123456789012:role/dev", nil, nil, "sts.eusc-de-east-1.amazonaws.eu", ""},
		{"arn:aws-new:iam::123456789012:role/dev", nil, nil, "", "--sts-endpoint"},
		{"arn:minio:iam:::role/dev", env{"AWS_REGION=us-east-1"}, nil, "", "--sts-endpoint"},
		{"urn:s3:iam:::role/x", nil, nil, "", "--sts-endpoint"},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=us-east-1"}, nil, "sts-fips.us-east-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=True"}, nil, "sts-fips.us-east-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=FALSE", "AWS_USE_DUALSTACK_ENDPOINT="}, nil, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=yes"}, nil, "", "AWS_USE_FIPS_ENDPOINT"},
		{gov, env{"AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=us-gov-west-1"}, nil, "sts.us-gov-west-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_REGION=eu-central-1"}, nil, "sts.eu-central-1.api.aws", ""},
		{cn, env{"AWS_USE_DUALSTACK_ENDPOINT=true"}, nil, "sts.cn-north-1.api.amazonwebservices.com.cn", ""},
		{someRole, env{"AWS_USE_DUALSTACK_ENDPOINT=1"}, nil, "", "AWS_USE_DUALSTACK_ENDPOINT"},
		{someRole, env{"AWS_ENDPOINT_URL_STS=" + srv.URL}, nil, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL=" + srv.URL}, nil, "local", ""},
		{gov, env{"AWS_ENDPOINT_URL_STS=" + srv.URL, "AWS_ENDPOINT_URL=https://a.example", "AWS_REGION=eu-central-1"}, nil,
			"local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=https://a.example"}, env{"--sts-endpoint", srv.URL}, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=http://10.0.0.7"}, env{"--sts-endpoint", srv.URL}, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=" + srv.URL, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, nil,
			"sts.amazonaws.com", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=http://10.0.0.7"}, nil, "", "AWS_ENDPOINT_URL_STS"},
		{someRole, env{"AWS_ENDPOINT_URL=http://localhost:4566"}, nil, "", "AWS_ENDPOINT_URL"},
		{someRole, env{"AWS_ENDPOINT_URL=sts.amazonaws.com"}, nil, "", "AWS_ENDPOINT_URL"},
		{"urn:s3:iam:::role/x", env{"AWS_ENDPOINT_URL_STS=" + srv.URL}, nil, "local", ""},
		{"urn:s3:iam:::role/x", nil, env{"--sts-endpoint", srv.URL}, "local", ""},
		{"Rolle für alle, " + strings.Repeat("x", 2032), nil, env{"--sts-endpoint", srv.URL}, "local", ""},
		{strings.Repeat("x", 2049), nil, env{"--sts-endpoint", srv.URL}, "", "--role-arn"},
		{"urn:\x1b[2J", nil, env{"--sts-endpoint", srv.URL}, "", "--role-arn"},
		{someRole, env{"AWS_PROFILE=eu"}, nil, "sts.eu-central-1.api.aws", ""},
		{someRole, env{"AWS_PROFILE=eu", "AWS_USE_DUALSTACK_ENDPOINT=false", "AWS_REGION=eu-west-1"}, nil,
			"sts.eu-west-1.amazonaws.com", ""},
		{someRole, env{"AWS_DEFAULT_PROFILE=fips"}, nil, "sts-fips.us-east-1.amazonaws.com", ""},
		{someRole, env{"AWS_PROFILE=china"}, nil, "sts.amazonaws.com", ""},
		{cn, env{"AWS_PROFILE=china"}, nil, "sts.cn-northwest-1.amazonaws.com.cn", ""},
		{someRole, env{"AWS_PROFILE=moved"}, nil, "local", ""},
		{someRole, env{"AWS_PROFILE=all"}, nil, "local", ""},
		{someRole, env{"AWS_PROFILE=bad", "AWS_ENDPOINT_URL=" + srv.URL}, nil, "local", ""},
		{someRole, env{"AWS_PROFILE=bad"}, nil, "", "endpoint_url of AWS_PROFILE bad"},
		{someRole, env{"AWS_PROFILE=ignored"}, nil, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_PROFILE=none"}, nil, "sts.amazonaws.com", ""},
	} {
		world.Handle(c.host, sts)
		for _, command := range []env{{"aws"}, others[i%2]} {
			own := *b
			own.env = append(slices.Clone(b.env), c.env...)
			own.env = append(own.env, "SSO_EXEC_ROLE_ARN="+c.role)
			sts.say(sts.status, sts.body)
			before := len(world.Requests())
			o := own.run(slices.Concat(command[:1], env{"--force"}, c.args, command[1:])...)
			asked, hosts := sts.asked(), world.Requests()[before:]
			name := fmt.Sprintf("%.40q %q %.60q %q", c.role, c.env, c.args, command)
			switch {
			case c.host == "":
				if o.code != 2 || len(asked) > 0 || len(hosts) > 0 || !strings.Contains(o.stderr, c.says) ||
					strings.Contains(o.stderr, "\x1b") {
					t.Errorf("%s: exit code %d, asked %q, stderr %q", name, o.code, hosts, o.stderr)
				}
			case o.code != 0 || !slices.Equal(asked, env{c.role}):
				t.Errorf("%s: exit code %d, asked for %q\n%s", name, o.code, asked, o.stderr)
			case c.host == "local" && len(hosts) > 0, c.host != "local" && !slices.Equal(hosts, env{"POST " + c.host + "/"}):
				t.Errorf("%s: asked %q", name, hosts)
			}
		}
	}
}

// TestCABundle: AWS_CA_BUNDLE vouches for STS, and for nobody else.
func TestCABundle(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	sts := &anySTS{status: 200, body: keysUntil("2030-01-02T03:04:05Z")}
	srv := httptest.NewTLSServer(sts)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	home := t.TempDir()
	bundle := filepath.Join(home, "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+srv.URL, "SSO_EXEC_ROLE_ARN="+someRole)
	with := func(env ...string) *bench {
		own := *b
		own.env = append(slices.Clone(b.env), env...)
		return &own
	}
	trusting := with("AWS_CA_BUNDLE=" + bundle)
	for _, command := range [][]string{{"aws", "--force"}, {"run", "--force", "--", "true"},
		{"run", "--renew", "--force", "--", "true"}} {
		trusting.mustRun(t, command...)
	}
	with("AWS_CA_BUNDLE=~/bundle.pem", "HOME="+home).mustRun(t, "aws", "--force")
	sts.say(200, "")
	trusting.mustRun(t, "aws") // from the cache
	// Keys that came under other roots are not for those who do not trust them.
	if o := b.run("aws"); o.code != 5 || o.stdout != "" {
		t.Errorf("without it: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if len(sts.asked()) > 0 {
		t.Error("STS was asked")
	}
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte("[profile x]\nca_bundle = "+bundle+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sts.say(200, keysUntil("2030-01-02T03:04:05Z"))
	with("AWS_PROFILE=x", "AWS_CONFIG_FILE="+config).mustRun(t, "aws", "--force")
	for _, value := range []string{bundle + ".none", os.DevNull} {
		if o := with("AWS_CA_BUNDLE="+value).run("aws", "--force"); o.code != 2 ||
			!strings.Contains(o.stderr, "AWS_CA_BUNDLE") {
			t.Errorf("%s: exit code %d\n%s", value, o.code, o.stderr)
		}
	}
	// The provider's CA in it does not make the provider trusted.
	if err := os.WriteFile(bundle, b.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := with("AWS_CA_BUNDLE="+bundle, "SSO_EXEC_CA_FILE=").run("aws", "--browser", "testbrowser"); o.code != 5 ||
		!strings.Contains(o.stderr, "certificate") {
		t.Errorf("the provider: exit code %d\n%s", o.code, o.stderr)
	}
}
