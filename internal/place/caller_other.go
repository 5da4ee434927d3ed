//go:build !darwin && !windows

package place

// nameOf returns the name of a process; empty: not known.
func nameOf(pid int) string {
	if names := here().above(pid); len(names) > 0 {
		return names[0]
	}
	return ""
}
