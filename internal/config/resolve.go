package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// maxDepth bounds how many profiles stand in a chain of extends.
const maxDepth = 16

// extendsKey names the one profile that a profile is based on. One, not a list:
// of two parents it would have to be known by heart which of them wins; a chain
// shows it.
const extendsKey = "extends"

// Profile is a profile with all that goes into it.
type Profile struct {
	Name     string
	Settings map[string]Value // those of a section are named "section.key"
}

// definition is a profile as one file has it.
type definition struct {
	file     *File
	name     string
	line     int
	extends  *setting // nil: the file does not say
	settings []setting
}

// setting is a value, or the word that what was inherited is unset.
type setting struct {
	key   string // with a dot at its end: the whole section
	unset bool
	Value
}

// resolver puts profiles together and keeps what is wrong with them.
type resolver struct {
	files    []*File
	keys     []Key
	limit    int  // of findings; then it stops
	lenient  bool // keys that are not known are passed over
	findings []Finding

	parsed map[*yaml.Node]*definition // by the node of its name; nil: not kept
	seen   map[string]bool            // what was found already
}

// add keeps a finding, each but once: several profiles may extend a wrong one.
func (r *resolver) add(x Finding) {
	if r.full() || r.seen[x.Error()] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[x.Error()] = true
	r.findings = append(r.findings, x)
}

func (r *resolver) full() bool { return len(r.findings) >= r.limit }

// Profile returns a profile: its own settings, from all files, over those that it
// extends. All of these must be right. keys lists every existing setting.
// Paths come out absolute.
func (c *Config) Profile(name string, keys []Key) (*Profile, error) {
	r := &resolver{files: c.Files, keys: keys, limit: 1}
	chain, ok := r.chain(name, len(c.Files), nil)
	if !ok && !r.full() {
		return nil, c.unknown(name)
	}
	settings := r.merge(chain)
	r.checkSecrets(name, settings)
	if r.full() {
		return nil, r.findings[0]
	}
	return &Profile{name, settings}, nil
}

// unknown is the error for a profile that is missing.
func (c *Config) unknown(name string) error {
	var files []string
	for _, f := range c.Files {
		files = append(files, f.Path)
	}
	names := c.Names()
	text := fmt.Sprintf("no profile %q in %s%s", name, strings.Join(files, " or "),
		commandline.DidYouMean(name, names))
	switch {
	case len(files) == 0 && len(c.paths) == 0:
		text = fmt.Sprintf("profile %q: no config file", name)
	case len(files) == 0:
		text = fmt.Sprintf("profile %q: no config file at %s", name, strings.Join(c.paths, " or "))
	case len(names) == 0:
		text = fmt.Sprintf("profile %q: %s has no profiles", name, strings.Join(files, " or "))
	}
	if def, origin := c.Default(); def == name && def != "" {
		text = fmt.Sprintf("%s: default-profile: %s", origin, text)
	}
	return fmt.Errorf("%s", text)
}

// chain returns what a profile is made of, that which stands below first: what it
// extends, then the profile itself, file by file. Only the lowest layers are
// looked at. asked are the profiles that led here, of which the last one extends
// this. Not ok: there is no such profile.
func (r *resolver) chain(name string, layers int, asked []string) (chain []*definition, ok bool) {
	var extends *setting
	for _, f := range r.files[:layers] {
		key, value, twice := f.find(name)
		if key == nil {
			continue
		}
		if twice != nil {
			r.add(f.finding(twice.Line, "profiles: key %q is there twice", name))
		}
		d := r.define(f, key, value)
		chain = append(chain, d)
		if d.extends != nil {
			if d.extends.unset && len(chain) == 1 {
				r.add(f.finding(d.extends.Line, "profile %s: extends has no value", word(name)))
			}
			extends = d.extends
		}
	}
	if len(chain) == 0 || extends == nil || extends.unset {
		return chain, len(chain) > 0
	}
	parent, asked := extends.Values[0], append(asked, name)
	at := func(format string, args ...any) {
		r.add(extends.finding("profile %s: %s", word(name), fmt.Sprintf(format, args...)))
	}
	switch i := slices.Index(asked, parent); {
	case parent == name:
		at("it extends itself (a profile is merged over the one of the same name in a lower file without that)")
		return chain, true
	case i >= 0:
		at("extends goes in a circle: %s", way(append(slices.Clone(asked[i:]), parent)))
		return chain, true
	case len(asked) >= maxDepth:
		at("extends goes through more than %d profiles: %s …", maxDepth, way(asked[:3]))
		return chain, true
	}
	below, ok := r.chain(parent, layers, asked)
	if !ok {
		at("it extends %q, which does not exist%s", parent,
			commandline.DidYouMean(parent, (&Config{Files: r.files[:layers]}).Names()))
	}
	return append(below, chain...), true
}

