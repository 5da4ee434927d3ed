package main

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
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/plugin"
)

const apiKeyUsage = "`name` of a stored API key to print instead, in the header that its API wants"

// How long before its end a key's users are warned: a tenth of its life, two
// weeks at most; and how often they are.
const (
	warnAhead = 14 * day
	warnPart  = 10
	warnEvery = day
)

// checkAPIKey tells what is wrong with the settings of a command that is to hand
// out an API key: all that it needs is the key's name. People sign in.
func (o *options) checkAPIKey() error {
	if err := checkAPIKeyName(o.apiKey); err != nil {
		return err
	}
	switch {
	case o.flags.Changed("identity") && o.identity == credential.Human:
		return fault.InUsage(errors.New("API keys are for services, and this is a person's profile (identity: human)"), "people sign in: "+loginCommand(o, "identity"))
	case o.flags.Changed("token-type") && o.tokenType == credential.IDToken:
		return fault.Usagef("--token-type id: an API key is no ID token")
	case o.cacheDir == "":
		return noHome("no place in which API keys could be", "name the place with --cache-dir")
	}
	return nil
}

// apiKeyEnded is the error about a key that is past its end.
func apiKeyEnded(k *cache.APIKey, now time.Time) error {
	end := k.EndsAt()
	if end.IsZero() || end.After(now) {
		return nil
	}
	why := "ended on " + date(end)
	if !end.Equal(k.ExpiresAt) {
		why = fmt.Sprintf("is older than the %s that it may become", span(time.Duration(k.MaxAgeSeconds)*time.Second))
	}
	return fault.Hint(fmt.Errorf("API key %s (%s) %s", k.Name, maskOf(k), why), "to replace it: "+ours("apikey", "rotate", k.Name))
}

// endsSoon reports whether it is time to warn of a key's end.
func endsSoon(k *cache.APIKey, now time.Time) bool {
	end := k.EndsAt()
	return !end.IsZero() && end.Sub(now) < min(warnAhead, end.Sub(k.CreatedAt)/warnPart)
}

// cachedAPIKey is cachedAnswer for an API key: one file is read, and on anything
// out of the ordinary the ordinary way is taken.
func cachedAPIKey(o *options) ([]byte, bool) {
	damaged := false
	k, err := cache.Open(o.cacheDir, func(string) { damaged = true }).APIKey(o.apiKey)
	if err != nil || damaged || k.Key.IsZero() || k.KeyIn != "" || endsSoon(k, time.Now()) {
		return nil, false
	}
	doc, err := encodeAPIKey(o, k, time.Now())
	return doc, err == nil
}

// printAPIKey prints an API key.
func printAPIKey(ctx context.Context, o *options) error {
	k, err := apiKeyOf(ctx, o)
	if err != nil {
		return err
	}
	doc, err := encodeAPIKey(o, k, time.Now())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(doc)
	return err
}

// apiKeyOf reads the key that the settings name, and warns, once a day, when its
// end is near. It needs neither a lock nor the network.
func apiKeyOf(ctx context.Context, o *options) (*cache.APIKey, error) {
	a := &apiKeys{o: o, store: cache.Open(o.cacheDir, func(what string) { warn(errors.New(what)) })}
	k, err := a.findKey(ctx, o.apiKey)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if apiKeyEnded(k, now) == nil && endsSoon(k, now) && a.store.WarnOfAPIKey(k.Name, warnEvery, now) {
		what := "ends"
		if end := k.EndsAt(); !end.Equal(k.ExpiresAt) {
			what = "reaches its age limit"
		}
		warn(fmt.Errorf("API key %s %s in %s; to replace it: sso-exec apikey rotate %s", k.Name, what, span(k.EndsAt().Sub(now)), k.Name))
	}
	return k, nil
}

// encodeAPIKey renders a key as a token is rendered, with the header that its API
// wants.
func encodeAPIKey(o *options, k *cache.APIKey, now time.Time) ([]byte, error) {
	if k.Identity == credential.Human {
		return nil, fault.Hint(fmt.Errorf("API key %s: API keys are for services, and this one is a person's", k.Name), "people sign in: sso-exec login")
	}
	if err := apiKeyEnded(k, now); err != nil {
		return nil, err
	}
	if end := k.EndsAt(); o.minTTL > 0 && !end.IsZero() && end.Sub(now) < o.minTTL {
		return nil, fmt.Errorf("API key %s ends in %s, sooner than --min-ttl %v", k.Name, span(end.Sub(now)), o.minTTL)
	}
	line, err := headerLine(cmp.Or(k.Header, defaultHeader), k.Key.Reveal())
	if err = errors.Join(err, checkKeyText(k.Key.Reveal())); err != nil { // somebody edited the file
		return nil, fault.Say(&session.StorageError{Err: errors.New(err.Error())}, fmt.Sprintf("API key %s, as its file has it, cannot be sent: %v", k.Name, err),
			"store it again: "+ours("apikey", "set", k.Name, "--yes"))

	}
	if o.output == plugin.TokenHeader {
		if !o.noNewline {
			line += "\n"
		}
		return []byte(line), nil
	}
	c := credential.Credential{Token: k.Key, IssuedAt: k.CreatedAt, ExpiresAt: k.EndsAt(), StoredAt: k.StoredAt}
	if name, scheme, _ := parseHeader(cmp.Or(k.Header, defaultHeader)); http.CanonicalHeaderKey(name) == "Authorization" {
		c.TokenType = scheme
	}
	return plugin.EncodeToken(o.output, !o.noNewline, c)
}
