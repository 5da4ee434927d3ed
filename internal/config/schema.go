package config

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Schema returns a JSON Schema (draft 2020-12) of config.yaml for editors, made
// from the keys that exist. It knows no key that this version does not know,
// as Validate does not.
func Schema(keys []Key) []byte {
	type object = map[string]any
	properties := object{
		extendsKey: object{"type": []string{"string", "null"}, "minLength": 1,
			"description": "the profile that this one is based on; null: none, whatever a lower file says"},
	}
	for i := range keys {
		k := &keys[i]
		in := properties
		if k.Section != "" {
			section, ok := properties[k.Section].(object)
			if !ok {
				section = object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": object{},
					"description": "settings of sso-exec " + k.Section}
				properties[k.Section] = section
			}
			in = section["properties"].(object)
		}
		in[k.Name] = k.schema()
	}
	schema := object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "sso-exec config.yaml",
		"type":                 "object",
		"required":             []string{"version"},
		"additionalProperties": false,
		"properties": object{
			"version": object{"enum": []any{1, "1"}, "description": "the format of the file"},
			"default-profile": object{"type": []string{"string", "null"},
				"description": "the profile that is used if none is named"},
			"profiles": object{"type": []string{"object", "null"}, "additionalProperties": object{"$ref": "#/$defs/profile"},
				"description": "settings by the name of the profile"},
		},
		"$defs": object{"profile": object{
			"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties,
			"description": "null as a value unsets what was inherited",
		}},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(schema) // of strings and maps: it cannot fail
	return b.Bytes()
}

// durationPattern is what time.ParseDuration accepts, without a sign.
const (
	durationPattern = `^(0|` + durationPart + `(` + durationPart + `)*)$`
	durationPart    = `([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)`
)

func (k *Key) schema() map[string]any {
	// A number is taken as it is spelt, where a text is.
	text := []string{"string", "number", "null"}
	s := map[string]any{"type": text}
	switch k.Type {
	case List, "":
		s["type"] = []string{"string", "number", "array", "null"}
		s["items"] = map[string]any{"type": []string{"string", "number"}}
	case Duration:
		s["type"] = []string{"string", "null"}
		s["pattern"] = durationPattern
		s["examples"] = []string{"90s", "5m", "1h30m"}
	case Table:
		columns := map[string]any{}
		for i := range k.Columns {
			columns[k.Columns[i].Name] = k.Columns[i].schema()
		}
		s["type"] = []string{"string", "array", "object", "null"}
		s["items"] = map[string]any{"type": "string"}
		if k.Mapping {
			s["type"] = []string{"object", "null"}
			delete(s, "items")
		}
		s["additionalProperties"] = map[string]any{"type": []string{"object", "null"}, "additionalProperties": false,
			"properties": columns}
	case Bool:
		s["type"] = []string{"boolean", "null"}
	case Enum:
		values := make([]any, 0, len(k.Enum)+1)
		for _, v := range k.Enum {
			values = append(values, v)
		}
		s = map[string]any{"enum": append(values, nil)}
		if k.Instead != "" {
			s = map[string]any{"anyOf": []any{s, map[string]any{"type": "object", "additionalProperties": false,
				"required":   []string{k.Instead},
				"properties": map[string]any{k.Instead: map[string]any{"type": "string", "minLength": 1}}}}}
		}
	}
	if usage := strings.ReplaceAll(k.Usage, "`", ""); usage != "" {
		s["description"] = usage
	}
	if k.Default != "" {
		var def any = k.Default
		if k.Type == Bool {
			def = k.Default == "true"
		}
		s["default"] = def
	}
	return s
}
