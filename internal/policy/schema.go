package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Said is a rule that a policy has.
type Said struct {
	Rule  string // its key
	Value string
	Help  string // what it does
}

// Said lists the rules that a policy has, in the order of the table.
func (p *Policy) Said() (all []Said) {
	if p == nil {
		return nil
	}
	for i := range rules {
		r, value := &rules[i], ""
		switch at := r.at(p).(type) {
		case *[]string:
			value = strings.Join(*at, ", ")
		case *[]PortRange:
			value = strings.Trim(strings.ReplaceAll(fmt.Sprint(*at), " ", ", "), "[]")
		case *time.Duration:
			if *at > 0 {
				value = at.String()
			}
		case *bool:
			if *at {
				value = r.words[0]
			}
		case *string:
			value = *at
		case *Agents:
			if value = at.Profile; value != "" {
				value = "{profile: " + value + "}"
			} else if at.Deny {
				value = Deny
			}
		}
		if value != "" {
			all = append(all, Said{r.name, value, r.help})
		}
	}
	return all
}

// Schema returns a JSON Schema (draft 2020-12) of a policy, for editors.
func Schema() []byte {
	type object = map[string]any
	properties := object{"version": object{"const": 1, "type": "integer", "description": "the format of the file"}}
	for i := range rules {
		r := &rules[i]
		s := object{"type": "string", "minLength": 1}
		switch r.at(&Policy{}).(type) {
		case *time.Duration:
			s["pattern"] = `^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
		case *[]PortRange:
			s = object{"anyOf": []any{object{"type": "integer", "minimum": 1, "maximum": 65535},
				object{"type": "string", "pattern": `^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$`}}}
		case *Agents:
			s = object{"anyOf": []any{object{"const": Deny}, object{"type": "object", "additionalProperties": false,
				"required": []string{"profile"}, "properties": object{"profile": object{"type": "string", "minLength": 1}}}}}
		}
		switch {
		case r.words != nil:
			s = object{"enum": r.words}
		case r.name == "issuers":
			s["pattern"] = `^https?://[^/?#@]`
		case r.name == "hosts":
			s["pattern"] = `^(\*\.)?(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?$`
		}
		if r.list {
			s = object{"type": "array", "minItems": 1, "items": s}
		}
		s["description"] = r.help
		properties[r.name] = s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(object{ // of strings and maps: it cannot fail
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sso-exec policy.yaml", "type": "object",
		"required": []string{"version"}, "additionalProperties": false, "properties": properties,
	})
	return b.Bytes()
}
