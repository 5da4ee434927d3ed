package kubeconfig

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// write makes files in a directory of their own, and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The files, and which of them is written, are those that client-go takes.
func TestFindAsClientGo(t *testing.T) {
	dir := write(t, map[string]string{"a": "", "b": ""})
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	sep := string(filepath.ListSeparator)
	for _, env := range []string{"", "a", "a" + sep + "b", "x" + sep + "b" + sep + "a", "x" + sep + "y", sep + "b",
		"b" + sep, "a" + sep + "a", "x" + sep + "x",
		filepath.Join(dir, "a") + sep + "b", "y" + sep + sep + "x"} {
		t.Setenv("KUBECONFIG", env)
		rules := clientcmd.NewDefaultPathOptions()
		rules.GlobalFile = filepath.Join(dir, ".kube", "config") // client-go reads HOME when it starts
		files, err := Find("")
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(rules.GetLoadingPrecedence(), func(s string) bool { return s == "" })
		if !slices.Equal(files, want) {
			t.Errorf("KUBECONFIG=%s: %q, want %q", env, files, want)
		}
		// With an empty entry at the end and no file there, kubectl would write into
		// a file without a name.
		if got, want := files.Default(), rules.GetDefaultFilename(); got != want && want != "" {
			t.Errorf("KUBECONFIG=%s: written is %q, want %q", env, got, want)
		}
	}
	if files, err := Find("given"); err != nil || !slices.Equal(files, Files{"given"}) {
		t.Errorf("%q, %v", files, err)
	}
	t.Setenv("KUBECONFIG", sep)
	if files, err := Find(""); err == nil {
		t.Errorf("KUBECONFIG of nothing: %q", files)
	}
}

// Loading several files gives what client-go gives, with the file of each.
func TestLoadAsClientGo(t *testing.T) {
	dir := write(t, map[string]string{
		"a": "current-context: ''\ncontexts:\n- {name: one, context: {cluster: c, user: u, namespace: team}}\nusers:\n- " +
			"{name: u, user: {token: abc}}\nclusters: null\n",
		"b": "current-context: one\ncontexts:\n- {name: one, context: {cluster: other, user: other}}\n- {name: two, " +
			"context: {cluster: c, user: v, extensions: [{name: x, extension: {}}]}}\n" +
			"clusters:\n- {name: c, cluster: {server: 'https://c', certificate-authority: ca.pem}}\n- {name: d, cluster: " +
			"{server: 'https://d', certificate-authority-data: QQ==}}\n" +
			"users:\n- name: u\n  user: {username: x}\n- name: v\n  user:\n    exec: &e\n      apiVersion: " +
			"client.authentication.k8s.io/v1\n      command: sso-exec\n      args: [kube, \"1\"]\n      env: [{name: A, " +
			"value: b}]\n      interactiveMode: Never\n      provideClusterInfo: yes\n      installHint: |\n        get " +
			"it\n- name: w\n  user:\n    exec:\n      <<: *e\n      command: other\n",
		"c": "current-context: two\n",
		"e": "",
	})
	var files Files
	for _, f := range []string{"missing", "a", "e", "b", "c"} {
		files = append(files, filepath.Join(dir, f))
	}
	got, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	want, err := (&clientcmd.ClientConfigLoadingRules{Precedence: files}).Load()
	if err != nil {
		t.Fatal(err)
	}
	if got.CurrentContext != want.CurrentContext || len(got.Contexts) != len(want.Contexts) ||
		len(got.Users) != len(want.AuthInfos) || len(got.Clusters) != len(want.Clusters) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for name, w := range want.Contexts {
		if g, ok := got.Context(name); !ok || g.Cluster != w.Cluster || g.User != w.AuthInfo || g.Namespace != w.Namespace ||
			g.File != w.LocationOfOrigin || g.Extras != (len(w.Extensions) > 0) {
			t.Errorf("context %s: %+v, want %+v", name, g, w)
		}
	}
	for name, w := range want.AuthInfos {
		g, ok := got.User(name)
		if !ok || g.File != w.LocationOfOrigin || got.UserFile(name) != w.LocationOfOrigin ||
			(g.Exec == nil) != (w.Exec == nil) || g.Exec != nil && !g.Exec.equal(judgeExec(w.Exec)) {
			t.Errorf("user %s: %+v, want %+v", name, g, w)
		}
	}
	for name, w := range want.Clusters {
		if g, ok := got.Cluster(name); !ok || g.Server != w.Server || g.CAFile != w.CertificateAuthority ||
			(g.CAData != "") != (len(w.CertificateAuthorityData) > 0) || g.File != w.LocationOfOrigin {
			t.Errorf("cluster %s: %+v, want %+v", name, g, w)
		}
	}
	// What is in none goes into the first that is there.
	if got.UserFile("new") != files[1] || got.ContextFile("new") != files[1] || got.ContextFile("two") != files[3] ||
		got.files.Default() != files[1] {
		t.Errorf("%s, %s, %s, %s", got.UserFile("new"), got.ContextFile("new"), got.ContextFile("two"),
			got.files.Default())
	}
}

// Every shape loads as client-go reads it.
func TestLoadShapes(t *testing.T) {
	for name, text := range shapes(t) {
		path := filepath.Join(write(t, map[string]string{"config": string(text)}), "config")
		got, err := Load(Files{path})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := judge(t, text)
		var users, contexts, clusters []string
		for _, u := range got.Users {
			users = append(users, u.Name)
			if e := want.AuthInfos[u.Name].Exec; e != nil {
				u.Exec.InteractiveMode = cmp.Or(u.Exec.InteractiveMode, "IfAvailable") // client-go's default for v1beta1
				if !u.Exec.equal(judgeExec(e)) {
					t.Errorf("%s: %+v, want %+v", name, u.Exec, judgeExec(e))
				}
			}
		}
		for _, c := range got.Contexts {
			contexts = append(contexts, c.Name)
		}
		for _, c := range got.Clusters {
			clusters = append(clusters, c.Name)
		}
		slices.Sort(users)
		if !slices.Equal(users, slices.Sorted(maps.Keys(want.AuthInfos))) || len(contexts) != len(want.Contexts) ||
			len(clusters) != len(want.Clusters) || got.CurrentContext != want.CurrentContext {
			t.Errorf("%s: %q, %q, %q", name, users, contexts, clusters)
		}
	}
}

func TestLoadFails(t *testing.T) {
	dir := write(t, map[string]string{"broken": "users: {\n", "ok": ""})
	path := filepath.Join(dir, "broken")
	if _, err := Load(Files{filepath.Join(dir, "ok"), path}); err == nil || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), "line") {
		t.Errorf("a broken file: %v", err)
	}
	if _, err := Load(Files{dir}); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a directory: %v", err)
	}
	if c, err := Load(Files{os.DevNull}); err != nil || len(c.Users) != 0 {
		t.Errorf("the null device: %v, %v", c, err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, maxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Files{big}); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file above the limit: %v", err)
	}
}

// On Windows the home directory is client-go's.
func TestWindowsHome(t *testing.T) {
	with := write(t, nil)
	if err := os.MkdirAll(filepath.Join(with, ".kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(with, ".kube", "config"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bare, bare2, none := t.TempDir(), t.TempDir(), filepath.Join(with, "none")
	for _, c := range []struct{ home, profile, drive, want string }{
		{"", "", "", ""},
		{"", bare, bare2, bare},
		{bare, with, bare2, with},
		{bare, bare2, with, with},
		{none, bare, "", bare},
		{none, "", "", none},
	} {
		if got := windowsHome(c.home, c.profile, c.drive); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}
