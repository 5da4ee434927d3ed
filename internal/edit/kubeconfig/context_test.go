package kubeconfig

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A context is added to every shape and made the current one; nothing else
// changes, also not at the second time, and removing brings the text back.
func TestAddContext(t *testing.T) {
	all := shapes(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			before := all[name]
			after, err := SetContext(before, "x: y", "dev", "corp", "team")
			if err != nil {
				t.Fatal(err)
			}
			was, is := judge(t, before), judge(t, after)
			if c := is.Contexts["x: y"]; c == nil || c.Cluster != "dev" || c.AuthInfo != "corp" || c.Namespace != "team" {
				t.Fatalf("%+v\n%s", c, after)
			}
			delete(is.Contexts, "x: y")
			if !reflect.DeepEqual(was, is) {
				t.Errorf("more changed:\n%s", after)
			}
			current, err := SetCurrentContext(after, "x: y")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, current)
			if c := judge(t, current); c.CurrentContext != "x: y" || !reflect.DeepEqual(c.AuthInfos, was.AuthInfos) ||
				!reflect.DeepEqual(c.Clusters, was.Clusters) {
				t.Errorf("current:\n%s", current)
			}
			again, err := SetContext(after, "x: y", "dev", "corp", "team")
			if err != nil || !bytes.Equal(again, after) {
				t.Errorf("the second time: %v\n%s", err, again)
			}
			if again, err := SetCurrentContext(current, "x: y"); err != nil || !bytes.Equal(again, current) {
				t.Errorf("current, the second time: %v\n%s", err, again)
			}
			ours := func(c Context) bool {
				return c == Context{Name: "x: y", Cluster: "dev", User: "corp", Namespace: "team"}
			}
			back, err := RemoveContext(after, "x: y", ours)
			if err != nil {
				t.Fatal(err)
			}
			if len(was.Contexts) > 0 && !bytes.Equal(back, before) || !reflect.DeepEqual(judge(t, back), was) {
				t.Errorf("removed:\n%s", back)
			}
		})
	}
}

// A context keeps what is not asked to change, and how it is written.
func TestChangeContext(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"contexts:\n- context:\n    cluster: \"old\" # c\n    user: x\n    extensions:\n    - name: a\n      extension: " +
			"{b: c}\n  name: dev\n",
			"contexts:\n- context:\n    cluster: \"new\" # c\n    user: corp\n    extensions:\n    - name: a\n      " +
				"extension: {b: c}\n  name: dev\n"},
		{"contexts:\n- name: dev\n  context: {cluster: new, user: 'x'} # c\n",
			"contexts:\n- name: dev\n  context: {cluster: new, user: corp} # c\n"},
		{"contexts:\n- name: dev\n  context: {cluster: new} # c\n",
			"contexts:\n- name: dev\n  context: {cluster: new, user: corp} # c\n"},
		{"contexts:\n- name: dev\n  context:\n    # why\n    cluster:   # none\n    namespace: team # mine\n# end",
			"contexts:\n- name: dev\n  context:\n    # why\n    cluster: new   # none\n    namespace: team # mine\n    user: " +
				"corp\n# end"},
		{"contexts:\n- name: dev\n  context: {}\n- name: b\n",
			"contexts:\n- name: dev\n  context:\n    cluster: new\n    user: corp\n- name: b\n"},
		{"contexts:\n- name: dev\n", "contexts:\n- name: dev\n  context:\n    cluster: new\n    user: corp\n"},
		{"contexts:\n- name: dev\n  context: # c\n",
			"contexts:\n- name: dev\n  context: # c\n    cluster: new\n    user: corp\n"},
		{`{"contexts":[{"name":"dev","context":{"cluster":"old","user":"corp"}}]}`,
			`{"contexts":[{"name":"dev","context":{"cluster":"new","user":"corp"}}]}`},
		{"contexts:\n- name: dev\n  context:\n    cluster: |-\n      old\n    user: >\n      x\n",
			"contexts:\n- name: dev\n  context:\n    cluster: new\n    user: corp\n"},
	} {
		got, err := SetContext([]byte(c.in), "dev", "new", "corp", "")
		if err != nil || string(got) != c.want {
			t.Errorf("%v\n%s\ngot\n%s\nwant\n%s", err, c.in, got, c.want)
		}
	}
}

func TestSetCurrentContext(t *testing.T) {
	for _, c := range []struct{ in, name, want string }{
		{"current-context: dev # c\nkind: Config\n", "prod", "current-context: prod # c\nkind: Config\n"},
		{"current-context: 'dev'", "prod", "current-context: prod"},
		{"current-context: \"dev\"", "prod", "current-context: \"prod\""},
		{"current-context: dev\n", "", "current-context: \"\"\n"},
		{"current-context:\nkind: Config\n", "prod", "current-context: prod\nkind: Config\n"},
		{"current-context: ~\nkind: Config\n", "no", "current-context: \"no\"\nkind: Config\n"},
		{"kind: Config\n", "prod", "kind: Config\ncurrent-context: prod\n"},
		{"kind: Config\n", "", "kind: Config\n"},
		{"# c", "prod", "# c\napiVersion: v1\nkind: Config\ncurrent-context: prod\n"},
		{"{}", "prod", "{\"current-context\": \"prod\"}"},
	} {
		got, err := SetCurrentContext([]byte(c.in), c.name)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v, want %q", c.in, got, err, c.want)
		}
	}
}

