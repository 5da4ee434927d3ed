package awsconfig

import (
	"errors"
	"fmt"
	"slices"
)

// Entry is a profile that is to be there, with its credential_process and other keys.
type Entry struct {
	Name    string
	Process string
	Others  []KV
}

// SetAll makes a set of profiles what it is to be. The set is the profiles that [Set] or
// SetAll made whole, and whose credential_process mine knows. Those that have the right
// one stay; others of the set go, and what is missing is added at the end. A name under
// which somebody else's profile stands is left alone, and returned.
func SetAll(text string, want []Entry, mine func(process string) bool) (out string, taken []string, err error) {
	d, err := parse(text)
	if err != nil {
		return "", nil, err
	}
	wanted := map[string]string{}
	for _, p := range want {
		if err := checkName(p.Name); err != nil {
			return "", nil, err
		}
		if _, twice := wanted[p.Name]; twice {
			return "", nil, fmt.Errorf("two profiles are named %q", p.Name)
		}
		for _, kv := range append(slices.Clone(p.Others), KV{"credential_process", p.Process}) {
			if err := kv.check(); err != nil {
				return "", nil, err
			}
		}
		wanted[p.Name] = p.Process
	}
	if err := d.dropSet(mine, wanted); err != nil {
		return "", nil, err
	}
	if d, err = parse(d.text()); err != nil {
		return "", nil, err
	}
	there := map[string]bool{}
	for i := range d.sections {
		s := &d.sections[i]
		there[s.cli], there[s.sdk] = true, true
		if process, ours := d.processOf(s); ours && mine(process) {
			delete(wanted, s.cli)
		}
	}
	for _, p := range want {
		switch _, missing := wanted[p.Name]; {
		case !missing:
		case there[p.Name]:
			taken = append(taken, p.Name)
		default:
			d.addSection(p.Name, append([]KV{{"credential_process", p.Process}}, p.Others...))
		}
	}
	out = d.text()
	a, aerr := others(text, mine)
	b, berr := others(out, mine)
	if err := errors.Join(aerr, berr); err != nil {
		return "", nil, err
	}
	if !slices.Equal(a, b) {
		return "", nil, errors.New("the edit of the profiles would not have come out right; nothing was changed")
	}
	return out, taken, nil
}

// processOf is the command of a section that we made; false: it is not of our making.
func (d *document) processOf(s *section) (process string, ours bool) {
	if d.madeBy(s) < 0 || s.cli == "" || s.cli != s.sdk {
		return "", false
	}
	at, err := d.keyLines(s, "credential_process")
	if err != nil || len(at) != 1 {
		return "", false
	}
	return d.lines[at[0]].value, true
}

// dropSet takes the sections of the set out that are not wanted as they are.
func (d *document) dropSet(mine func(string) bool, wanted map[string]string) error {
	gone := map[int]bool{}
	for i := range d.sections {
		s := &d.sections[i]
		process, ours := d.processOf(s)
		if want, ok := wanted[s.cli]; !ours || !mine(process) || ok && want == process {
			continue
		}
		if err := d.undo(s, gone); err != nil {
			return err
		}
	}
	d.delete(gone)
	return nil
}

// others are the lines of a text that are not the set's.
func others(text string, mine func(string) bool) (rest []string, err error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	if err := d.dropSet(mine, nil); err != nil {
		return nil, err
	}
	for _, l := range d.lines {
		if l.kind != blank && l.kind != comment {
			rest = append(rest, l.body)
		}
	}
	return rest, nil
}
