package config

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// docsExample is the file that docs/config.md shows.
func docsExample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "```yaml\nversion: 1\n")
	example, _, ok := strings.Cut(after, "```")
	if !ok {
		t.Fatal("docs/config.md shows no config file")
	}
	return "version: 1\n" + example
}

// The schema and Validate agree, as far as a schema can know.
func TestSchema(t *testing.T) {
	b := Schema(testKeys)
	if !bytes.Equal(b, Schema(testKeys)) {
		t.Error("it is another one each time")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.schema.json") // checks it against the draft's own schema
	if err != nil {
		t.Fatal(err)
	}
	if d := doc.(map[string]any); d["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("the draft is %v", d["$schema"])
	}
	profile := func(s string) string { return "version: 1\nprofiles:\n  p:\n    extends: q\n    " + s + "\n  q: {}\n" }
	for text, ok := range map[string]bool{
		docsExample(t):                                      true,
		"version: 1\n":                                      true,
		"version: '1'\n":                                    true,
		"version: 2\n":                                      false,
		"profiles: {}\n":                                    false,
		"version: 1\nx: y\n":                                false,
		"version: 1\nprofiles:\n":                           true,
		"version: 1\nprofiles: {p: , q: {}}\n":              true,
		"version: 1\nprofiles: []\n":                        false,
		"version: 1\nprofiles: {p: x}\n":                    false,
		"version: 1\ndefault-profile: ~\n":                  true,
		"version: 1\ndefault-profile: [a]\nprofiles: {a: }": false,
		profile("isuer: x"):                                 false,
		profile("region: x"):                                false,
		profile("aws: {region: x}"):                         true,
		profile("aws: {regoin: x}"):                         false,
		profile("aws: {issuer: x}"):                         false,
		profile("aws: x"):                                   false,
		profile("aws: "):                                    true,
		profile("issuer: "):                                 true,
		profile("issuer: [a]"):                              false,
		profile("issuer: {a: b}"):                           false,
		profile("client-id: 0123"):                          true,
		profile("scopes: x"):                                true,
		profile("scopes: [x, 1]"):                           true,
		profile("scopes: []"):                               true,
		profile("scopes: [[x]]"):                            false,
		profile("scopes: [~]"):                              false,
		profile("flow: device"):                             true,
		profile("flow: pcke"):                               false,
		profile("flow: "):                                   true,
		profile("http-timeout: 1h30m"):                      true,
		profile("http-timeout: 1.5s"):                       true,
		profile("http-timeout: .5s"):                        true,
		profile("http-timeout: 15"):                         false,
		profile("http-timeout: soon"):                       false,
		profile("http-timeout: 1s x"):                       false,
		profile("quiet: true"):                              true,
		profile("quiet: yes please"):                        false,
		profile("extend: x"):                                false,
		strings.Replace(profile(""), ": q\n", ": [q]\n", 1): false,
		strings.Replace(profile(""), ": q\n", ": ''\n", 1):  false,
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		// As an editor has it, which reads YAML as JSON.
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != ok {
			t.Errorf("schema: %v, want ok %v\n%s", err, ok, text)
		}
		if found := (Paths{User: write(t, text)}).Validate(testKeys); (len(found) == 0) != ok {
			t.Errorf("Validate: %v, want ok %v\n%s", found, ok, text)
		}
	}
}

// What an editor shows of a key.
func TestSchemaTells(t *testing.T) {
	s := string(Schema(testKeys))
	for _, words := range []string{`"description": "URL of the provider"`, `"default": "auto"`, `"default": "15s"`, `"additionalProperties": false`} {
		if !strings.Contains(s, words) {
			t.Errorf("%s is not in the schema", words)
		}
	}
	if !strings.HasSuffix(s, "}\n") || strings.Contains(s, `\u003c`) {
		t.Error("not as a person would write it")
	}
}
