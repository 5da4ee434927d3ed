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
			fmt.Sprintf("API key %s, as its file has it, cannot be sent: %v", k.Name, err),
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
