package acquire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

// CachedAPIKey is Cached for an API key: one file is read, and encoded.
func CachedAPIKey(o *settings.Resolved) ([]byte, bool) {
	if !plain(o) {
		return nil, false
	}
	damaged := false
	k, err := cache.Open(o.Storage.CacheDir, func(string) { damaged = true }).APIKey(o.APIKey)
	if err != nil || damaged || k.Key.IsZero() || k.KeyIn != "" || apikeys.EndsSoon(k, time.Now()) {
		return nil, false
	}
	doc, err := EncodeAPIKey(o, k, time.Now())
	return doc, err == nil
}

// PrintAPIKey prints an API key.
func PrintAPIKey(ctx context.Context, o *settings.Resolved) error {
	k, err := APIKeyOf(ctx, o)
	if err != nil {
		return err
	}
	doc, err := EncodeAPIKey(o, k, time.Now())
	if err == nil {
		err = RecordCached(o)
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(doc)
	return err
}

// APIKeyOf reads the key that the settings name, and warns, once a day, when its
// end is near. It needs neither a lock nor the network.
func APIKeyOf(ctx context.Context, o *settings.Resolved) (*cache.APIKey, error) {
	store := cache.Open(o.Storage.CacheDir, func(what string) { talk.Warn(errors.New(what)) })
	k, err := FindKey(ctx, o, store, o.APIKey)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if APIKeyEnded(o, k, now) == nil && apikeys.EndsSoon(k, now) && store.WarnOfAPIKey(k.Name, apikeys.WarnEvery, now) {
		what := "ends"
		if end := k.EndsAt(); !end.Equal(k.ExpiresAt) {
			what = "reaches its age limit"
		}
		talk.Warn(fmt.Errorf("API key %s %s in %s; to replace it: sso-exec apikey rotate %s", k.Name, what,
			apikeys.Span(k.EndsAt().Sub(now)), k.Name))
	}
	return k, nil
}

// EncodeAPIKey renders a key as a token is rendered, with the header that its API
// wants.
func EncodeAPIKey(o *settings.Resolved, k *cache.APIKey, now time.Time) ([]byte, error) {
	if err := o.Policy.AllowAPIKey(k.Identity == credential.Human); err != nil {
		return nil, err
	}
	if k.Identity == credential.Human {
		return nil, fault.Hint(fmt.Errorf("API key %s: API keys are for services, and this one is a person's", k.Name),
			"people sign in: sso-exec login")
	}
	if err := APIKeyEnded(o, k, now); err != nil {
		return nil, err
	}
	if end := k.EndsAt(); o.Target.MinTTL > 0 && !end.IsZero() && end.Sub(now) < o.Target.MinTTL {
		return nil, fmt.Errorf("API key %s ends in %s, sooner than --min-ttl %v", k.Name, apikeys.Span(end.Sub(now)),
			o.Target.MinTTL)
	}
	line, err := apikeys.HeaderLine(cmp.Or(k.Header, apikeys.DefaultHeader), k.Key.Reveal())
	if err = errors.Join(err, apikeys.CheckKeyText(k.Key.Reveal())); err != nil { // somebody edited the file
		return nil, fault.Say(&session.StorageError{Err: errors.New(err.Error())},
			fmt.Sprintf("API key %s cannot be sent as it is stored: %v", k.Name, err),
			"store it again: "+o.Ours("apikey", "set", k.Name, "--yes"))
	}
	if o.Output == plugin.TokenHeader {
		if !o.NoNewline {
			line += "\n"
		}
		return []byte(line), nil
	}
	c := credential.Credential{Token: k.Key, IssuedAt: k.CreatedAt, ExpiresAt: k.EndsAt(), StoredAt: k.StoredAt}
	if name, scheme, _ := apikeys.ParseHeader(cmp.Or(k.Header,
		apikeys.DefaultHeader)); http.CanonicalHeaderKey(name) == "Authorization" {
		c.TokenType = scheme
	}
	return plugin.EncodeToken(o.Output, !o.NoNewline, c)
}

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
			fmt.Sprintf("API key %s is no longer in the keyring", k.Name),
			"store it again: "+o.Ours("apikey", "set", k.Name, "--yes"))

	case k.Pending != "":
		return fault.Hint(fmt.Errorf("API key %s was never made: sso-exec apikey create was cut off", k.Name),
			"to make it, run that command again; it also removes what the first run may have left at the provider")
	}
	return fault.Hint(fmt.Errorf("API key %s: no key in its file", k.Name),
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

// APIKeyStorage is the error about a place that a key cannot are stored in.
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
		why = fmt.Sprintf("is older than its age limit, %s", apikeys.Span(time.Duration(k.MaxAgeSeconds)*time.Second))
	}
	return fault.Hint(fmt.Errorf("API key %s (%s) %s", k.Name, apikeys.MaskOf(k), why),
		"to replace it: "+o.Ours("apikey", "rotate", k.Name))
}
