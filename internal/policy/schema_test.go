package policy

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// examples are the files that docs/policy.md shows.
func examples(t *testing.T) (all []string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(b), "```yaml\n") {
		if text, _, ok := strings.Cut(part, "```"); i > 0 && ok {
			all = append(all, text)
		}
	}
	if len(all) != 4 {
		t.Fatalf("docs/policy.md shows %d policies", len(all))
	}
	return all
}

func TestExamplesInDocs(t *testing.T) {
	for _, text := range examples(t) {
		p, err := Parse("/p.yaml", []byte(text))
		if err != nil || len(p.Said()) != strings.Count(text, "\n")-1 {
			t.Errorf("%v, %v:\n%s", p.Said(), err, text)
		}
	}
	docs, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !strings.Contains(string(docs), "\n| `"+r.name+"` | ") {
			t.Errorf("docs/policy.md does not explain %s", r.name)
		}
	}
}

// The schema and the reader agree on whatever a schema can know: a document of YAML, as
// its values.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	agree := func(text string) {
		t.Helper()
		var v any
		if yaml.Unmarshal([]byte(text), &v) != nil {
			return
		}
		_, err := Parse("/p.yaml", []byte(text))
		if serr := schema.Validate(v); (serr == nil) != (err == nil) {
			t.Errorf("%q: the reader says %v, the schema %v", text, err, serr)
		}
	}
	for _, text := range examples(t) {
		agree(text)
	}
	agree(full)
	// What only the reader knows: how the file is written, and what is inside of texts.
	only := []string{"<<", "---", "&a", "!!", "0s", "0x20", "65536", "8410-8400", "'*.example'", "api.example.]", "127.1",
		"::0001"}
	for text := range bad {
		if !slices.ContainsFunc(only, func(part string) bool { return strings.Contains(text, part) }) {
			agree(text)
		}
	}
	for _, value := range []string{"x", "1", "[x]", "[1]", "[]", "{}", "null", "true", "1h", "deny", "required",
		"services", "[pkce]",
		"[file]",
		"['https://x.example']", "[8400-8410]", "[8400]", "{profile: x}", "{profile: x, y: z}", "[[x]]", "[null]", "''"} {
		for _, r := range rules {
			agree("version: 1\n" + r.name + ": " + value)
		}
	}
}

func TestSchemaInDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/policy.schema.json")
	if err != nil || !bytes.Equal(b, Schema()) {
		t.Errorf("docs/policy.schema.json is not that of the code: run make schema (%v)", err)
	}
}
