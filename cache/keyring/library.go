//go:build !darwin

package keyring

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"

	"github.com/sso-exec/sso-exec/cache"
)

// system is the Secret Service or the Credential Manager. go-keyring knows no
// deadlines: the cache has them.
type system struct{}

func (system) Get(ctx context.Context, account string) (secret string, err error) {
	err = reached(ctx, func() error {
		secret, err = keyring.Get(cache.KeyringService, account)
		return err
	})
	return secret, err
}

func (system) Set(ctx context.Context, account, secret string) error {
	return reached(ctx, func() error { return keyring.Set(cache.KeyringService, account, secret) })
}

func (system) Remove(ctx context.Context, account string) error {
	return reached(ctx, func() error { return keyring.Delete(cache.KeyringService, account) })
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
		return cache.ErrNoEntry
	}
	return err
}
