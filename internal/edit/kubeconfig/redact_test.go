package kubeconfig

import (
	"strings"
	"testing"
)

// Every canary is a secret, every ok is to be seen.
func TestRedact(t *testing.T) {
	jwt := "eyJhbGciOiJSUzI1NiJ9.canary.x"
	for name, text := range map[string]string{
		"token": "users:\n- name: ok-a\n  user:\n    token: canary\n    as: ok-b\n- name: ok-c\n",
		"quoted": "users:\n- name: ok\n  user: {\"token\": \"can\\\"canary\", 'password': 'it''s canary', username: " +
			"ok-u}\n",
		"folded": "users:\n- name: ok\n  user:\n    client-key-data: |\n      canary\n      canary2\n    client-key: " +
			"/ok/key\n",
		"several": "users:\n- name: ok\n  user:\n    token: canary\n      canary\n    username: ok-u\n",
		"json":    `{"users":[{"name":"ok","user":{"token":"canary","password":"canary2","client-certificate":"/ok"}}]}`,
		"provider": "users:\n- name: ok\n  user:\n    auth-provider:\n      name: ok-oidc\n      config:\n        " +
			"client-id: ok-id\n        client-secret: canary\n        id-token: canary\n        refresh-token: canary\n       " +
			" a-new-one: canary\n",
		"args": "users:\n- name: ok\n  user:\n    exec:\n      command: kubectl\n      args:\n      - oidc-login\n    " +
			"  - ok-get-token\n      - --oidc-client-secret=canary\n      - --oidc-client-id=ok-id\n      - --password\n      " +
			"- canary\n      - --token-type=ok\n      - --client-secret-file=/ok/file\n      - --oidc-use-access-token\n      " +
			"- ok-last\n",
		"header": "users:\n- name: ok\n  user:\n    exec:\n      args: [--ok-h, 'Authorization: Bearer canary', " +
			"" + jwt + ", canary]\n",
		"others": "users:\n- name: ok\n  user:\n    exec:\n      command: ok-tool\n      args: [get-token, -p, canary, " +
			"-pcanary, --ok-name, canary, --ok-user=canary, 7canary, canary]\n      more: canary\n",
		"line": "users:\n- name: ok\n  user: {exec: {command: 'tool --pw=canary', args: [canary]}}\n",
		"behind": "users:\n- name: ok\n  user:\n    token: a # old one: canary\n    password: 'b' # canary # canary\n   " +
			" as: ok-b # ok-comment\n- {name: ok-d, user: {token: a}} # canary\n- name: ok-e\n  user: {token: a, # canary\n   " +
			" as: x}\n",
		"braces": "users:\n- name: ok\n  user: {as: x, exec: {command: ok-tool}} # canary\n- {name: ok-d, user: {as: " +
			"ok-b}} # canary\n",
		"address": "clusters:\n- name: ok\n  cluster: {server: 'https://u:canary@ok.example'}\n",
		"env": "users:\n- name: ok\n  user:\n    exec:\n      env:\n      - name: OK_PROXY\n        value: " +
			"http://u:canary@proxy\n",
		"alias": "x-creds: &t canary\nx-more: {a: [canary]}\nusers:\n- name: ok\n  user: {token: *t}\n",
		"anchor": "contexts:\n- name: ok\n  context:\n    extensions:\n    - name: ok-no\n      extension: &u {token: " +
			"canary}\nusers:\n- name: ok\n  user: *u\n",
		"unknown": "users:\n- name: ok\n  user:\n    a-new-one: canary\n    a-list: [canary]\n",
		"comment": "# ok comment: yes\nusers:\n# token: canary\n- name: ok # password = \"canary canary\"\n",
		"cluster": "clusters:\n- name: ok\n  cluster:\n    server: https://ok-s\n    certificate-authority-data: " +
			"canary\n    proxy-url: http://u:canary@proxy\n",
		"crlf":      "users:\r\n- name: ok\r\n  user:\r\n    token: canary\r\n    as: ok-b\r\n",
		"utf8":      "\ufeffusers:\n- name: ok-ü\n  user: {token: \"ü canary\", as: ok-ß}\n",
		"other key": "users:\n- name: ok\n  token: canary\n",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Redact([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(out), "canary") || !strings.Contains(string(out), hidden) {
				t.Errorf("%s", out)
			}
			for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \r\n:,[]{}\"=", r) }) {
				if strings.Contains(w, "ok-") && !strings.Contains(w, "no") && !strings.Contains(string(out), w) {
					t.Errorf("%q is gone: %s", w, out)
				}
			}
			if n := strings.Count(text, "\n"); name != "folded" && name != "several" && strings.Count(string(out), "\n") != n {
				t.Errorf("lines moved: %q", out)
			}
		})
	}
	if _, err := Redact([]byte("users: [")); err == nil {
		t.Error("no error")
	}
}

// What is long is shortened, so that what is left can be read.
func TestRedactLong(t *testing.T) {
	out, err := Redact([]byte("users:\n- name: a\n  user:\n    exec:\n      command: sso-exec\n      args: [kube, " +
		"--ca-data=" + strings.Repeat("A", 300) + "]\n"))
	if err != nil || !strings.Contains(string(out), "--ca-data=(300 characters)") {
		t.Errorf("%s, %v", out, err)
	}
}
