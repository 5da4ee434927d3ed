package awsconfig

import "strings"

// SSOSession returns the keys of [sso-session NAME] of a config, and whether it is there.
func SSOSession(text, name string) (keys map[string]string, ok bool) {
	return read(text, func(s *section) bool {
		kind, rest, found := strings.Cut(strings.ReplaceAll(s.name, "\t", " "), " ")
		return found && kind == "sso-session" && strings.Trim(strings.TrimSpace(rest), `"'`) == name
	})
}

// Profile returns the keys of a profile of a config, and whether it is there.
func Profile(text, name string) (keys map[string]string, ok bool) {
	return read(text, func(s *section) bool { return s.is(InConfig, name) })
}

// read reads sections that match; of a key that is there twice the last counts. What some
// programs would not read is no matter here: nothing is changed.
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
		for _, l := range d.lines[s.head+1 : s.end] {
			if l.kind != property {
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
