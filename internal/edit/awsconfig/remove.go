package awsconfig

import "strings"

// Remove undoes what [Set] did to a profile: the keys that it added go, those
// that it changed get their lines back, and so does a section of its making
// in which nothing of somebody else's has come to stand. It reports whether
// there was anything of ours.
func Remove(text, profile string) (string, bool, error) {
	d, err := parse(text)
	if err != nil {
		return "", false, err
	}
	s, err := d.find(profile)
	if err != nil || s == nil {
		return text, false, err
	}
	gone := map[int]bool{}
	for i := s.head + 1; i < s.end; i++ {
		if keys, ok := strings.CutPrefix(d.lines[i].body, addedMark); ok && !strings.HasPrefix(keys, "[") {
			gone[i] = true
			if err := d.drop(s, strings.Fields(keys), gone); err != nil {
				return "", false, err
			}
		}
	}
	mark := d.madeBy(s)
	if mark >= 0 {
		gone[mark] = true
		keys := strings.TrimPrefix(d.lines[mark].body, addedMark+d.lines[s.head].body)
		if err := d.drop(s, strings.Fields(keys), gone); err != nil {
			return "", false, err
		}
	}
	d.restore(s, gone)
	empty := true
	for i := s.head + 1; i < s.end; i++ {
		empty = empty && (gone[i] || d.lines[i].kind == blank || d.lines[i].kind == comment)
	}
	if mark >= 0 && empty {
		gone[s.head] = true
		// Our blank line stays where somebody's comment needs it now.
		if at := mark - 1; at >= 0 && mark == s.head-1 && d.lines[at].kind == blank {
			gone[at] = true
		}
	}
	d.delete(gone)
	out := d.text()
	return out, out != text, nil
}

// drop marks the lines of keys as gone.
func (d *document) drop(s *section, keys []string, gone map[int]bool) error {
	for _, key := range keys {
		at, err := d.keyLines(s, key)
		if err != nil {
			return err
		}
		for _, i := range at {
			for end := d.valueEnd(i, s.end); i < end; i++ {
				gone[i] = true
			}
		}
	}
	return nil
}

// keptAbove returns the first of the comments directly above a property that
// keep what stood in its place: the line of that key, and what went on with it.
func (d *document) keptAbove(at int) (first int, ok bool) {
	for i := at - 1; i >= 0; i-- {
		was, kept := strings.CutPrefix(d.lines[i].body, keptMark)
		if !kept {
			return 0, false
		}
		if l := classify(was); l.kind == property || l.kind == other || l.kind == header {
			return i, l.kind == property && l.key == d.lines[at].key
		}
	}
	return 0, false
}

// restore brings kept lines back in the place of the property below them.
func (d *document) restore(s *section, gone map[int]bool) {
	for at := s.head + 1; at < s.end; at++ {
		if d.lines[at].kind != property || gone[at] {
			continue
		}
		first, ok := d.keptAbove(at)
		if !ok {
			continue
		}
		for i := first; i < at; i++ {
			eol := d.lines[i].eol
			d.lines[i] = classify(strings.TrimPrefix(d.lines[i].body, keptMark))
			d.lines[i].eol = eol
		}
		end := d.valueEnd(at, s.end)
		d.lines[at-1].eol = d.lines[end-1].eol
		for i := at; i < end; i++ {
			gone[i] = true
		}
		at = end - 1
	}
}
