// Package awsconfig edits the AWS CLI's and SDKs' shared config file without
// disturbing a byte that is not ours.
//
// [Set] puts keys into a profile and leaves a comment that says which, so that
// [Remove] can undo exactly that: Remove of what Set returned is what Set was
// given. [Conflicts] tells what else in the files and the environment would win
// over a credential_process. [Command] quotes one. [Open] and [File.Write] read
// and replace a file.
//
// Readers of these files differ. What they do not all read in the same way is
// not written, and not edited: see [TextError].
package awsconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KV is a key of a profile with its value.
type KV struct{ Key, Value string }

// The comments that say what is ours. Every reader skips them.
const (
	addedMark = "# added by sso-exec: " // then the header, if we made it, and the keys
	keptMark  = "# kept by sso-exec: "  // then a line as it was before
)

// Set puts keys into a profile: into its section where there is one, else into
// a new one at the end. A key that has the value already is left alone, so that
// doing it twice changes nothing. What stood there before is kept in a comment.
func Set(text, profile string, kvs []KV) (string, error) {
	if err := checkName(profile); err != nil {
		return "", err
	}
	for i, kv := range kvs {
		if err := kv.check(); err != nil {
			return "", err
		}
		if slices.ContainsFunc(kvs[:i], func(o KV) bool { return o.Key == kv.Key }) {
			return "", fmt.Errorf("%s is given twice", kv.Key)
		}
	}
	d, err := parse(text)
	if err != nil {
		return "", err
	}
	s, err := d.find(profile)
	if err != nil {
		return "", err
	}
	if s == nil {
		d.addSection(profile, kvs)
	} else if err := d.change(s, kvs); err != nil {
		return "", err
	}
	out := d.text()
	return out, verify(text, out, profile, kvs)
}

// Get returns the value of a key in a profile as the AWS CLI reads it, except for
// lines that go on with it; nothing if it is not there.
func Get(text, profile, key string) (string, bool) {
	d, err := parse(text)
	if err != nil {
		return "", false
	}
	s, err := d.find(profile)
	if err != nil || s == nil {
		return "", false
	}
	at, err := d.keyLines(s, key)
	if err != nil {
		return "", false
	}
	for i := range d.sections {
		if mixed := &d.sections[i]; len(at) == 0 && mixed.name == mixedIn {
			at, _ = d.keyLines(mixed, key)
		}
	}
	if len(at) == 0 {
		return "", false
	}
	return d.lines[at[0]].value, true
}

func (d *document) text() string {
	var b strings.Builder
	for _, l := range d.lines {
		b.WriteString(l.body + l.eol)
	}
	return b.String()
}

// newline is the line break of the text.
func (d *document) newline() string {
	for _, l := range slices.Backward(d.lines) {
		if l.eol != "" {
			return l.eol
		}
	}
	return "\n"
}

// insert puts lines after d.lines[at-1]. A text without a line break at its end
// stays one, so that taking the lines out again gives back the same bytes.
func (d *document) insert(at int, bodies ...string) {
	nl := d.newline()
	var add []line
	for _, body := range bodies {
		add = append(add, line{body: body, eol: nl})
	}
	if at > 0 && d.lines[at-1].eol == "" {
		d.lines[at-1].eol = nl
		add[len(add)-1].eol = ""
	}
	d.lines = slices.Insert(d.lines, at, add...)
}

// delete is the inverse of insert.
func (d *document) delete(gone map[int]bool) {
	var kept []line
	for i, l := range d.lines {
		if !gone[i] {
			kept = append(kept, l)
		}
	}
	if n := len(d.lines); n > 0 && gone[n-1] && d.lines[n-1].eol == "" && len(kept) > 0 {
		kept[len(kept)-1].eol = ""
	}
	d.lines = kept
}

func (d *document) addSection(profile string, kvs []KV) {
	head := headerFor(profile)
	mark := addedMark + head
	bodies := []string{"", head}
	for _, kv := range kvs {
		mark += " " + kv.Key
		bodies = append(bodies, kv.Key+" = "+kv.Value)
	}
	bodies = slices.Insert(bodies, 1, mark)
	if len(d.lines) == 0 {
		bodies = bodies[1:]
	}
	d.insert(len(d.lines), bodies...)
}

func (d *document) change(s *section, kvs []KV) error {
	var added []string
	mark := strings.TrimSuffix(addedMark, " ")
	for _, kv := range kvs {
		at, err := d.keyLines(s, kv.Key)
		switch {
		case err != nil:
			return err
		case len(at) == 0:
			mark += " " + kv.Key
			added = append(added, kv.Key+" = "+kv.Value)
		default:
			s.end += d.replace(s, at[0], kv)
		}
	}
	if len(added) == 0 {
		return nil
	}
	// At the section's end, before comments that may belong to what follows. A
	// line that begins at the margin ends whatever value is above it.
	last := s.end - 1
	for d.lines[last].kind == blank || d.lines[last].kind == comment {
		last--
	}
	d.insert(last+1, append([]string{mark}, added...)...)
	return nil
}

