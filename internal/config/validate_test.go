package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Everything that is wrong, in order, each once.
func TestValidate(t *testing.T) {
	user := write(t, `version: 1
default-profile: crop
hologram: true
profiles:
  corp:
    isuer: x
    flow: pcke
    http-timeout: soon
    aws:
      regoin: y
  child1: {extends: corp}
  child2: {extends: corp, issuer: }
  lost: {extends: crop}
  a: {extends: b}
  b: {extends: a}
  secret: {issuer: one, client-secret-file: s}
  other: {extends: secret, issuer: two}
  twice: {}
  twice: {}
  text: hello
  blank: {issuer: }
  below: {extends: blank}
---
version: 1
`)
	want := []string{
		`2: default-profile: no profile "crop" (did you mean "corp"?)`,
		`3: unknown key "hologram"`,
		`6: profile corp: unknown key "isuer" (did you mean "issuer"?)`,
		`7: profile corp: flow: invalid value "pcke" (did you mean "pkce"?)`,
		`8: profile corp: http-timeout: "soon" is not a duration, such as 90s, 5m or 1h30m`,
		`10: profile corp, aws: unknown key "regoin" (did you mean "region"?)`,
		`13: profile lost: it extends "crop", which does not exist (did you mean "corp"?)`,
		`14: profile a: extends goes in a circle: b → a → b`,
		`15: profile b: extends goes in a circle: a → b → a`,
		`17: profile other: the client-secret-file of ` + user + `:16 (profile secret) is for the issuer "one", not for "two": give another client-secret-file together with the issuer, or unset it (client-secret-file: null)`,
		`19: profiles: key "twice" is there twice`,
		`20: profile text must be a mapping of keys to values`,
		`21: profile blank: issuer has no value, but nothing is inherited that it could unset`,
		`23: a second document begins here; only one is allowed`,
	}
	for i := range want {
		want[i] = user + ":" + want[i]
	}
	var got []string
	for _, x := range (Paths{User: user}).Validate(testKeys) {
		got = append(got, x.Error())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestValidateFiles(t *testing.T) {
	system := systemFile(t, "version: 1\nprofiles: {p: {issuer: a, client-secret-file: s, isuer: b}}\n")
	none := filepath.Join(t.TempDir(), "none.yaml")
	broken := write(t, "version: 1\nprofiles: [\n")
	later := write(t, "version: 2\nprofiles: {p: {isuer: x}}\n")
	list := write(t, "version: 1\nprofiles: []\n")
	fine := write(t, good[:strings.Index(good, "  broken:")])
	for _, c := range []struct {
		name  string
		paths Paths
		want  []string
	}{
		{"none", Paths{User: none}, nil},
		{"no places", Paths{}, nil},
		{"a named one that is not there", Paths{Named: none}, []string{none}},
		{"a directory", Paths{User: filepath.Dir(none)}, []string{"is a directory"}},
		{"a fine one", Paths{User: fine}, nil},
		{"no YAML", Paths{User: broken}, []string{broken + ":"}},
		{"of a later version", Paths{User: later}, []string{later + `:1: version "2"`}},
		{"a list of profiles", Paths{Named: list}, []string{list + ":2: profiles must be"}},
	} {
		got := c.paths.Validate(testKeys)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i].Error(), c.want[i]) {
				t.Errorf("%s: %v, want %v", c.name, got[i], c.want[i])
			}
		}
	}
	if !exists(system) {
		return
	}
	// One file that is broken does not hide what is wrong in the other, nor between
	// them.
	if got := (Paths{System: system, User: broken}).Validate(testKeys); len(got) != 2 || got[0].Path != system ||
		got[1].Path != broken {
		t.Errorf("%v", got)
	}
	evil := write(t, "version: 1\nprofiles: {p: {issuer: evil}}\n")
	if got := (Paths{System: system, User: evil}).Validate(testKeys); len(got) != 2 || got[0].Path != system ||
		got[1].Path != evil || !strings.Contains(got[1].Text, "client-secret-file") {
		t.Errorf("%v", got)
	}
}

// A second key is found among many, too.
func TestTwiceAmongMany(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nprofiles:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  p%d: {}\n", i)
	}
	b.WriteString("  p7: {}\n")
	got := Paths{User: write(t, b.String())}.Validate(testKeys)
	if len(got) != 1 || got[0].Line != 203 || !strings.Contains(got[0].Text, "twice") {
		t.Errorf("%v", got)
	}
}

// Hostile files end, with errors. The deadline is far off: it ends a test that
// has failed.
func TestHostileFiles(t *testing.T) {
	var aliases, chain, wide, hashes strings.Builder
	aliases.WriteString("version: 1\nprofiles:\n  p: &p {")
	for i := range 4_000 {
		fmt.Fprintf(&aliases, "k%d: v, ", i)
	}
	aliases.WriteString("}\n")
	chain.WriteString("version: 1\nprofiles:\n")
	for i := range 4_000 {
		fmt.Fprintf(&aliases, "  a%d: *p\n", i)
		fmt.Fprintf(&chain, "  c%d: {extends: c%d}\n", i, i+1)
	}
	wide.WriteString("version: 1\nprofiles:\n  p:\n")
	for i := range 5_000 {
		fmt.Fprintf(&wide, "    key%d: x\n", i)
	}
	hashes.WriteString("version: 1\nprofiles:\n  p:\n    issuer: x" + strings.Repeat(" #", 50_000) + "\n")
	long := "version: 1\nprofiles:\n  p:\n    " + strings.Repeat("k", 900) + ": x\n    login-hint: " +
		strings.Repeat("x", 1<<17) + "\n"
	for name, text := range map[string]string{
		"aliases of a large one": aliases.String(),
		"a long chain":           chain.String(),
		"many keys":              wide.String(),
		"many hashes":            hashes.String(),
		"long words":             long,
		"a bomb":                 "version: 1\nprofiles:\n  a: &a {x: 1}\n  b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n  c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n  e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n  f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n  g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n  h: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
		"a snake":                "version: 1\nprofiles: &p\n  p: *p\n  q: {aws: &a {aws: *a}}\n",
		"depth":                  "version: 1\nprofiles: " + strings.Repeat("[", 5000) + "\n",
		"depth in a profile": "version: 1\nprofiles: {p: " + strings.Repeat("{a: ", 2000) + strings.Repeat("}", 2000) +
			"}\n",
		"a name of control chars": "version: 1\nprofiles: {\"\\e[2J\\n\": {x: y}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, text)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, x := range (Paths{User: path}).Validate(testKeys) {
					if strings.ContainsAny(x.Error(), "\x1b\n") {
						t.Errorf("%q", x)
					}
				}
				if c, err := (Paths{User: path}).Open(); err == nil {
					_, _ = c.Profile("p", testKeys)
				}
				b, _ := os.ReadFile(path)
				_, _ = SetKey(b, "p", "issuer", "x")
				_, _ = RemoveProfile(b, "p")
			}()
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("it does not end")
			}
		})
	}
}
