package keyring

// system is the login keychain.
type system struct{ keychain }
