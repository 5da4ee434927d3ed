package awsconfig

import (
	"slices"
	"strings"
)

// Section returns the keys of [KIND NAME] of a config, such as an sso-session, and whether
// it is there.
func Section(text, kind, name string) (keys map[string]string, ok bool) {
	return read(text, func(s *section) bool { return s.named(kind) == name })
}

// named is the name of a section of a kind; empty: it is none.
func (s *section) named(kind string) string {
	first, rest, _ := strings.Cut(strings.ReplaceAll(s.name, "\t", " "), " ")
	if first != kind {
		return ""
	}
	return strings.Trim(strings.TrimSpace(rest), `"'`)
}

// Names lists the sections of a kind.
func Names(text, kind string) (names []string) {
	d, err := split(strings.TrimPrefix(text, "\ufeff"), anyCR)
	if err != nil {
		return nil
	}
	for i := range d.sections {
		if name := d.sections[i].named(kind); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Profile returns the keys of a profile of a config, and whether it is there.
func Profile(text, name string) (keys map[string]string, ok bool) {
	return read(text, func(s *section) bool { return s.is(InConfig, name) })
}

// read reads sections that match; of a key that is there twice the last counts. A nested
// key has its parent's name and a dot before it. What some programs would not read is no
// matter here: nothing is changed.
func read(text string, match func(*section) bool) (keys map[string]string, ok bool) {
	d, err := split(strings.TrimPrefix(text, "\ufeff"), anyCR)
	if err != nil {
		return nil, false
	}
	keys = map[string]string{}
	for i := range d.sections {
		s := &d.sections[i]
		if !match(s) {
			continue
		}
		ok = true
		parent := ""
		for _, l := range d.lines[s.head+1 : s.end] {
			switch {
			case l.kind == property && l.value == "":
				parent = l.key + "."
			case l.kind == property:
				parent = ""
			case l.kind == indented && parent != "" && l.key != "":
				l.key = parent + l.key
			default:
				continue
			}
			value := l.value
			for _, comment := range []string{" #", " ;", "\t#", "\t;"} {
				value, _, _ = strings.Cut(value, comment)
			}
			keys[l.key] = strings.TrimSpace(value)
		}
	}
	return keys, ok
}