// way shows a chain of profiles.
func way(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = word(name)
	}
	return strings.Join(words, " → ")
}

// merge lays the settings over each other.
func (r *resolver) merge(chain []*definition) map[string]Value {
	settings := map[string]Value{}
	for i, d := range chain {
		for _, s := range d.settings {
			section, whole := strings.CutSuffix(s.key, ".")
			switch {
			case s.unset && i == 0:
				r.add(s.finding("profile %s: %s has no value, but nothing is inherited that it could unset",
					word(s.Profile), section))
			case whole:
				for key := range settings {
					if strings.HasPrefix(key, s.key) {
						delete(settings, key)
					}
				}
			case s.unset:
				delete(settings, s.key)
			default:
				settings[s.key] = s.Value
			}
		}
	}
	return settings
}

// checkSecrets sees to it that a secret goes to no other issuer than the one that
// whoever wrote it down saw next to it: the issuer of that profile, by that file
// and those below it. Else a file further up, which a kubeconfig can name, could
// send the company's secret to a server of its own.
func (r *resolver) checkSecrets(name string, settings map[string]Value) {
	for i := range r.keys {
		k := &r.keys[i]
		if !k.secret() {
			continue
		}
		secret, ok := settings[k.full()]
		if !ok {
			continue
		}
		layers := 1 + slices.IndexFunc(r.files, func(f *File) bool { return f.Layer == secret.Layer })
		there := &resolver{files: r.files, keys: r.keys, limit: r.limit, parsed: r.parsed}
		chain, _ := there.chain(secret.Profile, layers, nil)
		meant, now := one(there.merge(chain)["issuer"]), one(settings["issuer"])
		if meant == now {
			continue
		}
		at := secret.Origin
		if issuer, ok := settings["issuer"]; ok {
			at = issuer.Origin
		}
		what := fmt.Sprintf("for the issuer %s, not for %s", orNone(meant), orNone(now))
		r.add(at.finding("profile %s: the %s of %s (profile %s) is %s: give another %s together "+
			"with the issuer, or unset it "+
			"(%s: null)",
			word(name), k.Name, secret.Origin, word(secret.Profile), what, k.Name, k.Name))
	}
}

func one(v Value) string { return strings.Join(v.Values, " ") }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return fmt.Sprintf("%q", s)
}

// define reads a profile of one file.
func (r *resolver) define(f *File, key, node *yaml.Node) *definition {
	if d := r.parsed[key]; d != nil {
		return d
	}
	d := &definition{file: f, name: key.Value, line: key.Line}
	if r.parsed != nil {
		r.parsed[key] = d
	}
	if node.Tag != "!!null" { // else it is an empty one
		r.collect(d, node, key.Line, "profile "+word(key.Value), "")
	}
	return d
}

