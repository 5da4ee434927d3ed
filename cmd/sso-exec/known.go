package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file finds sessions that are not named by flags: all of a cache, one by
// its ID, those of the config's profiles.

// idLength is how much of a session's key is shown as its ID.
const idLength = 12

func idOf(skey string) string { return skey[:min(idLength, len(skey))] }

// profileOptions returns the settings of a profile alone, without flags and
// variables but those that tell where things are.
func profileOptions(base *options, c *config.Config, name string) (*options, error) {
	p, err := c.Profile(name, profileKeys())
	if err != nil {
		return nil, usagef("config: %w", err)
	}
	o := newOptions(base.tool)
	o.given = map[string]bool{}
	o.config, o.profile = base.config, name
	if err := o.fillFromProfile(p.Settings); err != nil {
		return nil, err
	}
	if o.cacheDir == "" {
		o.cacheDir = base.cacheDir
	}
	o.explain, o.verbose, o.logLevel, o.logFile = base.explain, base.verbose, base.logLevel, base.logFile
	// The command for a person to run names the profile, and not its settings.
	if err := o.flags.Set("profile", name); err != nil {
		return nil, err
	}
	o.given["profile"] = true
	if base.config != "" {
		o.given["config"] = o.flags.Set("config", base.config) == nil
	}
	return o, o.settle()
}

// profiles returns the settings of every profile that is in order, by name, and
// what is wrong with the others.
func profiles(base *options) (all []*options, err error) {
	c, err := config.DefaultPaths(base.config).Open()
	if err != nil {
		var unsafe *userfile.UnsafeError
		if errors.As(err, &unsafe) {
			return nil, err
		}
		return nil, usagef("config: %w", err)
	}
	var wrong error
	for _, name := range c.Names() {
		o, err := profileOptions(base, c, name)
		if err == nil {
			err = o.check()
		}
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("profile %q: %w", name, err))
			continue
		}
		all = append(all, o)
	}
	return all, wrong
}

// bySession sorts profiles by the key of the session that they share.
func bySession(all []*options) map[string][]*options {
	by := map[string][]*options{}
	for _, o := range all {
		key := o.request().SessionKey()
		by[key] = append(by[key], o)
	}
	return by
}

// openCache opens the cache for a command that looks at all of it.
func openCache(o *options) *cache.Store {
	return cache.Open(o.cacheDir, func(what string) { fmt.Fprintf(stderr, "sso-exec: warning: %s\n", oneLine(what)) })
}

// sessionsByID returns the sessions whose IDs begin like the given ones, each of
// which must be one and no other.
func sessionsByID(entries []cache.Entry, ids []string) ([]cache.Entry, error) {
	var found []cache.Entry
	for _, id := range ids {
		match := func(e cache.Entry) bool { return strings.HasPrefix(e.Key, strings.ToLower(id)) }
		first := slices.IndexFunc(entries, match)
		switch {
		case id == "" || first < 0:
			return nil, &usageError{fmt.Errorf("no session has the ID %q", id), "see: sso-exec status"}
		case slices.ContainsFunc(entries[first+1:], match):
			return nil, &usageError{fmt.Errorf("several sessions have an ID that begins with %q", id), "see: sso-exec status"}
		}
		found = append(found, entries[first])
	}
	return found, nil
}

// optionsFor returns the settings by which to reach the provider of a session:
// those of a profile that it belongs to, else what the session itself tells.
// Without a profile, flags and variables say how (a private CA, a secret).
func optionsFor(base *options, e cache.Entry, by map[string][]*options) *options {
	if of := by[e.Key]; len(of) > 0 {
		return of[0]
	}
	o := *base
	o.issuer, o.clientID = e.Session.Issuer, e.Session.ClientID
	if base.issuer != o.issuer || base.clientID != o.clientID {
		o.clientSecretFile = "" // it is another client's
	}
	return &o
}
