//go:build unix && !linux

package perm

// keepsNoModes is not told here: chmod is the advice, and says itself if it
// cannot.
func keepsNoModes(int) bool { return false }