// replace gives a key another value, and returns by how many lines the text has
// grown. The old lines stay in comments above it, unless they were ours.
func (d *document) replace(s *section, at int, kv KV) int {
	end := d.valueEnd(at, s.end)
	old := slices.Clone(d.lines[at:end])
	if old[0].value == kv.Value && len(old) == 1 {
		return 0
	}
	now := []line{classify(kv.Key + " = " + kv.Value)}
	now[0].eol = old[len(old)-1].eol
	if !d.ours(s, at) {
		nl := d.newline()
		for i := range old {
			if old[i].eol == "" {
				old[i].eol = nl
			}
			old[i] = line{body: keptMark + old[i].body, eol: old[i].eol, kind: comment}
		}
		now = append(old, now...)
	}
	d.lines = slices.Replace(d.lines, at, end, now...)
	return len(now) - (end - at)
}

// ours says whether we wrote a property's line.
func (d *document) ours(s *section, at int) bool {
	if _, kept := d.keptAbove(at); kept {
		return true
	}
	listed := func(i int, prefix string) bool {
		keys, ok := strings.CutPrefix(d.lines[i].body, prefix)
		return ok && slices.Contains(strings.Fields(keys), d.lines[at].key)
	}
	for i := s.head + 1; i < s.end; i++ {
		if listed(i, addedMark) {
			return true
		}
	}
	mark := d.madeBy(s)
	return mark >= 0 && listed(mark, addedMark+d.lines[s.head].body)
}

// madeBy returns the line of the comment that says that we made a section, else
// -1. Somebody may have put comments between that and the header.
func (d *document) madeBy(s *section) int {
	for i := s.head - 1; i >= 0 && (d.lines[i].kind == comment || d.lines[i].kind == blank); i-- {
		if keys, ok := strings.CutPrefix(d.lines[i].body, addedMark+d.lines[s.head].body); ok &&
			(keys == "" || keys[0] == ' ') {
			return i
		}
	}
	return -1
}

// verify reads what would be written once more: nothing but the keys may have
// changed, and they must be what they are to be.
func verify(before, after, profile string, kvs []KV) error {
	rest := func(text string) ([]string, error) {
		d, err := parse(text)
		if err != nil {
			return nil, err
		}
		s, err := d.find(profile)
		if err != nil {
			return nil, err
		}
		gone := map[int]bool{}
		if s != nil {
			gone[s.head] = true
			var keys []string
			for _, kv := range kvs {
				keys = append(keys, kv.Key)
			}
			if err := d.drop(s, keys, gone); err != nil {
				return nil, err
			}
		}
		var rest []string
		for i, l := range d.lines {
			if !gone[i] && l.kind != blank && l.kind != comment {
				rest = append(rest, l.body)
			}
		}
		return rest, nil
	}
	a, aerr := rest(before)
	b, berr := rest(after)
	same := slices.Equal(a, b)
	for _, kv := range kvs {
		value, ok := Get(after, profile, kv.Key)
		same = same && ok && value == kv.Value
	}
	if err := errors.Join(aerr, berr); err != nil || !same {
		return fmt.Errorf("the edit of profile %q would not have come out right; nothing was changed", profile)
	}
	return nil
}

// Remove undoes what [Set] did to a profile: the keys that it added go, those
// that it changed get their lines back, and so does a section of its making
// in which nothing of somebody else's has come to stand. It reports whether
// anything was ours.
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
	if err := d.undo(s, gone); err != nil {
		return "", false, err
	}
	d.delete(gone)
	out := d.text()
	return out, out != text, nil
}

// undo marks what is ours of a section as gone, and brings kept lines back.
func (d *document) undo(s *section, gone map[int]bool) error {
	for i := s.head + 1; i < s.end; i++ {
		if keys, ok := strings.CutPrefix(d.lines[i].body, addedMark); ok && !strings.HasPrefix(keys, "[") {
			gone[i] = true
			if err := d.drop(s, strings.Fields(keys), gone); err != nil {
				return err
			}
		}
	}
	mark := d.madeBy(s)
	if mark >= 0 {
		gone[mark] = true
		keys := strings.TrimPrefix(d.lines[mark].body, addedMark+d.lines[s.head].body)
		if err := d.drop(s, strings.Fields(keys), gone); err != nil {
			return err
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
	return nil
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
