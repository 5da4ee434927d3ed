package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// Setting is a value with the name of its key; that of a section's is
// "section.key".
type Setting struct {
	Key string
	Value
}

// View lists the settings in the order of keys. A secret is never among them: a
// profile has none, only the path of its file.
func (p *Profile) View(keys []Key) []Setting {
	var list []Setting
	for i := range keys {
		if v, ok := p.Settings[keys[i].full()]; ok {
			list = append(list, Setting{keys[i].full(), v})
		}
	}
	return list
}

// YAML renders the profile as a config file that means the same by itself: with
// what it extends, and with absolute paths. origin adds to the line of a value where
// it came from; nil: nothing.
func (p *Profile) YAML(keys []Key, origin func(line, from string) string) []byte {
	var b bytes.Buffer
	b.WriteString("version: " + version + "\nprofiles:\n  " + scalar(p.Name) + ":")
	list := p.View(keys)
	if len(list) == 0 {
		b.WriteString(" {}")
	}
	b.WriteString("\n")
	in := ""
	for _, sectioned := range []bool{false, true} { // a section's keys stand together
		for _, s := range list {
			section, name, ok := strings.Cut(s.Key, ".")
			if ok != sectioned {
				continue
			}
			indent := "    "
			if ok {
				indent = "      "
			} else {
				name = section
			}
			if ok && section != in {
				in = section
				b.WriteString("    " + scalar(section) + ":\n")
			}
			line := indent + scalar(name) + ": " + valueOf(keys, s)
			if origin != nil {
				line = origin(line, p.comment(s.Origin))
			}
			b.WriteString(line + "\n")
		}
	}
	return b.Bytes()
}

// JSON is what YAML renders, for programs: a list is always one, true and false are no
// texts. With origins, a member of that name has by key where each value came from.
func (p *Profile) JSON(keys []Key, origins bool) map[string]any {
	profile, from := map[string]any{}, map[string]string{}
	for i := range keys {
		v, ok := p.Settings[keys[i].full()]
		if !ok {
			continue
		}
		in := profile
		if section := keys[i].Section; section != "" {
			if profile[section] == nil {
				profile[section] = map[string]any{}
			}
			in = profile[section].(map[string]any)
		}
		in[keys[i].Name], from[keys[i].full()] = keys[i].json(v), p.comment(v.Origin)
	}
	doc := map[string]any{"version": json.Number(version), "profiles": map[string]any{p.Name: profile}}
	if origins {
		doc["origins"] = from
	}
	return doc
}

// json is a value as YAML has it that is written with no abbreviations.
func (k *Key) json(v Value) any {
	switch {
	case k.Type == Table && v.Columns != nil:
		rows := map[string]any{}
		for _, name := range v.Values {
			row := map[string]any{}
			for i := range k.Columns {
				column := &k.Columns[i]
				if values, ok := v.Columns[name][column.Name]; ok {
					row[column.Name] = column.json(Value{Values: values})
				}
			}
			rows[name] = row
		}
		return rows
	case k.Type == Table, k.Type == List:
		return append([]string{}, v.Values...)
	case k.Type == Bool:
		return one(v) == "true"
	}
	if name, ok := strings.CutPrefix(one(v), k.Instead+":"); ok && k.Instead != "" {
		return map[string]string{k.Instead: name}
	}
	return one(v)
}

func (p *Profile) comment(o Origin) string {
	o.Path = word(o.Path)
	if o.Profile == p.Name {
		return o.String()
	}
	return o.String() + " (profile " + word(o.Profile) + ")"
}

// valueOf writes a setting's value as a file has it.
func valueOf(keys []Key, s Setting) string {
	for i := range keys {
		if name, ok := strings.CutPrefix(one(s.Value), keys[i].Instead+":"); ok && keys[i].Instead != "" &&
			keys[i].full() == s.Key {
			return "{" + keys[i].Instead + ": " + scalar(name) + "}"
		}
	}
	return s.text()
}

// flow writes one value as it is and several as a list, on one line.
func flow(values []string) string {
	if len(values) == 1 {
		return scalar(values[0])
	}
	n := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, scalarNode(v))
	}
	return marshal(&n)
}

// text writes a value on one line.
func (v Value) text() string {
	if v.Columns == nil {
		return flow(v.Values)
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, value := range v.Values {
		of := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, column := range slices.Sorted(maps.Keys(v.Columns[value])) {
			list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, text := range v.Columns[value][column] {
				list.Content = append(list.Content, scalarNode(text))
			}
			if len(list.Content) == 1 {
				list = list.Content[0]
			}
			of.Content = append(of.Content, scalarNode(column), list)
		}
		n.Content = append(n.Content, scalarNode(value), of)
	}
	return marshal(n)
}

// scalar writes a text on one line, quoted where it has to be.
func scalar(s string) string { return marshal(scalarNode(s)) }

func scalarNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case s == "true", s == "false":
		n.Tag = "!!bool" // or editors would take it for another type than the key's
	case strings.ContainsFunc(s, func(c rune) bool { return !commandline.Seen(c) }):
		n.Style = yaml.DoubleQuotedStyle // with escapes, as for all that goes to a terminal
	}
	return n
}

func marshal(n *yaml.Node) string {
	b, err := yaml.Marshal(n)
	if err != nil { // no text makes it fail that a YAML file can hold
		return `""`
	}
	return strings.TrimRight(string(b), "\n")
}

// word is a name for a message: as it is, unless something in it cannot be seen.
func word(name string) string {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !commandline.Seen(c) }) {
		return strconv.Quote(name)
	}
	return name
}
