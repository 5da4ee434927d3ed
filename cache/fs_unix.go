//go:build unix && !linux

package cache

import "errors"

// keepsNoModes is not told here: chmod is the advice, and says itself if it
// cannot.
func keepsNoModes(int) bool { return false }

// abstractOwner: only Linux has abstract sockets.
func abstractOwner(string) (uid int, err error) {
	return 0, errors.New("this system has no abstract sockets")
}
