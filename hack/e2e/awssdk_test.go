package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What awssdk does in Go, with the SDKs for JavaScript and for Python.
const (
	awsForJavaScript = `
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
const { fromNodeProviderChain } = require('@aws-sdk/credential-providers');
new STSClient({ credentials: fromNodeProviderChain() }).send(new GetCallerIdentityCommand({}))
  .then((who) => console.log(who.Arn));`
	awsForPython = `import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])`
)

// TestAllAWSSDKs: the AWS SDKs for Go, JavaScript and Python have a role's keys of IAM
// Identity Center by sso-exec as their credential process, and by the AWS CLI's file of
// the session, where sso-exec has written it. What they refresh there serves here.
func TestAllAWSSDKs(t *testing.T) {
	w := newDebianWorld(t)
	w.write(0o600, identityConfig+fmt.Sprintf("[profile process]\nregion = eu-central-1\ncredential_process = %s\n",
		mustTool(t, "sso-exec")+" aws --provider aws-identity-center --sso-session corp --account-id 123456789012"+
			" --role-name dev --cache-dir "+w.c.cache), ".aws", "config")
	packages := filepath.Join(mustTool(t, "awssdk"), "node_modules")
	as := func(profile string) []string { return append([]string{"AWS_PROFILE=" + profile}, w.at.env...) }
	sdks := []struct {
		name string
		ask  func(profile string) *command
	}{
		{"Go", func(profile string) *command { return w.c.start("awssdk-go", as(profile)) }},
		{"JavaScript", func(profile string) *command {
			return w.c.start("node", append(as(profile), "NODE_PATH="+packages), "-e", awsForJavaScript)
		}},
		{"Python", func(profile string) *command {
			return w.at.with("AWS_PROFILE="+profile).start("/usr/bin/python3", "-c", awsForPython)
		}},
	}
	w.self("login", "--aws-cli-cache", "write", "--browser", w.opener).ok()
	w.center.Reset()
	asks := func(name string, of *command) {
		t.Helper()
		if out := of.ok(); !strings.Contains(out, "assumed-role/dev") {
			t.Errorf("%s: %q", name, out)
		}
	}
	for _, sdk := range sdks { // from the second on, the keys are cached
		asks(sdk.name, sdk.ask("process"))
	}
	w.count("a credential process", map[string]int{"federation/credentials": 1, "refresh_token": 0, "authorize": 0})
	for _, sdk := range sdks {
		asks(sdk.name, sdk.ask("dev"))
		w.count(sdk.name+", the file", map[string]int{"federation/credentials": 1, "refresh_token": 0, "authorize": 0})
	}
	for _, sdk := range sdks {
		w.end()
		asks(sdk.name, sdk.ask("dev"))
		w.count(sdk.name+", ended", map[string]int{"federation/credentials": 1, "refresh_token": 1, "authorize": 0})
		w.self("aws", "--force").ok()
		w.count("after "+sdk.name, map[string]int{"federation/credentials": 1, "refresh_token": 0, "authorize": 0})
		w.end()
		w.self("aws", "--force").ok() // by the refresh token that the SDK has left
		w.count("ended after "+sdk.name, map[string]int{"refresh_token": 1, "authorize": 0, "device_authorization": 0})
	}
	w.faultless()
}
