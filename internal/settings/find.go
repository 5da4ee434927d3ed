package settings

import "slices"

// Table lists every setting there is.
func Table() []*Row { return table }

// Find returns the setting of a name, or nil.
func Find(name string) *Row {
	for _, r := range table {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// In lists the settings of a group, as help shows them.
func In(group Group) (rows []*Row) {
	for _, r := range table {
		if r.Group == group && r.After == "" {
			rows = append(rows, r)
		}
	}
	for _, r := range table {
		if r.Group == group && r.After != "" {
			above := slices.IndexFunc(rows, func(a *Row) bool { return a.Name == r.After })
			rows = slices.Insert(rows, above+1, r)
		}
	}
	return rows
}

// NamesIn lists the names of the settings of a group.
func NamesIn(group Group) (names []string) {
	for _, r := range In(group) {
		names = append(names, r.Name)
	}
	return names
}

// With lists the names of the settings that have all of these traits.
func With(t Trait) (names []string) {
	for _, r := range table {
		if r.Is(t) {
			names = append(names, r.Name)
		}
	}
	return names
}
