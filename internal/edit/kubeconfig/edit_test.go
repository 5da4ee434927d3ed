package kubeconfig

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

var update = flag.Bool("update", false, "write the golden files again")

// corp is what the tests write: each of its words needs another quoting.
var corp = Exec{
	APIVersion: "client.authentication.k8s.io/v1",
	Command:    "sso-exec",
	Args: []string{"kube", "--issuer=https://login.example.com", "--scope=email,groups", "--session=a b", "-v", "yes",
		"1e3", "", "x: #y",
		"--auth-param=q='\"\\", "ü\u2028\u0085", "--client-id=12:30"},
	Env:             []EnvVar{{"SSO_EXEC_FLOW", "device"}, {"EMPTY", ""}, {"NUMBER", "1"}},
	InteractiveMode: "IfAvailable",
	InstallHint:     "sso-exec is needed to sign in:\n\n  go install it  # really\nthen try again\n",
}

// shapes returns kubeconfigs of many shapes by their names, each also with other
// line ends, without a line break at its end, and with a byte order mark.
func shapes(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/shapes/*")
	if err != nil || len(files) < 20 {
		t.Fatalf("shapes: %v, %v", files, err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		all[name] = b
		if len(b) == 0 {
			continue
		}
		all[name+" CRLF"] = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		all[name+" BOM"] = append([]byte("\ufeff"), b...)
		all[name+" unended"] = bytes.TrimSuffix(b, []byte("\n"))
		all[name+" CRLF unended"] = bytes.ReplaceAll(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"), []byte("\r\n"))
	}
	return all
}

// judge reads a text as kubectl does.
func judge(t testing.TB, text []byte) *api.Config {
	t.Helper()
	c, err := clientcmd.Load(text)
	if err != nil {
		t.Fatalf("client-go refuses it: %v\n%s", err, text)
	}
	return c
}

func judgeExec(e *api.ExecConfig) Exec {
	if e == nil {
		return Exec{}
	}
	out := Exec{e.APIVersion, e.Command, e.Args, nil, string(e.InteractiveMode), e.InstallHint, e.ProvideClusterInfo}
	for _, v := range e.Env {
		out.Env = append(out.Env, EnvVar{v.Name, v.Value})
	}
	return out
}

// onlyUser fails if more than a user changed between two texts.
func onlyUser(t testing.TB, before, after []byte, name string, want Exec) {
	t.Helper()
	was, is := judge(t, before), judge(t, after)
	if got := is.AuthInfos[name]; got == nil || !judgeExec(got.Exec).equal(want) {
		t.Fatalf("client-go reads %+v, want %+v\n%s", got, want, after)
	} else if got.Token != "" || got.Username != "" || got.TokenFile != "" || got.AuthProvider != nil ||
		len(got.ClientCertificateData) > 0 {
		t.Fatalf("credentials are left: %v", got)
	} else if old := was.AuthInfos[name]; old != nil &&
		(got.Impersonate != old.Impersonate || got.ImpersonateUID != old.ImpersonateUID ||
			!slices.Equal(got.ImpersonateGroups, old.ImpersonateGroups) ||
			!reflect.DeepEqual(got.ImpersonateUserExtra, old.ImpersonateUserExtra) ||
			!reflect.DeepEqual(got.Extensions, old.Extensions)) {
		t.Fatalf("more than the credentials changed: %v, %v", old, got)
	}
	delete(was.AuthInfos, name)
	delete(is.AuthInfos, name)
	if !reflect.DeepEqual(was, is) {
		t.Fatalf("more than user %q changed\n--- before\n%s--- after\n%s", name, before, after)
	}
}

// removed returns what a change took away: the rest of the old text is in the
// new one, in two pieces.
func removed(before, after []byte) string {
	i := 0
	for i < len(before) && i < len(after) && before[i] == after[i] {
		i++
	}
	j := 0
	for j < len(before)-i && j < len(after)-i && before[len(before)-1-j] == after[len(after)-1-j] {
		j++
	}
	return string(before[i : len(before)-j])
}

// A user is added to every shape: nothing else changes, in bytes and for
// client-go; a second time nothing at all; and removing it brings back the text.
func TestAddUser(t *testing.T) {
	all := shapes(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			before := all[name]
			after, err := SetUser(before, "corp", corp, false)
			if err != nil {
				t.Fatal(err)
			}
			onlyUser(t, before, after, "corp", corp)
			golden(t, name, after)
			lost, comment, _ := strings.Cut(removed(before, after), "#")
			if strings.Trim(lost, " \r\n[]~nul") != "" || !bytes.Contains(after, []byte(strings.TrimSuffix(comment, "\n  []"))) {
				t.Errorf("this was removed: %q", removed(before, after))
			}
			if bytes.Contains(before, []byte("\r")) && bytes.Count(after, []byte("\n")) != bytes.Count(after, []byte("\r\n")) &&
				!strings.HasPrefix(name, "minified") {
				t.Errorf("mixed line ends: %q", after)
			}
			again, err := SetUser(after, "corp", corp, false)
			if err != nil || !bytes.Equal(again, after) {
				t.Errorf("the second time: %v\n%s", err, again)
			}
			back, err := RemoveUser(after, "corp", corp.equal)
			if err != nil {
				t.Fatal(err)
			}
			had := len(judge(t, before).AuthInfos) > 0 || strings.HasPrefix(name, "emptylist")
			if had && !bytes.Equal(back, before) {
				t.Errorf("removed:\n%q\nwant\n%q", back, before)
			}
			if was, is := judge(t, before), judge(t, back); !reflect.DeepEqual(was, is) {
				t.Errorf("removed:\n%s", back)
			}
		})
	}
}

// golden compares the plain shapes with what was looked at.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if strings.Contains(name, " ") {
		return
	}
	path := filepath.Join("testdata", "golden", t.Name()[:strings.Index(t.Name(), "/")], name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The first user of every shape is replaced, and only it.
func TestReplaceUser(t *testing.T) {
	all := shapes(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		before := all[name]
		users := slices.Sorted(maps.Keys(judge(t, before).AuthInfos))
		for _, user := range users {
			t.Run(name+"/"+user, func(t *testing.T) {
				if _, err := SetUser(before, user, corp, false); err == nil {
					t.Error("replaced without being asked")
				}
				after, err := SetUser(before, user, corp, true)
				if err != nil {
					t.Fatal(err)
				}
				onlyUser(t, before, after, user, corp)
				if user == users[0] {
					golden(t, name, after)
				}
				if again, err := SetUser(after, user, corp, false); err != nil || !bytes.Equal(again, after) {
					t.Errorf("the second time: %v\n%s", err, again)
				}
				// Another stanza of our own needs no replace, and may be shorter.
				small := Exec{APIVersion: corp.APIVersion, Command: "/usr/local/bin/sso-exec", InteractiveMode: "Never"}
				less, err := SetUser(after, user, small, false)
				if err != nil {
					t.Fatal(err)
				}
				onlyUser(t, before, less, user, small)
				if more, err := SetUser(less, user, corp, false); err != nil || !bytes.Equal(more, after) {
					t.Errorf("to and fro: %v\n%s\nwant\n%s", err, more, after)
				}
			})
		}
	}
}