// collect reads a mapping of settings into d: the profile's or a section's.
func (r *resolver) collect(d *definition, node *yaml.Node, line int, what, section string) {
	for _, e := range r.mapping(d.file, node, line, what) {
		name, line := e.key.Value, e.key.Line
		s := setting{key: fullName(section, name), unset: e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!null"}
		s.Origin = Origin{Path: d.file.Path, Line: line, Profile: d.name, Layer: d.file.Layer}
		key := r.key(section, name)
		isSection := key == nil && section == "" && r.isSection(name)
		switch {
		case section == "" && name == extendsKey:
			if !s.unset && (e.value.Kind != yaml.ScalarNode || e.value.Value == "") {
				r.add(d.file.finding(line, "%s: extends takes the name of one profile", what))
				continue
			}
			s.Values = []string{strings.TrimSpace(e.value.Value)}
			d.extends = &s
		case isSection && s.unset:
			s.key += "."
			d.settings = append(d.settings, s)
		case isSection && e.value.Kind == yaml.MappingNode:
			r.collect(d, e.value, line, what+", "+name, name)
		case isSection:
			r.add(d.file.finding(line, "%s: %s is a section: its keys go below it, further to the right", what, name))
		case key == nil && r.lenient:
		case key == nil:
			r.add(d.file.finding(line, "%s: unknown key %q%s", what, name, r.hint(name, section)))
		case s.unset:
			d.settings = append(d.settings, s)
		case r.values(d.file, e, what, key, &s):
			d.settings = append(d.settings, s)
		}
	}
}

// key returns an existing key, or nil.
func (r *resolver) key(section, name string) *Key {
	for i := range r.keys {
		if k := &r.keys[i]; k.Name == name && k.Section == section {
			return k
		}
	}
	return nil
}

func (r *resolver) isSection(name string) bool {
	for i := range r.keys {
		if r.keys[i].Section == name && name != "" {
			return true
		}
	}
	return false
}

// hint says which key may have been meant.
func (r *resolver) hint(name, section string) string {
	if name == "<<" {
		return " (YAML's merge keys are not read; use extends)"
	}
	for _, k := range r.keys {
		switch {
		case k.Name == name+"-file" && k.Section == section: // client-secret
			return fmt.Sprintf(" (did you mean %q?)", k.Name)
		case k.Name != name:
		case k.Section == "":
			return fmt.Sprintf(" (it belongs outside of the section %q)", section)
		default:
			return fmt.Sprintf(" (it belongs in the section %q)", k.Section)
		}
	}
	var near []string
	for _, k := range r.keys {
		switch {
		case k.Section == section:
			near = append(near, k.Name)
		case section == "" && !slices.Contains(near, k.Section):
			near = append(near, k.Section)
		}
	}
	if section == "" {
		near = append(near, extendsKey)
	}
	return commandline.DidYouMean(name, near)
}

// values reads a value or a list of values, as they are spelt.
func (r *resolver) values(f *File, e pair, what string, key *Key, s *setting) bool {
	if key.Instead != "" && e.value.Kind == yaml.MappingNode {
		return r.instead(f, e, what, key, s)
	}
	if key.Type == Table && e.value.Kind == yaml.MappingNode {
		return r.table(f, e, what, key, s)
	}
	if key.Mapping {
		r.add(f.finding(e.key.Line, "%s: %s: it must be a mapping, from names to what they are", what, key.Name))
		return false
	}
	items, list := []*yaml.Node{e.value}, e.value.Kind == yaml.SequenceNode
	if list {
		items = e.value.Content
	}
	s.Values = make([]string, 0, len(items))
	for _, item := range items {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || !isText(item.Tag) {
			r.add(f.finding(e.key.Line, "%s: %s must be a value or a list of values", what, key.Name))
			return false
		}
		value := item.Value
		if trimmed := strings.TrimSpace(value); trimmed != "" || key.Type == Path {
			value = trimmed // what is nothing else is left to the key's own check
		}
		if key.Type == Path {
			var err error
			if value, err = userfile.Expand(value); err != nil {
				r.add(f.finding(e.key.Line, "%s: %s: %v", what, key.Name, err))
				return false
			}
			if value != "" && !filepath.IsAbs(value) {
				value = filepath.Join(filepath.Dir(f.Path), value)
			}
		}
		if key.From != nil {
			value = key.From(filepath.Dir(f.Path), value)
		}
		s.Values = append(s.Values, value)
	}
	if wrong := key.check(s.Values, list); wrong != "" {
		r.add(f.finding(e.key.Line, "%s: %s", what, wrong))
		return false
	}
	return true
}

// isText reports whether a scalar stands for how it is spelt: not nothing, not
// !!binary, not a tag of somebody's own.
func isText(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge":
		return true
	}
	return false
}
