package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file finds sessions that are not named by flags: all of a cache, one by
// its ID, those of the config's profiles.

// idLength is how much of a session's key is shown as its ID.
const idLength = 12

func idOf(skey string) string { return skey[:min(idLength, len(skey))] }

// whichFlags say which session is meant: beside --all or an ID they contradict.
// Their variables do not: those are about commands that use one session.
var whichFlags = []string{"profile", "issuer", "client-id", "client-secret-file", "scope", "audience", "resource", "session", "organization",
	"identity", "provider", "store", "auth-param", "client-secret-command", "client-secret-fd", "client-key-file", "client-key-command", "subject-token-from"}

// howFlags say how a provider or a person is reached. They hold for every
// profile, and are no part of a session's key.
var howFlags = []string{"interactive", "flow", "device", "browser", "redirect-uri", "login-hint", "login-timeout", "http-timeout", "ca-file", "ca-data",
	"min-ttl", "cache-dir"}

// noWhich refuses flags that name a session beside what already does.
func (o *options) noWhich(beside string, but ...string) error {
	for _, name := range whichFlags {
		if o.typed[name] && !slices.Contains(but, name) {
			return fault.Usagef("%s and --%s contradict each other: leave one of them out", beside, name)
		}
	}
	return nil
}

// named reports whether a flag or a variable says which session is meant.
func (o *options) named() bool {
	return slices.ContainsFunc([]string{"profile", "issuer", "client-id", "scope", "audience", "resource", "session", "organization", "identity"},
		func(name string) bool { return o.given[name] })
}

// profileOptions returns the settings of a profile, with those flags and
// variables that say how, or where things are.
func profileOptions(base *options, c *config.Config, name string) (*options, error) {
	p, err := c.Profile(name, profileKeys())
	if err != nil {
		return nil, fault.Usagef("config: %w", err)
	}
	o := newOptions(base.tool)
	o.given = map[string]bool{}
	o.config, o.profile, o.typed, o.fromProfile = base.config, name, base.typed, true
	for _, flag := range howFlags { // first: what is given stands above the profile
		if flag == "flow" && ofService(p.Settings) { // that is for people
			continue
		}
		if base.given[flag] {
			if err := o.take(base, flag); err != nil {
				return nil, err
			}
		}
	}
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

// namesProfile reports whether a word of the command line is a profile's name: always
// under login; where it may be a session's ID, if there is such a profile.
func (o *options) namesProfile(word string) bool {
	switch o.tool {
	case toolLogin:
		return true
	case toolLogout, toolWhoami:
		named := cmp.Or(o.flags.Lookup("config").Value.String(), os.Getenv(envName("config")))
		c, err := config.DefaultPaths(named).Open()
		return err == nil && slices.Contains(c.Names(), word)
	}
	return false
}

// ofService reports whether a profile is a service's.
func ofService(profile map[string]config.Value) bool {
	is := func(key string, service func(string) bool) bool {
		return slices.ContainsFunc(profile[key].Values, service)
	}
	return is("identity", func(v string) bool { return v == credential.Service }) || is("flow", isServiceFlow)
}

// take gives a flag the value that it has in other settings.
func (o *options) take(from *options, flag string) error {
	v := from.flags.Lookup(flag).Value
	values := []string{v.String()}
	if list, ok := v.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	for _, value := range values {
		if err := o.flags.Set(flag, value); err != nil {
			return err
		}
	}
	o.given[flag] = true
	return nil
}

// profiles returns the settings of every profile that has a session, by name,
// and what is wrong with others, an error each. One without an issuer or a client
// ID is what others extend. err is of the config as a whole.
func profiles(base *options) (all []*options, wrong []error, err error) {
	c, err := config.DefaultPaths(base.config).Open()
	if err != nil {
		var unsafe *userfile.UnsafeError
		if errors.As(err, &unsafe) {
			return nil, nil, err
		}
		return nil, nil, fault.Usagef("config: %w", err)
	}
	for _, name := range c.Names() {
		o, err := profileOptions(base, c, name)
		if err == nil && (o.issuer == "" && o.needsProvider() || o.clientID == "" && o.needsClientID()) {
			continue
		}
		if err == nil {
			err = o.check()
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("profile %q: %w", name, err))
			continue
		}
		all = append(all, o)
	}
	return all, wrong, nil
}

// knownProfiles is profiles for commands that can do without: what is wrong is
// told under -v alone, and that the config cannot be read was told before.
func knownProfiles(base *options) map[string][]*options {
	all, wrong, err := profiles(base)
	if err == nil && (base.verbose || base.logLevel == "info" || base.logLevel == "debug") {
		for _, err := range wrong {
			warn(err)
		}
	}
	return bySession(all)
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
	return cache.Open(o.cacheDir, func(what string) { warn(errors.New(what)) })
}

// found is a session that is stored; err is why it could not be read.
type found struct {
	cache.Entry
	err error
}

func (f found) damaged() bool { return errors.Is(f.err, cache.ErrCorrupt) }

// storageFailure is the error of a session that cannot be touched.
func (f found) storageFailure() error {
	if exitCode(f.err) == exitOther {
		return &session.StorageError{Err: f.err}
	}
	return f.err
}

