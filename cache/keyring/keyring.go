// Package keyring has the cache use the system's keyring: the Secret Service of the
// session bus, macOS's Keychain, Windows' Credential Manager. It is imported for its
// effect, as database drivers are:
//
//	import _ "github.com/sso-exec/sso-exec/cache/keyring"
//
// A program without it links neither D-Bus nor the libraries of the others. Nothing
// is asked of the keyring before a store uses it.
package keyring

import "github.com/sso-exec/sso-exec/cache"

func init() { cache.RegisterKeyring(system{}) }
