//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// A diff shows lines that are near the change, and these are somebody's: no value is
// shown that may be secret. Every canary is one; every ok is to be seen.
func TestSecretsInDiffs(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.env = append(b.env, "SSO_EXEC_ROLE_ARN=arn:aws:iam::123456789012:role/dev")
	dir, ca := t.TempDir(), ""
	for _, kv := range b.env {
		if path, ok := strings.CutPrefix(kv, "SSO_EXEC_CA_FILE="); ok {
			ca = path
		}
	}
	kube := func(text string) []string {
		return []string{"setup", "kube", "--kubeconfig=" + filepath.Join(dir, "file"), "--user=dev", "--replace", "--dry-run",
			text}
	}
	aws := func(text string) []string {
		return []string{"setup", "aws", "--aws-config=" + filepath.Join(dir, "file"), "--aws-profile=dev", "--dry-run", text}
	}
	config := func(text string) []string {
		return []string{"setup", "provider", "p", "--config=" + filepath.Join(dir, "file"), "--no-login", "--dry-run",
			"--scope=email", text}
	}
	for name, args := range map[string][]string{
		"comment": kube("users:\n- name: dev\n  user:\n    token: canary # old one: canary\n" +
			"    password: 'canary' # and canary\n    as: ok-as # ok-comment\n"),
		"flow": kube("users: [{name: ok-a, user: {token: canary}}, {name: dev, user: {token: canary}}] # was canary\n"),
		"json": kube(`{"users":[{"name":"dev","user":{"token":"canary","auth-provider":{"name":"gcp","config":{"cmd-args":"--canary","cmd-path":"canary"}}}}]}`),
		"server": kube("clusters:\n- name: c\n" +
			"  cluster: {server: 'https://u:canary@ok.example', other: canary}\nusers:\n- name: dev\n  user: {token: canary}\n"),
		"unknown": kube("users:\n- name: dev\n  user:\n    exec:\n      command: ok-tool\n" +
			"      args: [get-token, -p, canary, -xcanary, --ok-name, canary, --ok-user=canary, 'https://u:canary@x', " +
			"canary]\n      env: [{name: ok-variable, value: canary}]\n"),
		"ours": kube("users:\n- name: dev\n  user:\n    exec:\n      command: sso-exec\n" +
			"      args: [kube, --issuer=https://ok-x.example, --auth-param=client_secret=canary, " +
			"'--login-hint=https://u:canary@x?k=canary']\n"),
		"legacy": kube("users:\n- name: dev\n  user:\n    auth-provider:\n      name: oidc\n      config:\n" +
			"        idp-issuer-url: https://u:canary@ok-x\n        client-id: ok-id\n" +
			"        client-secret: canary # canary\n        id-token: canary\n        more: canary\n"),
		"keys": aws("[profile dev]\naws_access_key_id = id\naws_secret_access_key = canary # canary\n" +
			"# aws_session_token=canary\nregion = ok-region\n"),
		"process": aws("[profile dev]\ncredential_process = /ok/tool -p canary --x canary\n" +
			"[profile x]\ncredential_process = \"/ok/other tool\" canary\n# credential_process = ok-third canary\n"),
		"endpoint": aws("[profile dev]\nendpoint_url = https://u:canary@ok.example/?x=canary\n" +
			"some_password = canary\nx_token: canary canary\n"),
		"profile": config("version: 1\nprofiles:\n  p:\n    issuer: " + b.idp.Issuer() +
			"\n    client-id: cli\n    ca-file: " + ca + "\n    client-secret-command: /ok/tool -p canary\n" +
			"    # client-secret: canary # or canary\n    login-hint: 'https://u:canary@x'\n"),
	} {
		text := args[len(args)-1]
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := b.run(args[:len(args)-1]...)
		if o.code != 0 || !strings.Contains(o.stdout, "(hidden)") || strings.Contains(o.stdout+o.stderr, "canary") {
			t.Errorf("%s: code %d: %s%s", name, o.code, o.stdout, o.stderr)
		}
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n:,[]{}\"'=", r) }) {
			if strings.HasPrefix(w, "ok-") && !strings.Contains(o.stdout, w) {
				t.Errorf("%s: %s is gone: %s", name, w, o.stdout)
			}
		}
	}
}
