package config

import (
	"slices"
	"strings"
	"testing"
)

var seeds = []string{
	good,
	"version: 1\nprofiles: &p {corp: *p}\n",
	"version: 1\nprofiles: {corp: {scopes: &s [*s], aws: &a {aws: *a}}}\n",
	"? [a]\n: b\nversion: 1\n",
	"version: 1\nprofiles: {corp: {issuer: !!binary aGk=}}\n---\nversion: 2\n",
	"version: 1\r\nprofiles:\r\n  corp: # c\r\n    issuer: a # b\r\n    aws:\r\n      region: r\r\n  other: {extends: " +
		"corp}\r\n",
	"version: 1\nprofiles:\n  corp:\n    extends: base\n    issuer:\n    scopes:\n    - a\n    - b # c\n  base: " +
		"{issuer: |\n    x\n    # y\n}\n",
	"\ufeffversion: 1\nprofiles:\n  corp: ~\n...\n",
}

// A config is somebody's text: it may be wrong, not fatal.
func FuzzProfile(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, system, user string) {
		c := &Config{}
		for i, text := range []string{system, user} {
			if file, _ := parse([]string{"/s/s.yaml", "/u/u.yaml"}[i], Layer(i), []byte(text)); file != nil {
				c.Files = append(c.Files, file)
			}
		}
		p, err := c.Profile("corp", testKeys)
		for _, file := range c.Files {
			file.makeIndex()
		}
		if _, again := c.Profile("corp", testKeys); (err == nil) != (again == nil) {
			t.Errorf("%v, with an index %v", err, again)
		}
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		for key, v := range p.Settings {
			if v.Line < 1 || v.Path == "" || !slices.ContainsFunc(testKeys, func(k Key) bool { return k.full() == key }) {
				t.Errorf("%s: %+v", key, v)
			}
		}
		sameAgain(t, p)
	})
}

// An edit does what it says and leaves the lines alone that are not its own, or
// is refused.
func FuzzEdit(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, "corp", "issuer", "https://x")
		f.Add(s, "new", "aws.region", "a: b # c")
	}
	f.Fuzz(func(t *testing.T, text, profile, key, value string) {
		after, err := SetKey([]byte(text), profile, key, value)
		if err != nil {
			return
		}
		again, err := SetKey(after, profile, key, value)
		if err != nil || string(again) != string(after) {
			t.Fatalf("once more: %v\n%q\n%q", err, after, again)
		}
		d, err := newDocument(after)
		if err != nil {
			t.Fatal(err)
		}
		if got := at(d.Tree, append([]string{"profiles", profile}, strings.SplitN(key, ".", 2)...)...); got == nil ||
			got.Text != value {
			t.Fatalf("%q: %+v", after, got)
		}
		// Every comment is still there.
		for line := range strings.Lines(text) {
			if s := strings.TrimSpace(line); strings.HasPrefix(s, "#") && !strings.Contains(string(after), s) {
				t.Errorf("lost %q of %q: %q", s, text, after)
			}
		}
		gone, err := RemoveKey(after, profile, key)
		if err == nil {
			_, err = RemoveKey(gone, profile, key)
		}
		if err != nil && !strings.Contains(err.Error(), ErrByHand.Error()) {
			t.Errorf("%v\n%q", err, after)
		}
	})
}