// Of an entry that has more than credentials, only the stanza is ours.
func TestRemoveKeepsTheRest(t *testing.T) {
	const exec = "{apiVersion: client.authentication.k8s.io/v1, command: sso-exec, interactiveMode: Never}"
	for before, want := range map[string]string{
		"users: [{name: corp, user: {exec: " + exec + ", as: admin}}]": "users: [{name: " +
			"corp, user: {as: admin}}]",
		"users: [{name: corp, user: {as: admin, exec: " + exec + "}}]": "users: [{name: " +
			"corp, user: {as: admin}}]",
		"users:\n- name: corp\n  user:\n    as-groups: [a]\n    exec: " + exec + "\n    as: x # c\n": "users:\n- name: " +
			"corp\n  user:\n    as-groups: [a]\n    as: x # c\n",
	} {
		got, err := RemoveUser([]byte(before), "corp", func(Exec) bool { return true })
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", before, got, err)
		}
	}
}

// Only what is as it was written is removed; what is absent needs no removal.
func TestRemoveOnlyOurs(t *testing.T) {
	ours := func(Exec) bool { return true }
	exec := "exec: {apiVersion: client.authentication.k8s.io/v1, command: sso-exec, interactiveMode: Never}"
	for user, ok := range map[string]bool{
		"{" + exec + "}":                true,
		"{" + exec + ", token: abc}":    false,
		"{token: abc}":                  false,
		"{}":                            false,
		"{" + exec + "}, more: [of it]": false,
	} {
		text := []byte("users: [{name: corp, user: " + user + "}]")
		got, err := RemoveUser(text, "corp", ours)
		var kept *NotOursError
		if ok && (err != nil || string(got) != "users: []") || !ok && !errors.As(err, &kept) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
		if _, err := RemoveUser(text, "corp", func(Exec) bool { return false }); !errors.As(err, &kept) {
			t.Errorf("%s: another's was removed: %v", text, err)
		}
		if got, err := RemoveUser(text, "nobody", ours); err != nil || !bytes.Equal(got, text) {
			t.Errorf("nobody: %s, %v", got, err)
		}
	}
	text := []byte("contexts: [{name: dev, context: {cluster: c, user: u, extensions: []}}]")
	var kept *NotOursError
	if _, err := RemoveContext(text, "dev", func(Context) bool { return true }); !errors.As(err, &kept) {
		t.Errorf("a context with extensions: %v", err)
	}
	if got, err := RemoveContext(text, "nowhere", nil); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%s, %v", got, err)
	}
}

// Each entry of a list can be removed, wherever it stands.
func TestRemoveFromTheMiddle(t *testing.T) {
	e := "{exec: {apiVersion: v1, command: sso-exec}}"
	for _, c := range []struct{ in, want string }{
		{"users:\n- name: a\n  user: " + e + "\n# b\n- name: b\n  user: {}\n", "users:\n# b\n- name: b\n  user: {}\n"},
		{"users:\n- name: b\n  user: {}\n- name: a\n  user: " + e + " # c\n\nkind: Config",
			"users:\n- name: b\n  user: {}\n\nkind: Config"},
		{"users:\n- name: b\n\n- name: a\n  user: " + e, "users:\n- name: b\n"},
		{"users: # c\n- name: a\n  user: " + e + "\n# d\nkind: Config", "users: [] # c\n# d\nkind: Config"},
		{"users: &x # c\n  -\n    name: a\n    user: " + e + "\n", "users: &x [] # c\n"},
		{"users: [{name: a, user: " + e + "}, {name: b}]", "users: [{name: b}]"},
		{"users: [{name: b}, {name: a, user: " + e + "}, {name: c}]", "users: [{name: b}, {name: c}]"},
		{"users: [ {name: a, user: " + e + "}, ] # c", "users: [] # c"},
	} {
		got, err := RemoveUser([]byte(c.in), "a", func(Exec) bool { return true })
		if err != nil || string(got) != c.want {
			t.Errorf("%v\n%s\ngot\n%q\nwant\n%q", err, c.in, got, c.want)
		}
	}
}

