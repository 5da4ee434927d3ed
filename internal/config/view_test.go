package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestView(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	c := layered(t, "profiles:\n  base:\n    issuer: https://login.example\n    ca-file: "+ca+"\n    scopes: [email, 'a, b']\n    aws: {role-arn: 'arn:x', policy-arn: [p]}\n",
		"profiles:\n  corp:\n    extends: base\n    client-id: 0123\n    quiet: true\n    login-hint: \"me: you # \\n\\e\"\n    aws: {region: eu}\n")
	p, err := c.Profile("corp", testKeys)
	if err != nil {
		t.Fatal(err)
	}
	want := `version: 1
profiles:
  corp:
    issuer: https://login.example # /etc/s.yaml:4 (profile base)
    client-id: "0123" # /home/u.yaml:5
    login-hint: "me: you # \n\e" # /home/u.yaml:7
    scopes: [email, 'a, b'] # /etc/s.yaml:6 (profile base)
    quiet: true # /home/u.yaml:6
    ca-file: ` + ca + ` # /etc/s.yaml:5 (profile base)
    aws:
      role-arn: arn:x # /etc/s.yaml:7 (profile base)
      region: eu # /home/u.yaml:8
      policy-arn: p # /etc/s.yaml:7 (profile base)
`
	if got := string(p.YAML(testKeys, behind)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	var order []string
	for _, s := range p.View(testKeys) {
		order = append(order, s.Key)
	}
	if got := strings.Join(order,
		" "); got != "issuer client-id login-hint scopes quiet ca-file aws.role-arn aws.region aws.policy-arn" {
		t.Error(got)
	}
	sameAgain(t, p)

	empty, err := layered(t, "", "profiles:\n  '#': {}\n").Profile("#", testKeys)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(empty.YAML(testKeys, behind)); got != "version: 1\nprofiles:\n  '#': {}\n" {
		t.Error(got)
	}
}

func behind(line, from string) string { return line + " # " + from }

// sameAgain reads what was rendered.
func sameAgain(t *testing.T, p *Profile) {
	t.Helper()
	for _, origin := range []func(_, _ string) string{nil, behind} {
		text := p.YAML(testKeys, origin)
		f, findings := parse("/x/y.yaml", User, text)
		if len(findings) > 0 {
			t.Fatalf("%v\n%s", findings, text)
		}
		again, err := (&Config{Files: []*File{f}}).Profile(p.Name, testKeys)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, want := map[string][]string{}, map[string][]string{}
		for k, v := range again.Settings {
			got[k] = v.Values
		}
		for k, v := range p.Settings {
			want[k] = v.Values
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q\nwant %q\n%s", got, want, text)
		}
	}
}
