package keyring

import "context"

// reach has nothing to look at: the Credential Manager is always there.
func reach(context.Context) (leave func(), err error) { return func() {}, nil }
