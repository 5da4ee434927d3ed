package docker

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestHelpers(t *testing.T) {
	ours := `"credHelpers": {`
	for name, c := range map[string]struct{ text, want string }{
		"none": {"", "{\n\t\"credHelpers\": {\n\t\t\"a.example\": \"sso-exec\",\n" +
			"\t\t\"b.example\": \"sso-exec\"\n\t}\n}\n"},
		"empty": {" {}\n", "{\n\t\"credHelpers\": {\n\t\t\"a.example\": \"sso-exec\",\n\t\t\"b.example\": \"sso-exec\"\n\t}\n}\n"},
		"docker's own": {"{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"eDp5\"\n\t\t}\n\t}\n}",
			"{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"eDp5\"\n\t\t}\n\t},\n\t" + ours +
				"\n\t\t\"a.example\": \"sso-exec\",\n\t\t\"b.example\": \"sso-exec\"\n\t}\n}"},
		"others": {"{\n  " + ours + "\n    \"gcr.io\": \"gcloud\"\n  },\n  \"psFormat\": \"a\\tb\"\n}\n",
			"{\n  " + ours + "\n    \"gcr.io\": \"gcloud\",\n    \"a.example\": \"sso-exec\",\n    " +
				"\"b.example\": \"sso-exec\"\n  },\n  \"psFormat\": \"a\\tb\"\n}\n"},
		"one line": {`{"credsStore":"desktop"}`,
			`{"credsStore":"desktop","credHelpers":{"a.example":"sso-exec","b.example":"sso-exec"}}`},
		"an empty section": {`{"credHelpers": {}, "x": 1}`,
			`{"credHelpers": {"a.example": "sso-exec", "b.example": "sso-exec"}, "x": 1}`},
		"null": {`{"credHelpers": null}`, `{"credHelpers": {"a.example": "sso-exec", "b.example": "sso-exec"}}`},
		"line ends of Windows": {"{\r\n\t\"x\": []\r\n}\r\n", "{\r\n\t\"x\": [],\r\n\t" + ours +
			"\r\n\t\t\"a.example\": \"sso-exec\",\r\n\t\t\"b.example\": \"sso-exec\"\r\n\t}\r\n}\r\n"},
	} {
		names := []string{"a.example", "b.example"}
		got, err := putHelpers([]byte(c.text), names)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%q, want\n%q", name, err, got, c.want)
			continue
		}
		if again, err := putHelpers(got, names); err != nil || string(again) != c.want {
			t.Errorf("%s, again: %v\n%s", name, err, again)
		}
		one, err := removeHelpers(got, names[:1])
		if err != nil || strings.Contains(string(one), "a.example") || !strings.Contains(string(one), "b.example") {
			t.Errorf("%s, one of them removed: %v\n%s", name, err, one)
		}
		gone, err := removeHelpers(got, nil)
		if err != nil || strings.Contains(string(gone), helper) {
			t.Errorf("%s, removed: %v\n%s", name, err, gone)
		}
		if strings.TrimSpace(c.text) != "" && !strings.Contains(c.text, `{}`) && !strings.Contains(c.text, "null") &&
			string(gone) != c.text {
			t.Errorf("%s, removed:\n%q, want\n%q", name, gone, c.text)
		}
	}
	if b, err := putHelpers(nil, []string{"index.docker.io"}); err != nil ||
		!strings.Contains(string(b), `"https://index.docker.io/v1/": "sso-exec"`) {
		t.Errorf("Docker Hub: %s, %v", b, err)
	}
	for text, says := range map[string]string{
		"[]": "JSON object", "null": "JSON object", "x": "JSON object", "{": "JSON object", "{} {}": "JSON object",
		"// c\n{}": "JSON object", `{"credHelpers": []}`: "not an object", `{"credHelpers": "x"}`: "not an object",
		`{"credHelpers": {"a.example": "ecr-login"}}`: "another helper for a.example: ecr-login",
		`{"credhelpers": {}}`:                         "rename the key",
		`{"credHelpers": {}, "credHelpers": {}}`:      "a second time",
		`{"credHelpers": {"x": "a", "x": "b"}}`:       "a second time",
	} {
		if got, err := putHelpers([]byte(text), []string{"a.example"}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// A file of anybody's means afterwards what it meant, and has our helper.
func FuzzHelpers(f *testing.F) {
	f.Add([]byte("{\n\t\"auths\": {},\n\t\"credHelpers\": {\"gcr.io\": \"gcloud\"}\n}"), "a.example")
	f.Add([]byte(`{"credHelpers":{},"a":[1,{"b":null}]}`), "a:1")
	f.Fuzz(func(t *testing.T, text []byte, host string) {
		if host == "" || !json.Valid([]byte(quote(host))) || strings.ContainsRune(host, '\ufffd') {
			return
		}
		got, err := putHelpers(text, []string{host})
		if err != nil {
			return
		}
		var before, after map[string]any
		_ = json.Unmarshal(text, &before)
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
		if all, _ := after[section].(map[string]any); all[keyOf(host)] != helper {
			t.Fatalf("%q: %q", text, got)
		}
		delete(before, section)
		delete(after, section)
		if len(before)+len(after) > 0 && !reflect.DeepEqual(before, after) {
			t.Fatalf("%q: %q", text, got)
		}
	})
}