// storedSessions lists all sessions, those last that could not be read.
func storedSessions(o *options) ([]found, error) {
	entries, unread, err := openCache(o).List()
	var all []found
	for _, e := range entries {
		all = append(all, found{Entry: e})
	}
	for _, u := range unread {
		all = append(all, found{cache.Entry{Key: u.Key}, u.Err})
	}
	return all, err
}

// sessionsByID returns the sessions whose IDs begin like the given ones, each of
// which must be one and no other.
func sessionsByID(all []found, ids []string) ([]found, error) {
	var list []found
	for _, id := range ids {
		match := func(f found) bool { return strings.HasPrefix(f.Key, strings.ToLower(id)) }
		first := slices.IndexFunc(all, match)
		switch {
		case first < 0 && len(ids) == 1: // else none of them can be a profile
			return nil, fault.InUsage(fmt.Errorf("no session has the ID %q, and no profile has that name", id), "see: "+ours("status"))
		case id == "" || first < 0:
			return nil, fault.InUsage(fmt.Errorf("no session has the ID %q", id), "see: "+ours("status"))
		case slices.ContainsFunc(all[first+1:], match):
			return nil, fault.InUsage(fmt.Errorf("several sessions have an ID that begins with %q", id), "see: "+ours("status"))
		}
		list = append(list, all[first])
	}
	return list, nil
}

// reach is how the provider is reached, for the session's record. The paths are
// made absolute: the session may be ended from anywhere.
func (o *options) reach() cache.Reach {
	r := cache.Reach{Provider: o.dialect().Name, CAFile: o.caFile, CAData: o.caData, Roots: o.extraRoots().hash,
		ClientSecretFile: o.clientSecretFile, ClientKeyFile: o.clientKeyFile, ClientCertFile: o.clientCertFile,
		ClientKeyID: o.clientKeyID, ClientAuth: o.clientAuth, Login: o.sessionWords()}
	if o.profile != "" && !o.given["profile"] {
		r.Login = append(r.Login, "--profile="+o.profile)
	}
	if o.assertionAudience != o.flags.Lookup("assertion-audience").DefValue {
		r.AssertionAudience = o.assertionAudience
	}
	for _, path := range []*string{&r.CAFile, &r.ClientSecretFile, &r.ClientKeyFile, &r.ClientCertFile} {
		if abs, err := filepath.Abs(*path); err == nil && *path != "" {
			*path = abs
		}
	}
	return r
}

// optionsFor returns the settings by which to reach the provider of a session:
// those of a profile that it belongs to, else what the session itself tells.
func optionsFor(base *options, f found, by map[string][]*options) *options {
	if of := by[f.Key]; len(of) > 0 {
		o := *of[0]
		o.cacheDir = base.cacheDir // where it was found
		return &o
	}
	o := *base
	if f.Session == nil {
		return &o
	}
	o.issuer, o.clientID = f.Session.Issuer, f.Session.ClientID
	if base.issuer != o.issuer || base.clientID != o.clientID {
		o.forgetClient() // what is given is another client's
	}
	r := f.Session.Reach
	o.signedInBy = r.Login
	if ofProfile := func(word string) bool { return strings.HasPrefix(word, "--profile=") }; r.Login == nil || slices.ContainsFunc(r.Login, ofProfile) {
		o.signedInBy = wordsOfRecord(f.Session) // of an older version, or that profile says something else today
	}
	if !base.given["provider"] {
		o.provider = r.Provider
	}
	// The CA is what it was, or the same one from somewhere else.
	if len(base.givenRoots()) == 0 || base.extraRoots().hash != r.Roots {
		o.caFile, o.caData = "", r.CAData
		if stillThere(r.CAFile) {
			o.caFile = r.CAFile
		}
	}
	if !o.hasCredential() && (stillThere(r.ClientSecretFile) || stillThere(r.ClientKeyFile)) {
		o.forgetClient() // or a variable's secret, which is another client's, would be sent
		o.clientSecretFile, o.clientKeyFile, o.clientCertFile = r.ClientSecretFile, r.ClientKeyFile, r.ClientCertFile
		o.clientKeyID, o.clientAuth = r.ClientKeyID, r.ClientAuth
		if r.AssertionAudience != "" {
			o.assertionAudience = r.AssertionAudience
		}
	}
	return &o
}

// wordsOfRecord are the flags by which a session can be signed in to again, as far as
// its record tells.
func wordsOfRecord(rec *cache.Session) (words []string) {
	provider := rec.Reach.Provider
	if provider == dialect.Of(rec.Issuer).Name {
		provider = ""
	}
	scopes := slices.DeleteFunc(slices.Clone(rec.Scopes), func(s string) bool { return s == "openid" || s == "offline_access" })
	for _, w := range []struct {
		flag   string
		values []string
	}{
		{"issuer", []string{rec.Issuer}}, {"client-id", []string{rec.ClientID}}, {"provider", []string{provider}},
		{"client-secret-file", []string{rec.Reach.ClientSecretFile}}, {"scope", scopes}, {"audience", []string{rec.Audience}},
		{"resource", rec.Resources}, {"session", []string{rec.Label}}, {"organization", []string{rec.Organization}},
		{"ca-file", []string{rec.Reach.CAFile}}, {"ca-data", []string{rec.Reach.CAData}},
	} {
		for _, v := range w.values {
			if v != "" {
				words = append(words, "--"+w.flag+"="+v)
			}
		}
	}
	return words
}

// stillThere reports whether a file that was named at the sign-in is still there.
func stillThere(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
