package config

import "go.yaml.in/yaml/v3"

// Value returns one key of a profile, whatever else stands there; no values: the
// profile does not have it.
func (c *Config) Value(name string, key Key) (Value, error) {
	r := &resolver{files: c.Files, keys: []Key{key}, limit: 1, lenient: true}
	chain, _ := r.chain(name, len(c.Files), nil)
	settings := r.merge(chain)
	if r.full() {
		return Value{}, r.findings[0]
	}
	return settings[key.full()], nil
}

// table reads a mapping from values to their columns.
func (r *resolver) table(f *File, e pair, what string, key *Key, s *setting) bool {
	s.Values, s.Columns = []string{}, map[string]map[string][]string{}
	inside := what + ", " + key.Name
	for _, row := range r.mapping(f, e.value, e.key.Line, inside) {
		name := row.key.Value
		if wrong := key.check([]string{name}, false); wrong != "" {
			r.add(f.finding(row.key.Line, "%s: %s", what, wrong))
			return false
		}
		s.Values, s.Columns[name] = append(s.Values, name), map[string][]string{}
		if row.value.Kind == yaml.ScalarNode && row.value.Tag == "!!null" {
			continue
		}
		of := &resolver{files: r.files, keys: key.Columns, limit: r.limit}
		d := &definition{file: f}
		of.collect(d, row.value, row.key.Line, inside+", "+word(name), "")
		if d.extends != nil {
			of.add(d.extends.finding("%s: unknown key %q", inside, extendsKey))
		}
		for _, x := range of.findings {
			r.add(x)
		}
		if len(of.findings) > 0 {
			return false
		}
		for _, column := range d.settings {
			s.Columns[name][column.key] = column.Values
		}
	}
	return true
}
