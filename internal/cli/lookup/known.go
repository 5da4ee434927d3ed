// Package lookup finds sessions that no flags name: all of a cache, one by its ID,
// those of the config's profiles. It completes words too.
package lookup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file finds sessions that are not named by flags: all of a cache, one by
// its ID, those of the config's profiles.

// idLength is how much of a session's key is shown as its ID.
const idLength = 12

// IDOf is the ID that people see of a session: the beginning of its key.
func IDOf(skey string) string { return skey[:min(idLength, len(skey))] }

// NoWhich refuses flags that name a session next to what already does.
func NoWhich(o *settings.Resolved, selector string, but ...string) error {
	for _, name := range settings.With(settings.Contradicts) {
		if o.From.Typed(name) && !slices.Contains(but, name) {
			return fault.Usagef("%s and --%s contradict each other: leave one of them out", selector, name)
		}
	}
	return nil
}

// Named reports whether a flag or a variable says which session is meant.
func Named(o *settings.Resolved) bool {
	return slices.ContainsFunc(settings.With(settings.Names), o.From.Given)
}

// profileOptions returns the settings of a profile, with those flags and
// variables that say how, or where things are.
func profileOptions(base *settings.Resolved, c *config.Config, name string) (*settings.Resolved, error) {
	p, err := c.Profile(name, settings.ProfileKeys())
	if err != nil {
		return nil, fault.Usagef("config: %w", err)
	}
	o := base.Another()
	o.Source.Config, o.Source.Profile, o.FromProfile = base.Source.Config, name, true
	for _, flag := range settings.With(settings.Reaches) { // first: what is given overrides the profile
		if flag == "flow" && settings.OfService(p.Settings) { // that is for people
			continue
		}
		if base.From.Given(flag) {
			o.Take(base, flag)
		}
	}
	if err := o.FillFromProfile(p.Settings); err != nil {
		return nil, err
	}
	if o.Storage.CacheDir == "" {
		o.Storage.CacheDir = base.Storage.CacheDir
	}
	o.Report.Explain, o.Report.Verbose, o.Report.LogLevel, o.Report.LogFile = base.Report.Explain, base.Report.Verbose,
		base.Report.LogLevel, base.Report.LogFile
	// The command for a person to run names the profile, and not its settings.
	if err := o.Set("profile", settings.ByFlag, name); err != nil {
		return nil, err
	}
	if base.Source.Config != "" {
		if err := o.Set("config", settings.ByFlag, base.Source.Config); err != nil {
			return nil, err
		}
	}
	return o, o.Settle()
}

// Profiles returns the settings of every profile that has a session, by name,
// and what is wrong with others, an error each. One without an issuer or a client
// ID is what others extend. err is of the whole config.
func Profiles(base *settings.Resolved) (all []*settings.Resolved, wrong []error, err error) {
	c, err := base.ConfigPaths().Open()
	if err != nil {
		if fault.Holds[*userfile.UnsafeError](err) {
			return nil, nil, err
		}
		return nil, nil, fault.Usagef("config: %w", err)
	}
	for _, name := range c.Names() {
		o, err := profileOptions(base, c, name)
		if err == nil && (o.Provider.Issuer == "" && o.NeedsProvider() || o.Provider.ClientID == "" && o.NeedsClientID()) {
			continue
		}
		if err == nil {
			err = o.Check()
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("profile %q: %w", name, err))
			continue
		}
		all = append(all, o)
	}
	return all, wrong, nil
}

// KnownProfiles is profiles for commands that can do without: what is wrong is
// told under -v alone, and that the config cannot be read was told before.
func KnownProfiles(base *settings.Resolved) map[string][]*settings.Resolved {
	all, wrong, err := Profiles(base)
	if err == nil && (base.Report.Verbose || base.Report.LogLevel == "info" || base.Report.LogLevel == "debug") {
		for _, err := range wrong {
			talk.Warn(err)
		}
	}
	return bySession(all)
}

// bySession sorts profiles by the key of the session that they share.
func bySession(all []*settings.Resolved) map[string][]*settings.Resolved {
	by := map[string][]*settings.Resolved{}
	for _, o := range all {
		key := acquire.Request(o).SessionKey()
		by[key] = append(by[key], o)
	}
	return by
}

// CacheDirs lists where sessions may be stored: where this run stores its own, the
// usual place, and those that profiles name. A flag names the only one. A profile
// that cannot be read is reported, since its directory is then not known.
func CacheDirs(base *settings.Resolved) []string {
	usual := settings.For(base.Tool)
	if base.From.Typed("cache-dir") || usual.Settle() != nil {
		return compact(base.Storage.CacheDir)
	}
	dirs := []string{base.Storage.CacheDir, usual.Storage.CacheDir}
	c, err := config.DefaultPaths(base.Source.Config).Open()
	if err != nil {
		return compact(dirs...) // which was reported when the settings were read
	}
	for _, name := range c.Names() {
		p, err := c.Profile(name, settings.ProfileKeys())
		if err != nil {
			talk.Warn(fmt.Errorf("the cache directory of profile %q is skipped: %w", name, err))
			continue
		}
		dirs = append(dirs, p.Settings["cache-dir"].Values...)
	}
	return compact(dirs...)
}

