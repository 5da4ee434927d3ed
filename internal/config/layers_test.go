package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

var testKeys = []Key{
	{Name: "issuer", Type: String, Usage: "`URL` of the provider"},
	{Name: "client-id", Type: String},
	{Name: "client-secret-file", Type: Path},
	{Name: "login-hint", Type: String},
	{Name: "scopes", Type: List},
	{Name: "flow", Type: Enum, Enum: []string{"auto", "pkce", "device"}, Default: "auto"},
	{Name: "http-timeout", Type: Duration, Default: "15s"},
	{Name: "quiet", Type: Bool},
	{Name: "ca-file", Type: Path},
	{Name: "role-arn", Section: "aws", Type: String},
	{Name: "region", Section: "aws", Type: String},
	{Name: "policy-arn", Section: "aws", Type: List},
}

// layered is a config of two texts; an empty one is not a file.
func layered(t testing.TB, system, user string) *Config {
	t.Helper()
	c := &Config{paths: []string{"/etc/s.yaml", "/home/u.yaml"}}
	for i, text := range []string{system, user} {
		if text == "" {
			continue
		}
		f, findings := parse(c.paths[i], Layer(i), []byte("version: 1\n"+text))
		if len(findings) > 0 {
			t.Fatal(findings)
		}
		c.Files = append(c.Files, f)
	}
	return c
}

// show writes settings as key=values@where, in order.
func show(p *Profile) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(p.Settings)) {
		v := p.Settings[key]
		list = append(list, fmt.Sprintf("%s=%s@%s%d", key, strings.Join(v.Values, ","), v.Layer.String()[:1], v.Line))
	}
	return strings.Join(list, " ")
}