// What kubectl would refuse, or what cannot be edited without harm, is refused
// with its line, and no result.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a tab", "users:\n\t- name: a\n", "line 2: found character"},
		{"broken", "users: [\n", "line 1"},
		{"two documents", "kind: Config\n---\nkind: Config\n", "second document"},
		{"a marker at the end", "kind: Config\n---\n", "second document"},
		{"a list", "- a\n", "line 1: a kubeconfig is a mapping"},
		{"a word", "word\n", "line 1: a kubeconfig is a mapping"},
		{"another kind", "apiVersion: v1\nkind: Secret\n", `line 2: kind is "Secret"`},
		{"another version", "apiVersion: v2\n", `line 1: apiVersion is "v2"`},
		{"users no list", "users: {a: b}\n", "line 1: users must be a list"},
		{"an entry without a name", "users:\n- a\n", "line 2: an entry of users must have a name"},
		{"a name twice", "users:\n- name: a\n- name: b\n- name: a\n",
			`line 4: "a" is in users a second time (first in line 2)`},
		{"a key twice", "users: []\nusers: []\n", "line 2: the key users is in the file a second time"},
		{"user twice in the entry", "users:\n- name: corp\n  user: {}\n  user: {}\n",
			"line 4: the key user is in this entry a second time"},
		{"an aliased list", "x: &x []\nusers: *x\n", "edit"},
		{"a list that is used elsewhere", "users: &x [{name: a}]\nx: *x\n", "by hand"},
		{"an aliased entry", "x: &x {name: corp}\nusers:\n- *x\n", "line 3"},
		{"an anchor in use", "users:\n- name: corp\n  user: &x {token: a}\n- name: b\n  user: *x\n", "by hand"},
		{"UTF-16", "\xff\xfek\x00", "not UTF-8"},
		{"aliases of aliases", "a: &a [x,x,x,x,x,x,x,x,x]\n" + bomb(), "too many values"},
		{"an alias in itself", "a: &a [*a]\n", "too deep"},
		{"deep", "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "too deep"},
		{"a lone carriage return", "kind: Config\r# x\nusers: []\n", "carriage returns"},
		{"a mapping for a key", "{}:\n", "line 1: a key must be a word"},
		{"merged away", "x: &x {users: [{name: a}]}\n<<: *x\n", "by hand"},
	} {
		got, err := SetUser([]byte(c.in), "corp", corp, true)
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
	huge := append([]byte("kind: Config\n#"), bytes.Repeat([]byte("x"), maxSize)...)
	if _, err := SetUser(huge, "corp", corp, true); err == nil {
		t.Error("a file above the limit")
	}
	for _, e := range []Exec{{}, {APIVersion: "v1"}, {Command: "x"}, {APIVersion: "v1", Command: "a\x00b"},
		{APIVersion: "v1", Command: "a", Args: []string{"\xff"}},
		{APIVersion: "v1", Command: "a", Env: []EnvVar{{"", "x"}}}, {APIVersion: "v1", Command: "a",
			Env: []EnvVar{{"a=b", "x"}}}} {
		if got, err := SetUser(nil, "corp", e, true); err == nil {
			t.Errorf("%+v: %s", e, got)
		}
	}
	for _, name := range []string{"", "\xff", "a\x00"} {
		if got, err := SetUser(nil, name, corp, true); err == nil {
			t.Errorf("%q: %s", name, got)
		}
		if got, err := SetContext(nil, name, "a", "b", ""); err == nil {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func bomb() string {
	s := ""
	for c := byte('b'); c < 'k'; c++ {
		one := "*" + string(c-1)
		s += string(c) + ": &" + string(c) + " [" + strings.Repeat(one+",", 8) + one + "]\n"
	}
	return s
}

// What a user has, in words, for a warning.
func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		user, kind string
		replaced   bool // without being asked
	}{
		{"{}", "", true},
		{"{token: abc}", "a token", false},
		{"{tokenFile: /x}", "a token in a file", false},
		{"{client-certificate-data: x, client-key-data: y}", "a client certificate", false},
		{"{client-certificate: x, client-certificate-data: x}", "a client certificate", false},
		{"{username: u, password: p}", "a user name and password", false},
		{"{auth-provider: {name: oidc}}", "the auth provider oidc", false},
		{"{exec: {command: aws}}", "the command aws", false},
		{"{exec: {command: 'aws --pw=x'}}", "the command (hidden)", false},
		{"{exec: {command: 'https://u:x@host'}}", "the command (hidden)", false},
		{"{exec: {command: /x/sso-exec}}", "the command /x/sso-exec", true},
		{"{exec: {command: sso-exec}, token: abc}", "a token and the command sso-exec", false},
		{"{token: '', exec: null}", "", true},
	} {
		text := []byte("users: [{name: corp, user: " + c.user + "}]")
		u, ok, err := Describe(text, "corp")
		if err != nil || !ok || u.Kind != c.kind {
			t.Errorf("%s: %+v, %v, want %q", text, u, err, c.kind)
		}
		_, err = SetUser(text, "corp", corp, false)
		var exists *ExistsError
		if c.replaced != (err == nil) || err != nil && !errors.As(err, &exists) {
			t.Errorf("%s: replaced: %v", text, err)
		}
	}
	if _, ok, err := Describe(nil, "corp"); ok || err != nil {
		t.Errorf("an empty file: %v, %v", ok, err)
	}
}
