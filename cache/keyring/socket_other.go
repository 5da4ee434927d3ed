//go:build unix && !linux && !darwin

package keyring

import "errors"

// abstractOwner: only Linux has abstract sockets.
func abstractOwner(string) (uid int, err error) {
	return 0, errors.New("this system has no abstract sockets")
}
