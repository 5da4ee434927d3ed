package config

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// maxFindings bounds what Validate tells.
const maxFindings = 1000

// Validate checks everything in all config files, also what only a newer version
// may know, and returns what is wrong, file by file (the system's first) and line
// by line. A file that was named and is not there is a finding too.
func (p Paths) Validate(keys []Key) []Finding {
	r := &resolver{keys: keys, limit: maxFindings, parsed: map[*yaml.Node]*definition{}}
	c := &Config{}
	layers, paths := p.Each()
	for i, path := range paths {
		b, err := ReadFile(path, layers[i])
		if err != nil {
			if layers[i] == Named || !IsAbsent(err) {
				r.add(Finding{Path: path, Text: plain(err, path), Err: err})
			}
			continue
		}
		f, findings := parse(path, layers[i], b)
		for _, x := range findings {
			r.add(x)
		}
		if f == nil {
			continue
		}
		f.makeIndex()
		c.Files = append(c.Files, f)
	}
	r.files = c.Files
	r.everything(c)
	sort.SliceStable(r.findings, func(i, j int) bool {
		a, b := r.findings[i], r.findings[j]
		return cmp.Or(slices.Index(paths, a.Path)-slices.Index(paths, b.Path), a.Line-b.Line) < 0
	})
	return r.findings
}

// finding says what is wrong at the line that a value came from.
func (o Origin) finding(format string, args ...any) Finding {
	return Finding{Path: o.Path, Line: o.Line, Text: fmt.Sprintf(format, args...)}
}

// plain is an error without the path, which the finding has.
func plain(err error, path string) string {
	text := err.Error()
	for _, before := range []string{"open " + path + ": ", path + ": ", path + " "} {
		if rest, ok := strings.CutPrefix(text, before); ok {
			return rest
		}
	}
	return text
}

// everything checks all profiles of all files.
func (r *resolver) everything(c *Config) {
	for _, f := range c.Files {
		if f.profiles == nil {
			continue
		}
		r.mapping(f, f.profiles, f.profiles.Line, "profiles")
	}
	names := c.Names()
	for _, name := range names {
		if r.full() {
			return
		}
		chain, _ := r.chain(name, len(c.Files), nil)
		settings := r.merge(chain)
		r.checkSecrets(name, settings)
		r.checkAlone(settings)
		r.checkInstead(settings, names)
	}
	if name, origin := c.Default(); name != "" && !slices.Contains(names, name) {
		r.add(origin.finding("default-profile: no profile %q%s", name, commandline.DidYouMean(name, names)))
	}
}

// checkInstead looks for the profiles that values name.
func (r *resolver) checkInstead(settings map[string]Value, names []string) {
	for _, k := range r.keys {
		at := settings[k.full()]
		name, ok := strings.CutPrefix(one(at), k.Instead+":")
		if k.Instead != "" && ok && !slices.Contains(names, name) {
			r.add(at.finding("profile %s: %s: no profile %q%s", word(at.Profile), k.Name, name,
				commandline.DidYouMean(name, names)))
		}
	}
}

// checkAlone looks at values that need another key next to them.
func (r *resolver) checkAlone(settings map[string]Value) {
	for _, k := range r.keys {
		at := settings[k.full()]
		if k.CheckWithout == nil || len(settings[fullName(k.Section, k.Other)].Values) > 0 {
			continue
		}
		for _, v := range at.Values {
			if err := k.CheckWithout(v); err != nil {
				r.add(at.finding("profile %s, %s: %s: %v", word(at.Profile), k.Section, k.Name, err))
			}
		}
	}
}
