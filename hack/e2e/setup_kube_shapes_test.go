package e2e

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// shape is a kubeconfig as somebody may have it, and what of its bytes cannot
// stay in place: an empty list that gets an entry.
type shape struct {
	name, text string
	lost       int
}

var shapes = []shape{
	{"absent", "", 0},
	{"empty", "# nothing yet\n", 0},
	{"kubectl", "apiVersion: v1\nclusters:\n- cluster:\n    server: https://one.example\n  name: one\ncontexts:\n" +
		"- context:\n    cluster: one\n    user: other\n  name: one\ncurrent-context: one\nkind: Config\n" +
		"preferences: {}\nusers:\n- name: other\n  user:\n    token: abc\n", 0},
	{"comments", "# of the team\napiVersion: v1 # always\nkind: Config\n\nclusters:\n  # the first\n  - name: one\n" +
		"    cluster: # inside\n      server: https://one.example\n\nusers:   # people\n  # other is nobody\n" +
		"  - name: \"other\"\n    user: {token: 'abc'}   # secret\n  # the last comment\n\ncontexts: []\n# the end\n", 3},
	{"indented", "kind: Config\napiVersion: v1\nclusters:\n    -   name: one\n        cluster:\n" +
		"            server: https://one.example\nusers:\n    -   name: other\n        user:\n            token: abc\n", 0},
	{"flow", "{apiVersion: v1, kind: Config, clusters: [{name: one, cluster: {server: 'https://one.example'}}], users: " +
		"[{name: other, user: {token: abc}}], contexts: []}\n", 0},
	{"json", `{"kind":"Config","apiVersion":"v1","clusters":[{"name":"one","cluster":{"server":"https://one.example"}}],"users":[{"name":"other","user":{"token":"abc"}}],"contexts":[]}`, 0},
	{"json in lines", "{\n    \"kind\": \"Config\",\n    \"apiVersion\": \"v1\",\n    \"clusters\": [\n" +
		"        {\"name\": \"one\", \"cluster\": {\"server\": \"https://one.example\"}}\n    ],\n    \"users\": [\n" +
		"        {\n            \"name\": \"other\",\n            \"user\": {\"token\": \"abc\"}\n        }\n    ]\n}\n", 0},
	{"crlf", "apiVersion: v1\r\nkind: Config\r\nclusters:\r\n- name: one\r\n  cluster:\r\n" +
		"    server: https://one.example\r\nusers:\r\n- name: other\r\n  user:\r\n    token: abc\r\n", 0},
	{"no newline", "apiVersion: v1\nkind: Config\nclusters:\n" +
		"- {name: one, cluster: {server: https://one.example}}\nusers:\n- name: other\n  user:\n    token: abc", 0},
	{"markers", "---\napiVersion: v1\nkind: Config\nclusters:\n- name: one\n" +
		"  cluster: {server: https://one.example}\nusers:\n- name: other\n  user: {token: abc}\n...\n", 0},
	{"null lists", "apiVersion: v1\nkind: Config\nclusters:\n- name: one\n" +
		"  cluster: {server: https://one.example}\ncontexts: null\nusers: null\npreferences: {}\n", 5},
	{"anchors", "apiVersion: v1\nkind: Config\nclusters:\n- name: one\n  cluster: &c\n" +
		"    server: https://one.example\n- name: two\n  cluster:\n    <<: *c\n    tls-server-name: two\nusers:\n" +
		"- name: other\n  user: &u {token: abc}\n- name: another\n  user: *u\n", 0},
	{"odd words", "apiVersion: v1\nkind: Config\nclusters:\n- name: \"one\"\n" +
		"  cluster: {server: https://one.example}\nusers:\n- name: 'o''ther ü → \U0001f511'\n  user:\n" +
		"    client-key-data: |\n      YWJj\n      ZGVm\n    client-certificate-data: YWJj\n", 0},
}

// kubeMachine runs kubectl and setup kube on the same files.
type kubeMachine struct {
	t   *testing.T
	c   *client
	env []string
}

func (m kubeMachine) start(args ...string) *command {
	m.t.Helper()
	return m.c.start("sso-exec", m.env, append([]string{"setup", "kube", "--yes", "--command", "sso-exec"}, args...)...)
}

func (m kubeMachine) setup(args ...string) {
	m.t.Helper()
	m.start(args...).ok()
}

// view is what kubectl reads.
func (m kubeMachine) view() object {
	m.t.Helper()
	var config object
	if err := json.Unmarshal([]byte(m.c.start("kubectl", m.env, "config", "view", "--raw", "-o", "json").ok()),
		&config); err != nil {
		m.t.Fatal(err)
	}
	return config
}

// want fails unless kubectl reads that, in whatever order it lists names.
func (m kubeMachine) want(want object) {
	m.t.Helper()
	got := m.view()
	for _, config := range []object{got, want} {
		for _, key := range []string{"users", "contexts", "clusters"} {
			byName := object{}
			for _, item := range entries(config[key]) {
				entry := object(item.(object))
				byName[entry["name"].(string)] = entry
			}
			config[key+" by name"] = byName
		}
	}
	for _, key := range []string{"users by name", "contexts by name", "clusters by name", "current-context", "preferences",
		"kind", "apiVersion"} {
		if !reflect.DeepEqual(plainJSON(m.t, got[key]), plainJSON(m.t, want[key])) {
			m.t.Errorf("kubectl reads %s: %v\nwant %v", key, got[key], want[key])
		}
	}
}

// user is the entry that is to be there.
func (m kubeMachine) user() object {
	return object{"name": "corp", "user": object{"exec": object{
		"apiVersion": "client.authentication.k8s.io/v1", "command": "sso-exec", "env": nil,
		"args": []any{"kube", "--issuer=https://login.example.com", "--client-id=kubernetes"},
		"installHint": "sso-exec is needed to sign in to this cluster:\n" +
			"go install github.com/sso-exec/sso-exec/cmd/sso-exec@latest\n",
		"interactiveMode": "IfAvailable", "provideClusterInfo": false,
	}}}
}

func plainJSON(t *testing.T, v any) (plain any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func entries(v any) []any {
	l, _ := v.([]any)
	return l
}

func readKubeconfig(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantInserted fails unless a text is another one with something put in at one
// place, where at most that many bytes went.
func wantInserted(t *testing.T, before, after string, lost int) {
	t.Helper()
	head, tail := 0, 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	if head+tail < len(before)-lost || len(after) <= len(before) {
		t.Errorf("more than an entry changed:\n%s\n---\n%s", before, after)
	}
}
