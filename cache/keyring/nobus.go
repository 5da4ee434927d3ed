//go:build !unix || darwin

package keyring

import "context"

// reach has nothing to look at: the system's own keyring is always there.
func reach(context.Context) (leave func(), err error) { return func() {}, nil }
