package cache

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"
)

// systemRing is the keyring of the system: the Secret Service of the session
// bus, macOS's Keychain, Windows' Credential Manager. go-keyring knows no
// deadlines; see bounded.
type systemRing struct{}

func (systemRing) get(ctx context.Context, account string) (secret string, err error) {
	err = reached(ctx, func() error {
		secret, err = keyring.Get(ringService, account)
		return err
	})
	return secret, err
}

func (systemRing) set(ctx context.Context, account, secret string) error {
	return reached(ctx, func() error { return keyring.Set(ringService, account, secret) })
}

func (systemRing) remove(ctx context.Context, account string) error {
	return reached(ctx, func() error { return keyring.Delete(ringService, account) })
}

// reached makes a call once the keyring is seen to be there.
func reached(ctx context.Context, call func() error) error {
	leave, err := reach(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if ctx.Err() != nil { // nobody waits any more
		return ctx.Err()
	}
	err = call()
	if errors.Is(err, keyring.ErrNotFound) {
		return errNoEntry
	}
	return err
}
