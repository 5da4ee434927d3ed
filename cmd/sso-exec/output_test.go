package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// isOutput says what docs/output.schema.json has against a text. Members that it does
// not name are wrong here: whoever adds one adds it there.
func isOutput(text, what string) error {
	const dir = "../../docs/"
	b, err := os.ReadFile(dir + "output.schema.json")
	if err != nil {
		return err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	closed(schema)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(dir+"output.schema.json", schema); err != nil {
		return err
	}
	compiled, err := c.Compile(dir + "output.schema.json#/$defs/" + what)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(v)
}

// closed has objects of a schema refuse members that they do not name.
func closed(schema any) {
	switch v := schema.(type) {
	case map[string]any:
		for _, below := range v {
			closed(below)
		}
		if _, names := v["properties"].(map[string]any); names && v["type"] == "object" {
			v["additionalProperties"] = false
		}
	case []any:
		for _, below := range v {
			closed(below)
		}
	}
}

// The check of the scripts bites: a member too many, one that is missing, a time that is not one.
func TestOutputSchema(t *testing.T) {
	const good = `{"version":"v1","commit":"","time":"","go":"go1"}`
	for text, ok := range map[string]bool{good: true, `{"version":"v1","commit":"","time":""}`: false,
		strings.Replace(good, "{", `{"new":1,`, 1): false, strings.Replace(good, `"v1"`, "1", 1): false} {
		if err := isOutput(text, "version"); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	const org = `{"id":"o","name":"n","accessUntil":"%s"}`
	for when, ok := range map[string]bool{"2026-11-30T04:00:00Z": true, "soon": false} {
		if err := isOutput(strings.Replace(org, "%s", when, 1), "organization"); (err == nil) != ok {
			t.Errorf("%s: %v", when, err)
		}
	}
}