// compact leaves out what is empty, or there twice.
func compact(list ...string) (once []string) {
	for _, s := range list {
		if s != "" && !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// OpenCache opens the cache for a command that looks at all of it.
func OpenCache(o *settings.Resolved) *cache.Store {
	return cache.Open(o.Storage.CacheDir, func(what string) { talk.Warn(errors.New(what)) })
}

// Found is a session that is stored; err is why it could not be read.
type Found struct {
	cache.Entry
	Err error
}

// Damaged reports whether its file was set aside, since it does not parse.
func (f Found) Damaged() bool { return errors.Is(f.Err, cache.ErrCorrupt) }

// StorageFailure is the error of a session that cannot be touched.
func (f Found) StorageFailure() error {
	if command.ExitCode(f.Err) == command.ExitOther {
		return &session.StorageError{Err: f.Err}
	}
	return f.Err
}

// StoredSessions lists all sessions, those last that could not be read.
func StoredSessions(o *settings.Resolved) ([]Found, error) {
	entries, unread, err := OpenCache(o).List()
	var all []Found
	for _, e := range entries {
		all = append(all, Found{Entry: e})
	}
	for _, u := range unread {
		all = append(all, Found{cache.Entry{Key: u.Key}, u.Err})
	}
	return all, err
}

// SessionsByID returns the sessions whose IDs begin like the given ones, each of
// which must be one and no other.
func SessionsByID(o *settings.Resolved, all []Found, ids []string) ([]Found, error) {
	var list []Found
	for _, id := range ids {
		match := func(f Found) bool { return strings.HasPrefix(f.Key, strings.ToLower(id)) }
		first := slices.IndexFunc(all, match)
		switch {
		case first < 0 && len(ids) == 1: // else none of them can be a profile
			return nil, fault.InUsage(fmt.Errorf("no session has the ID %q, and no profile has that name", id),
				"see: "+o.Ours("status"))
		case id == "" || first < 0:
			return nil, fault.InUsage(fmt.Errorf("no session has the ID %q", id), "see: "+o.Ours("status"))
		case slices.ContainsFunc(all[first+1:], match):
			return nil, fault.InUsage(fmt.Errorf("several sessions have an ID that begins with %q", id),
				"see: "+o.Ours("status"))
		}
		list = append(list, all[first])
	}
	return list, nil
}

// OptionsFor returns the settings by which to reach the provider of a session:
// those of a profile that it belongs to, else what the session itself tells.
func OptionsFor(base *settings.Resolved, f Found, by map[string][]*settings.Resolved) *settings.Resolved {
	if of := by[f.Key]; len(of) > 0 {
		o := *of[0]
		o.Storage.CacheDir = base.Storage.CacheDir // where it was found
		return &o
	}
	o := *base
	if f.Session == nil {
		return &o
	}
	o.Provider.Issuer, o.Provider.ClientID = f.Session.Issuer, f.Session.ClientID
	if base.Provider.Issuer != o.Provider.Issuer || base.Provider.ClientID != o.Provider.ClientID {
		o.ForgetClient() // what is given is another client's
	}
	r := f.Session.Reach
	o.SignedInBy = r.Login
	if ofProfile := func(word string) bool { return strings.HasPrefix(word, "--profile=") }; r.Login == nil ||
		slices.ContainsFunc(r.Login, ofProfile) {
		o.SignedInBy = wordsOfRecord(f.Session) // of an older version, or that profile says something else today
	}
	if !base.From.Given("provider") {
		o.Provider.Dialect = r.Provider
	}
	if o.ForgetCenter(); r.Provider == identitycenter.Name {
		c := aws.New(f.Session.Issuer, r.Region,
			identitycenter.Endpoints{OIDC: r.OIDCEndpoint, Portal: r.PortalEndpoint})
		c.Name = r.AWSCLIName
		o.SetCenter(c)
	}
	// The CA is what it was, or the same one from somewhere else.
	if len(base.GivenRoots()) == 0 || base.ExtraRoots().Hash != r.Roots {
		o.Network.CAFile, o.Network.CAData = "", r.CAData
		if stillThere(r.CAFile) {
			o.Network.CAFile = r.CAFile
		}
	}
	if !o.HasCredential() && (stillThere(r.ClientSecretFile) || stillThere(r.ClientKeyFile)) {
		o.ForgetClient() // or a variable's secret, which is another client's, would be sent
		o.Client.SecretFile, o.Client.KeyFile, o.Client.CertFile = r.ClientSecretFile, r.ClientKeyFile, r.ClientCertFile
		o.Client.KeyID, o.Client.Auth = r.ClientKeyID, r.ClientAuth
		if r.AssertionAudience != "" {
			o.Client.AssertionAudience = r.AssertionAudience
		}
	}
	return &o
}

// wordsOfRecord are the flags by which a session can be signed in to again, as far as
// its record tells.
func wordsOfRecord(rec *cache.Session) (words []string) {
	issuer, start, region := rec.Issuer, "", rec.Reach.Region
	provider := rec.Reach.Provider
	if provider == identitycenter.Name {
		issuer, start, provider = "", rec.Issuer, ""
	}
	if provider == dialect.Of(rec.Issuer).Name {
		provider = ""
	}
	scopes := slices.DeleteFunc(slices.Clone(rec.Scopes),
		func(s string) bool { return s == "openid" || s == "offline_access" })
	for _, w := range []struct {
		flag   string
		values []string
	}{
		{"issuer", []string{issuer}}, {"start-url", []string{start}}, {"sso-region", []string{region}},
		{"client-id", []string{rec.ClientID}}, {"provider", []string{provider}},
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
	return err == nil && userfile.IsRegular(st)
}
