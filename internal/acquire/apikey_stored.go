package acquire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// FindKey reads a key that there must be.
func FindKey(ctx context.Context, o *settings.Resolved, store *cache.Store, name string) (*cache.APIKey, error) {
	k, err := store.APIKeyWithKey(ctx, name)
	if err != nil {
		return nil, APIKeyUnread(ctx, o, name, err)
	}
	return k, apiKeyThere(o, k)
}

func apiKeyThere(o *settings.Resolved, k *cache.APIKey) error {
	switch {
	case !k.Key.IsZero():
		return nil
	case k.KeyIn != "":
		return fault.Say(&cache.KeyringError{Err: errors.New("it has no such entry any more")},
			fmt.Sprintf("API key %s: the keyring has it no more", k.Name),
			"store it again: "+o.Ours("apikey", "set", k.Name, "--yes"))

	case k.Pending != "":
		return fault.Hint(fmt.Errorf("API key %s was never made: sso-exec apikey create was cut off", k.Name),
			"to make it, run that command again; what it may have left at the provider is removed then")

	}
	return fault.Hint(fmt.Errorf("API key %s: there is no key in its file", k.Name),
		"store it again: "+o.Ours("apikey", "set", k.Name, "--yes"))
}

// APIKeyUnread is the error about a key that could not be read.
func APIKeyUnread(ctx context.Context, o *settings.Resolved, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cache.ErrNotExist):
		return fault.InUsage(fmt.Errorf("no API key %q is stored here", name),
			"sso-exec apikey list shows those that are; to store one: "+o.Ours("apikey", "set", name))
	case errors.Is(err, cache.ErrCorrupt):
		return fault.Say(&session.StorageError{Err: err}, fmt.Sprintf("API key %s: %v", name, err),
			"the file is set aside when the key is stored again: "+o.Ours("apikey", "set", name))

	}
	return APIKeyStorage(ctx, name, err)
}

// APIKeyStorage is the error about a place that a key cannot rest in.
func APIKeyStorage(ctx context.Context, name string, err error) error {
	switch {
	case err == nil || ctx.Err() != nil || fault.Holds[*cache.UnsafeError](err) || fault.Holds[*cache.NewerError](err):
		return err
	case fault.Holds[*cache.KeyringError](err):
		return fault.Hint(err,
			"unlock or start it, as signing in to a desktop does, or store the key with --store file (a file, mode 0600)")
	}
	return fault.Say(&session.StorageError{Err: err}, fmt.Sprintf("API key %s cannot be stored: %v", name, err),
		"fix that place, or name another with --cache-dir; what is stored there is unchanged")

}

// APIKeyEnded is the error about a key that is past its end.
func APIKeyEnded(o *settings.Resolved, k *cache.APIKey, now time.Time) error {
	end := k.EndsAt()
	if end.IsZero() || end.After(now) {
		return nil
	}
	why := "ended on " + apikeys.Date(end)
	if !end.Equal(k.ExpiresAt) {
		why = fmt.Sprintf("is older than the %s that it may become", apikeys.Span(time.Duration(k.MaxAgeSeconds)*time.Second))
	}
	return fault.Hint(fmt.Errorf("API key %s (%s) %s", k.Name, apikeys.MaskOf(k), why),
		"to replace it: "+o.Ours("apikey", "rotate", k.Name))
}