// What a profile is made of, with the layer and the line of each value.
func TestLayers(t *testing.T) {
	for _, c := range []struct{ name, system, user, want string }{
		{"the system's alone", "profiles:\n  p: {issuer: a}\n", "", "issuer=a@s3"},
		{"the user's alone", "", "profiles:\n  p: {issuer: a}\n", "issuer=a@u3"},
		{"key by key", "profiles:\n  p:\n    issuer: a\n    scopes: [x, y]\n    aws: {region: r, role-arn: q}\n",
			"profiles:\n  p:\n    scopes: z\n    aws:\n      region: s\n    login-hint: me\n",
			"aws.region=s@u6 aws.role-arn=q@s6 issuer=a@s4 login-hint=me@u7 scopes=z@u4"},
		{"an empty one above", "profiles:\n  p: {issuer: a}\n", "profiles:\n  p:\n", "issuer=a@s3"},
		{"extends", "", "profiles:\n  p: {extends: q, client-id: c}\n  q: {extends: r, issuer: b}\n  r: {issuer: a, login-hint: h}\n", "client-id=c@u3 issuer=b@u4 login-hint=h@u5"},
		{"extends into the file below", "profiles:\n  q: {issuer: a, client-id: c}\n",
			"profiles:\n  p: {extends: q, client-id: d}\n", "client-id=d@u3 issuer=a@s3"},
		{"extends into the file above", "profiles:\n  p: {extends: q, client-id: c}\n", "profiles:\n  q: {issuer: a}\n",
			"client-id=c@s3 issuer=a@u3"},
		{"a parent changed above", "profiles:\n  p: {extends: q}\n  q: {issuer: a, flow: pkce}\n",
			"profiles:\n  q: {flow: device}\n", "flow=device@u3 issuer=a@s4"},
		{"a child overrides what its parent overrides",
			"profiles:\n  p: {extends: q, flow: auto}\n  q: {issuer: a, flow: pkce}\n", "profiles:\n  q: {flow: device}\n",
			"flow=auto@s3 issuer=a@s4"},
		{"another parent above", "profiles:\n  p: {extends: q}\n  q: {issuer: a}\n",
			"profiles:\n  p: {extends: r}\n  r: {issuer: b}\n", "issuer=b@u4"},
		{"no parent above", "profiles:\n  p: {extends: q, client-id: c}\n  q: {issuer: a}\n",
			"profiles:\n  p: {extends: null}\n", "client-id=c@s3"},
		{"null unsets", "profiles:\n  p: {issuer: a, flow: pkce, aws: {region: r, role-arn: q}}\n",
			"profiles:\n  p:\n    flow: null\n    login-hint: ~\n    aws:\n      region:\n", "aws.role-arn=q@s3 issuer=a@s3"},
		{"null unsets a section", "profiles:\n  p: {issuer: a, aws: {region: r, role-arn: q}}\n",
			"profiles:\n  p:\n    aws: null\n", "issuer=a@s3"},
		{"an empty section unsets nothing", "profiles:\n  p: {aws: {region: r}}\n", "profiles:\n  p: {aws: {}}\n",
			"aws.region=r@s3"},
		{"an empty list", "profiles:\n  p: {scopes: [x]}\n", "profiles:\n  p: {scopes: []}\n", "scopes=@u3"},
		{"unset, and given again", "",
			"profiles:\n  p: {extends: q, flow: auto}\n  q: {extends: r, flow: null}\n  r: {flow: pkce}\n", "flow=auto@u3"},
		{"a wrong one that is not used", "profiles:\n  p: {issuer: a}\n  x: {hologram: 1, hologram: 2}\n",
			"profiles:\n  y: {extends: nowhere}\n  z: 1\n", "issuer=a@s3"},
		{"paths start at their file", "profiles:\n  p: {ca-file: ca.pem, issuer: a}\n", "profiles:\n  p: {client-secret-file: sub/s}\n", "ca-file=/etc/ca.pem@s3 client-secret-file=/home/sub/s@u3 issuer=a@s3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := layered(t, c.system, c.user).Profile("p", testKeys)
			if err != nil {
				t.Fatal(err)
			}
			if got := filepath.ToSlash(show(p)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// What is wrong in a profile in use, or in what goes into it, names the file and
// the line.
func TestLayersErrors(t *testing.T) {
	deep := "profiles:\n  p: {extends: p1}\n"
	for i := range maxDepth - 1 {
		deep += fmt.Sprintf("  p%d: {extends: p%d}\n", i+1, i+2)
	}
	deep += fmt.Sprintf("  p%d: {issuer: a}\n", maxDepth)
	if p, err := layered(t, "", deep).Profile("p1", testKeys); err != nil || len(p.Settings) != 1 {
		t.Errorf("%d profiles: %v, %v", maxDepth, p, err)
	}
	for _, c := range []struct{ name, system, user, want string }{
		{"below", "profiles:\n  p: {isuer: a}\n", "profiles:\n  p: {issuer: a}\n",
			`/etc/s.yaml:3: profile p: unknown key "isuer" (did you mean "issuer"?)`},
		{"in a parent", "profiles:\n  q: {flow: pcke}\n", "profiles:\n  p: {extends: q, flow: pkce}\n",
			`/etc/s.yaml:3: profile q: flow: invalid value "pcke" (did you mean "pkce"?)`},
		{"an enum", "", "profiles:\n  p: {flow: carrier-pigeon}\n",
			`/home/u.yaml:3: profile p: flow: invalid value "carrier-pigeon": use auto, pkce or device`},
		{"a duration", "", "profiles:\n  p: {http-timeout: 15}\n", `:3: profile p: http-timeout: "15" is not a duration`},
		{"a bool", "", "profiles:\n  p: {quiet: yes}\n", `:3: profile p: quiet: "yes" is neither true nor false`},
		{"a list for one", "", "profiles:\n  p: {issuer: [a, b]}\n", `:3: profile p: issuer takes one value, not a list`},
		{"a binary", "", "profiles:\n  p: {issuer: !!binary aGk=}\n", `:3: profile p: issuer must be a value`},
		{"a tag", "", "profiles:\n  p: {issuer: !own x}\n", `:3: profile p: issuer must be a value`},
		{"a key outside its section", "", "profiles:\n  p: {region: x}\n",
			`unknown key "region" (it belongs in the section "aws")`},
		{"a key in a section that is not its", "", "profiles:\n  p: {aws: {issuer: x}}\n",
			`profile p, aws: unknown key "issuer" (it belongs outside of the section "aws")`},
		{"a slip in a section", "", "profiles:\n  p: {aws: {rolearn: x}}\n",
			`unknown key "rolearn" (did you mean "role-arn"?)`},
		{"a slip in a section's name", "", "profiles:\n  p: {awz: {region: x}}\n", `unknown key "awz" (did you mean "aws"?)`},
		{"a slip in extends", "", "profiles:\n  p: {extend: x}\n", `unknown key "extend" (did you mean "extends"?)`},
		{"a key with a dot", "", "profiles:\n  p: {aws.region: x}\n", `unknown key "aws.region"`},
		{"a merge key", "", "profiles:\n  p: {<<: {issuer: x}}\n", `use extends`},
		{"twice in a section", "", "profiles:\n  p:\n    aws:\n      region: a\n      region: b\n",
			`/home/u.yaml:6: profile p, aws: key "region" is there twice`},
		{"a profile twice", "profiles:\n  p: {}\n  q: {}\n  p: {}\n", "", `/etc/s.yaml:5: profiles: key "p" is there twice`},
		{"a key that is not a word", "", "profiles:\n  p: {[a]: b}\n", `a key must be a word`},
		{"null below nothing", "", "profiles:\n  p: {issuer: null}\n",
			`:3: profile p: issuer has no value, but nothing is inherited`},
		{"a null section below nothing", "", "profiles:\n  p: {aws: }\n", `:3: profile p: aws has no value`},
		{"null extends below nothing", "", "profiles:\n  p: {extends: }\n", `:3: profile p: extends has no value`},
		{"two parents", "", "profiles:\n  p: {extends: [a, b]}\n", `extends takes the name of one profile`},
		{"an empty parent", "", "profiles:\n  p: {extends: ''}\n", `extends takes the name of one profile`},
		{"no such parent", "profiles:\n  base: {}\n", "profiles:\n  p: {extends: bsae}\n",
			`/home/u.yaml:3: profile p: it extends "bsae", which does not exist (did you mean "base"?)`},
		{"itself", "profiles:\n  p: {issuer: a}\n", "profiles:\n  p: {extends: p}\n",
			`/home/u.yaml:3: profile p: it extends itself (a profile is merged`},
		{"a circle", "profiles:\n  q: {extends: r}\n  r: {extends: q}\n", "profiles:\n  p: {extends: q}\n",
			`/etc/s.yaml:4: profile r: extends goes in a circle: q → r → q`},
		{"a circle over files", "profiles:\n  p: {extends: q}\n", "profiles:\n  q: {extends: p}\n",
			`/home/u.yaml:3: profile q: extends goes in a circle: p → q → p`},
		{"too deep", "", deep, `extends goes through more than 16 profiles`},
		{"no such profile", "profiles:\n  pp: {}\n", "profiles:\n  q: {}\n",
			`no profile "p" in /etc/s.yaml or /home/u.yaml (did you mean "pp"?)`},
		{"no such default", "profiles:\n  pp: {}\n", "default-profile: p\n",
			`/home/u.yaml:2: default-profile: no profile "p"`},
		{"no files", "", "", `profile "p": no config file at /etc/s.yaml or /home/u.yaml`},
		{"a name with an escape", "profiles:\n  p: {extends: \"\\e[2J\"}\n  \"\\e[2J\": {x: y}\n", "",
			`:4: profile "\x1b[2J": unknown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := layered(t, c.system, c.user).Profile("p", testKeys)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

// A secret goes to the issuer that stood next to it where it was written down, and
// to no other: not if a profile or a file further up gives another.
func TestSecretsStayWithTheirIssuer(t *testing.T) {
	for _, c := range []struct {
		name, system, user string
		ok                 bool
	}{
		{"next to it", "profiles:\n  p: {issuer: a, client-secret-file: s}\n", "", true},
		{"another issuer above", "profiles:\n  p: {issuer: a, client-secret-file: s}\n", "profiles:\n  p: {issuer: b}\n",
			false},
		{"the same issuer above", "profiles:\n  p: {issuer: a, client-secret-file: s}\n", "profiles:\n  p: {issuer: a}\n",
			true},
		{"one that looks alike", "profiles:\n  p: {issuer: a, client-secret-file: s}\n", "profiles:\n  p: {issuer: a/}\n",
			false},
		{"another issuer with its secret", "profiles:\n  p: {issuer: a, client-secret-file: s}\n",
			"profiles:\n  p: {issuer: b, client-secret-file: t}\n", true},
		{"another issuer without a secret", "profiles:\n  p: {issuer: a, client-secret-file: s}\n",
			"profiles:\n  p: {issuer: b, client-secret-file: null}\n", true},
		{"no issuer above", "profiles:\n  p: {issuer: a, client-secret-file: s}\n", "profiles:\n  p: {issuer: null}\n",
			false},
		{"a child with another issuer", "",
			"profiles:\n  p: {extends: q, issuer: b}\n  q: {issuer: a, client-secret-file: s}\n", false},
		{"a child with its secret", "", "profiles:\n  p: {extends: q, client-secret-file: s}\n  q: {issuer: a}\n", true},
		{"a secret for no issuer", "", "profiles:\n  p: {extends: q, issuer: b}\n  q: {client-secret-file: s}\n", false},
		{"neither has an issuer", "", "profiles:\n  p: {extends: q}\n  q: {client-secret-file: s}\n", true},
		{"the user's own secret for the system's issuer", "profiles:\n  p: {issuer: a}\n",
			"profiles:\n  p: {client-secret-file: s}\n", true},
		{"the issuer of its parent changed above",
			"profiles:\n  p: {extends: q, client-secret-file: s}\n  q: {issuer: a}\n", "profiles:\n  q: {issuer: b}\n", false},
		{"another parent above", "profiles:\n  p: {extends: q, client-secret-file: s}\n  q: {issuer: a}\n",
			"profiles:\n  p: {extends: r}\n  r: {issuer: b}\n", false},
		{"no parent above", "profiles:\n  p: {extends: q, client-secret-file: s}\n  q: {issuer: a}\n",
			"profiles:\n  p: {extends: null, issuer: b}\n", false},
		{"a parent that only the file above has", "profiles:\n  p: {extends: q, client-secret-file: s}\n",
			"profiles:\n  q: {issuer: b}\n", false},
		{"two steps", "profiles:\n  r: {issuer: a, client-secret-file: s}\n",
			"profiles:\n  p: {extends: q}\n  q: {extends: r, issuer: b}\n", false},
		{"there and back", "profiles:\n  r: {issuer: a, client-secret-file: s}\n",
			"profiles:\n  p: {extends: q, issuer: a}\n  q: {extends: r, issuer: b}\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := layered(t, c.system, c.user)
			p, err := config.Profile("p", testKeys)
			if (err == nil) != c.ok || err != nil &&
				(!strings.Contains(err.Error(), "client-secret-file") || !strings.Contains(err.Error(), "yaml:")) {
				t.Errorf("%v, %v, want ok %v", p, err, c.ok)
			}
			// Other keys can be as confidential.
			keys := slices.Clone(testKeys)
			i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == "client-secret-file" })
			keys[i].Name, keys[i].Secret = "key-file", true
			system, user := strings.ReplaceAll(c.system, "client-secret-file", "key-file"),
				strings.ReplaceAll(c.user, "client-secret-file", "key-file")
			if p, err := layered(t, system, user).Profile("p", keys); (err == nil) != c.ok {
				t.Errorf("another key: %v, %v, want ok %v", p, err, c.ok)
			}
		})
	}
}

func TestDefaultProfile(t *testing.T) {
	for _, c := range []struct{ name, system, user, want, at string }{
		{"none", "profiles: {}\n", "profiles:\n", "", ""},
		{"the system's", "default-profile: s\n", "profiles: {}\n", "s", "/etc/s.yaml:2"},
		{"the user's wins", "default-profile: s\n", "\ndefault-profile: u\n", "u", "/home/u.yaml:3"},
		{"the user wants none", "default-profile: s\n", "default-profile: ~\n", "", "/home/u.yaml:2"},
		{"no files", "", "", "", ""},
	} {
		name, at := layered(t, c.system, c.user).Default()
		if name != c.want || c.at != "" && at.String() != c.at {
			t.Errorf("%s: %q at %s, want %q at %s", c.name, name, at, c.want, c.at)
		}
	}
	c := layered(t, "profiles: {b: , a: }\n", "profiles: {c: , b: }\n")
	if got := strings.Join(c.Names(), " "); got != "b a c" {
		t.Errorf("names: %s", got)
	}
}

// systemFile makes a file that can stand for the system's: root's, which only
// root can make.
func systemFile(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Log("not root, so there is no file of the system's")
		return filepath.Join(t.TempDir(), "none.yaml")
	}
	return write(t, text)
}

// A named file replaces the user's, not the system's.
func TestOpen(t *testing.T) {
	system := systemFile(t, "version: 1\nprofiles: {p: {issuer: a}}\n")
	user := write(t, "version: 1\nprofiles: {p: {client-id: user}, u: }\n")
	named := write(t, "version: 1\nprofiles: {p: {client-id: named}}\n")
	none := filepath.Join(t.TempDir(), "none.yaml")
	for _, c := range []struct {
		name  string
		paths Paths
		want  string
	}{
		{"all", Paths{system, user, ""}, "user"},
		{"a named one", Paths{system, user, named}, "named"},
		{"no user's", Paths{system, none, named}, "named"},
		{"none of the system's", Paths{none, user, ""}, "user"},
		{"no places", Paths{"", user, ""}, "user"},
	} {
		config, err := c.paths.Open()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p, err := config.Profile("p", testKeys)
		if err != nil || p.Settings["client-id"].Values[0] != c.want {
			t.Errorf("%s: %v, %v", c.name, p, err)
			continue
		}
		if _, below := p.Settings["issuer"]; below != (c.paths.System == system && system != none && exists(system)) {
			t.Errorf("%s: the system's below: %v", c.name, below)
		}
		if _, err := config.Profile("u", testKeys); (err == nil) != (c.want == "user") {
			t.Errorf("%s: a profile of the user's: %v", c.name, err)
		}
	}
	for _, paths := range []Paths{{none, none, ""}, {}} {
		config, err := paths.Open()
		if err != nil || len(config.Files) > 0 {
			t.Errorf("no files: %v, %v", config, err)
		}
		if _, err := config.Profile("p", testKeys); err == nil || !strings.Contains(err.Error(), "no config file") {
			t.Errorf("no files: %v", err)
		}
	}
	if _, err := (Paths{none, user, none}).Open(); !IsAbsent(err) {
		t.Errorf("a named one that is not there: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A relative path that is named is one of the working directory; what is in the
// file starts at the file.
func TestOpenRelative(t *testing.T) {
	path := write(t, "version: 1\nprofiles: {p: {ca-file: ca.pem}}\n")
	t.Chdir(filepath.Dir(path))
	c, err := Paths{Named: "config.yaml"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile("p", testKeys)
	dir, _ := filepath.Abs(".")
	if err != nil || p.Settings["ca-file"].Values[0] != filepath.Join(dir, "ca.pem") {
		t.Errorf("%v, %v", p, err)
	}
}

// What is not root's cannot speak for the machine, and what others can write to
// for nobody.
func TestOpenUnsafe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("file modes say nothing on Windows")
		return
	}
	var unsafe *userfile.UnsafeError
	path := write(t, "version: 1\n")
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 54321, -1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (Paths{System: path}).Open(); !errors.As(err, &unsafe) {
		t.Errorf("a system's file that is not root's: %v", err)
	}
	path = write(t, "version: 1\n")
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, paths := range []Paths{{User: path}, {Named: path}} {
		if _, err := paths.Open(); !errors.As(err, &unsafe) {
			t.Errorf("a file that others can replace: %v", err)
		}
		if found := paths.Validate(testKeys); len(found) != 1 || !errors.As(found[0], &unsafe) {
			t.Errorf("validated: %v", found)
		}
	}
}

func TestDefaultPaths(t *testing.T) {
	p := DefaultPaths("x")
	if p.User != DefaultPath() || p.System != SystemPath() || p.Named != "x" {
		t.Errorf("%+v", p)
	}
	if runtime.GOOS == "windows" {
		t.Setenv("ProgramData", t.TempDir()) // a variable is the caller's to set
		if got := SystemPath(); got != p.System || !strings.HasSuffix(got, `\ProgramData\sso-exec\config.yaml`) {
			t.Error(got)
		}
	} else if p.System != "/etc/sso-exec/config.yaml" {
		t.Error(p.System)
	}
}
