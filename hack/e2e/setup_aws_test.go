package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// awsShapes are AWS configs as people have them. The profile is dev.
var awsShapes = map[string]string{
	"no file":       "",
	"empty profile": "[profile dev]\n",
	"no line break": "[default]\nregion = us-east-1\n\n[profile dev]\nregion = us-west-2",
	"several": "# mine\n\n[default]\nregion=us-east-1\noutput = json\n[profile a]\n" +
		"role_arn = arn:aws:iam::1:role/a\nsource_profile = default\n\n; also mine\n[profile dev]\n" +
		"region = us-west-2 # near\n\n\n[profile z]\nregion = x\n",
	"nested": "[profile dev]\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n" +
		"region = us-west-2\n[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9\n",
	"nested last":    "[profile dev]\nregion = us-west-2\ns3 =\n  addressing_style = path\n",
	"CRLF":           "[default]\r\nregion = us-east-1\r\n\r\n[profile dev]\r\nregion = us-west-2\r\n# end\r\n",
	"another before": "[profile dev]\ncredential_process = /bin/false\n  --with a line that goes on\nregion = us-west-2\n",
	"comment after":  "[profile dev]\nregion = us-west-2\n\n# about the next\n[profile z]\nregion = x\n",
	"tabs and case":  "[profile dev]\nRegion\t=\tus-west-2\nOUTPUT:json\n",
	"UTF-8":          "# Größe\n[profile größe]\nregion = x\n[profile dev]\nregion = us-west-2\n",
}

// TestSetupAWS: whatever the config looks like, the AWS CLI lists a bucket after
// setup, and removing gives the bytes back.
func TestSetupAWS(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	c.signIn()
	setup := func(args ...string) []string {
		return append(append([]string{"setup"},
			c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", sts.url, "--yes")...), args...)
	}
	for name, before := range awsShapes {
		file := filepath.Join(c.home, strings.ReplaceAll(name, " ", "-"), "config")
		if name != "no file" {
			if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(before), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		env := []string{"AWS_CONFIG_FILE=" + file, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull}
		c.start("sso-exec", env, setup("--aws-profile", "dev")...).ok()
		after := textOf(t, file)
		wantListing(t, c.aws(s3, env, "--profile", "dev", "s3", "ls", "s3://e2e").ok())
		if said := c.start("sso-exec", env, setup("--aws-profile", "dev")...).ok(); !strings.Contains(said,
			"Nothing to change") || textOf(t, file) != after {
			t.Errorf("%s: twice is not once: %q", name, said)
		}
		for line := range strings.Lines(before) {
			if !strings.Contains(after, strings.TrimRight(line, "\r\n")) {
				t.Errorf("%s: the line %q is gone", name, line)
			}
		}
		if strings.Count(after, "\n") != strings.Count(after, "\r\n") && strings.Contains(before, "\r") {
			t.Errorf("%s: line breaks are mixed: %q", name, after)
		}
		c.start("sso-exec", env, "setup", "aws", "--aws-profile", "dev", "--remove", "--yes").ok()
		if got := textOf(t, file); got != before {
			t.Errorf("%s: %q, before %q", name, got, before)
		}
	}
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
}

// TestSetupAWSPlaces: the profile default, a name with spaces, a link, a file that
// is read-only, and a region that the AWS CLI then has.
func TestSetupAWSPlaces(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	c.signIn()
	const before = "[default]\n"
	target, file := c.write("target", before), filepath.Join(c.home, "config")
	if err := os.Symlink("target", file); err != nil {
		t.Fatal(err)
	}
	env := []string{"AWS_CONFIG_FILE=" + file, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull}
	setup := append([]string{"setup"},
		c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", sts.url, "--yes", "--region", "eu-central-1")...)
	for _, profile := range []string{"default", "my dev"} {
		c.start("sso-exec", env, append(setup, "--aws-profile", profile)...).ok()
		wantListing(t, c.aws(s3, env, "--profile", profile, "s3", "ls", "s3://e2e").ok())
		if region := c.start("aws", env, "--profile", profile, "configure", "get",
			"region").ok(); region != "eu-central-1\n" {
			t.Errorf("%s: the region is %q", profile, region)
		}
	}
	wantListing(t, c.aws(s3, env, "s3", "ls", "s3://e2e").ok())
	if to, err := os.Readlink(file); err != nil || to != "target" {
		t.Errorf("the link leads to %q: %v", to, err)
	}
	if err := os.Chmod(target, 0o400); err != nil {
		t.Fatal(err)
	}
	if res := c.start("sso-exec", env, append(setup, "--aws-profile", "third")...).wait(); res.code != 6 ||
		!strings.Contains(res.stderr, "read-only") {
		t.Errorf("read-only: %+v", res)
	}
	if err := os.Chmod(target, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, profile := range []string{"my dev", "default"} {
		c.start("sso-exec", env, "setup", "aws", "--aws-profile", profile, "--remove", "--yes").ok()
	}
	if got := textOf(t, target); got != before {
		t.Errorf("%q, before %q", got, before)
	}
}

// TestSetupAWSConflicts: what setup says would win does win with the AWS CLI.
func TestSetupAWSConflicts(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	c.signIn()
	for name, shape := range map[string]struct {
		config, credentials, warning string
	}{
		"keys in the credentials file": {"", "[dev]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n",
			"aws_access_key_id"},
		"a process in the credentials": {"", "[dev]\ncredential_process = /bin/false\n", "credential_process"},
		"a role of another profile": {"[profile dev]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = gone\n", "",
			"source_profile"},
		"IAM Identity Center": {"[profile dev]\nsso_start_url = https://x.example\n" +
			"sso_region = us-east-1\nsso_account_id = 1\nsso_role_name = a\n", "", "sso_account_id"},
		"a profile that is called so too": {"", "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n", ""},
	} {
		env := []string{"AWS_CONFIG_FILE=" + c.write("config", shape.config),
			"AWS_SHARED_CREDENTIALS_FILE=" + c.write("credentials", shape.credentials)}
		made := c.start("sso-exec", env,
			append([]string{"setup"},
				c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", sts.url, "--aws-profile", "dev", "--yes")...)...)
		made.ok()
		list := c.aws(s3, env, "--profile", "dev", "s3", "ls", "s3://e2e").wait()
		if warned := strings.Contains(made.stderr.String(), "warning: "); warned != (shape.warning != "") ||
			!strings.Contains(made.stderr.String(), shape.warning) {
			t.Errorf("%s: %s", name, made.stderr.String())
		}
		if (list.code != 0) != (shape.warning != "") {
			t.Errorf("%s: the AWS CLI ended with %d: %s", name, list.code, list.stderr)
		}
	}
}

func textOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
