package sso

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// obey reads what the system's administrator allows, each time: it counts at once.
func (c *Client) obey() (*policy.Policy, error) {
	load := c.loadPolicy
	if load == nil {
		load = policy.Load
	}
	p, err := load()
	if err == nil && p != nil {
		err = c.obeys(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || !reflect.DeepEqual(c.policy, p) { // whether the token in memory may be used is to be seen
		c.held, c.policy = held{}, p
	}
	return p, err
}

// allows reports whether the token may go to a URL.
func (c *Client) allows(url string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy.AllowURL(url)
}

func (c *Client) obeys(p *policy.Policy) error {
	if err := c.obeysForAgent(p); err != nil {
		return err
	}
	if p.OverridesDenied {
		if err := c.isSystems(p); err != nil {
			return err
		}
	}
	service := c.base.Identity == credential.Service
	for _, r := range []struct{ rule, value string }{
		{"issuers", c.base.Issuer}, {"client-ids", c.ClientID}, {"organizations", c.Organization},
		{"stores", cmp.Or(c.Store, "file")},
	} {
		if err := p.Allow(r.rule, r.value); err != nil {
			return err
		}
	}
	if c.Flow != "" && c.Flow != "auto" && !service {
		if err := p.Allow("flows", c.Flow); err != nil {
			return err
		}
	}
	if c.Browser != "" && c.Browser != "none" {
		return p.AllowHelper("Browser")
	}
	return nil
}

// bind has a session's config keep to a policy.
func (c *Client) bind(cfg *session.Config, p *policy.Policy) (err error) {
	if cfg.Limits = session.LimitsOf(p); p == nil {
		return nil
	}
	cfg.Stay = cfg.Stay && cfg.Limits.Stores == nil
	if cfg.Identity != credential.Service {
		if cfg.RedirectURIs, err = p.Redirects(cfg.RedirectURIs); err != nil {
			return err
		}
	}
	if p.OverridesDenied && c.CacheDir == "" && cfg.CacheDir != "" {
		cfg.CacheDir, err = userfile.EntryCacheDir()
		if err != nil {
			return &fault.Error{Kind: fault.Storage, Err: err}
		}
	}
	return nil
}

// obeysForAgent refuses a coding agent a token, or any but what the profile gives that
// the policy names.
func (c *Client) obeysForAgent(p *policy.Policy) error {
	agent := agents.Seen()
	if agent.Name == "" || !p.Agents.Deny && p.Agents.Profile == "" {
		return nil
	}
	what := "a coding agent (" + agent.Name + ", variable " + agent.Variable + ")"
	if p.Agents.Deny {
		return p.Forbid("agents", what, "run it in a terminal of your own")
	}
	all, err := config.Paths{System: config.SystemPath()}.Open()
	if err != nil {
		return fault.InUsage(err)
	}
	mine := c.fields()
	if profile, err := all.Profile(p.Agents.Profile, profileKeys(mine)); err != nil {
		return fault.InUsage(err)
	} else if equalsProfile(mine, profile.Settings) {
		return nil
	}
	return p.Forbid("agents", what+" gets what profile \""+p.Agents.Profile+"\" gives, and these are other settings",
		"the profile is in "+config.SystemPath())
}

// isSystems refuses a Client that is not what one of the system's profiles says.
func (c *Client) isSystems(p *policy.Policy) error {
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} { // the program may have used them already
		if os.Getenv(name) != "" {
			return p.Forbid("overrides", "variable "+name, "unset it")
		}
	}
	path := config.SystemPath()
	all, err := config.Paths{System: path}.Open()
	if err != nil {
		return fault.InUsage(err)
	}
	mine := c.fields()
	for _, name := range all.Names() {
		profile, err := all.Profile(name, profileKeys(mine))
		if err == nil && equalsProfile(mine, profile.Settings) {
			return nil
		}
	}
	return p.Forbid("overrides", "settings that are not those of a profile", "the profiles are in "+path+": "+
		cmp.Or(strings.Join(all.Names(), ", "), "none"))
}

// unbound are keys of a profile that say nothing of a Client's token.
var unbound = []string{"agents", "audit", "hosts", "aws.role-arn", "aws.role-session-name", "aws.duration",
	"aws.region",
	"aws.sts-endpoint", "aws.policy-arn"}

// fields are the fields of a Client by the keys of a profile.
func (c *Client) fields() map[string][]string {
	duration := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	caFile, _ := filepath.Abs(c.CAFile)
	cacheDir, _ := filepath.Abs(c.CacheDir)
	return map[string][]string{
		"issuer": {c.Issuer}, "client-id": {c.ClientID}, "provider": {c.Provider}, "scopes": c.Scopes,
		"audience": {c.Audience}, "resource": c.Resource, "organization": {c.Organization},
		"token-type": {cmp.Or(c.TokenType, credential.AccessToken)}, "session": {c.Session}, "flow": {cmp.Or(c.Flow, "auto")},
		"device": {cmp.Or(c.Device, "allow")}, "browser": {c.Browser}, "redirect-uri": c.RedirectURIs,
		"login-hint": {c.LoginHint}, "auth-param": c.AuthParams, "acr": c.ACR, "max-age": {duration(c.MaxAge)},
		"claims": {c.Claims}, "par": {cmp.Or(c.PAR, "auto")}, "offline": {cmp.Or(c.Offline, "auto")},
		"login-timeout": {duration(c.LoginTimeout)}, "http-timeout": {duration(cmp.Or(c.HTTPTimeout, 15*time.Second))},
		"ca-file": {pathOrNone(c.CAFile, caFile)}, "ca-data": {c.CAData},
		"cache-dir": {pathOrNone(c.CacheDir, cacheDir)}, "store": {cmp.Or(c.Store, "file")}, "min-ttl": {duration(c.MinTTL)},
	}
}

func pathOrNone(given, abs string) string {
	if given == "" {
		return ""
	}
	return abs
}

// profileKeys are the keys that a profile which equals a Client may have.
func profileKeys(fields map[string][]string) (keys []config.Key) {
	for name := range fields {
		k := config.Key{Name: name}
		if name == "ca-file" || name == "cache-dir" {
			k.Type = config.Path
		}
		keys = append(keys, k)
	}
	for _, name := range append(slices.Clone(unbound), "interactive") {
		k := config.Key{Name: name}
		if section, inner, ok := strings.Cut(name, "."); ok {
			k.Section, k.Name = section, inner
		}
		if name == "agents" {
			k.Instead = "profile"
		}
		keys = append(keys, k)
	}
	return keys
}

// equalsProfile compares fields with a profile. A key that it does not have is at its
// default. That nobody is to be asked only tightens.
func equalsProfile(fields map[string][]string, profile map[string]config.Value) bool {
	defaults := (&Client{}).fields()
	for name, mine := range fields {
		theirs := defaults[name]
		if v, ok := profile[name]; ok {
			theirs = v.Values
		}
		if !slices.Equal(normal(mine), normal(theirs)) {
			return false
		}
	}
	return true
}

// normal is a list in one spelling: durations as [time.Duration] has them, scopes one by
// one, and what is empty left out.
func normal(values []string) (list []string) {
	for _, v := range values {
		if d, err := time.ParseDuration(v); err == nil {
			v = d.String()
		}
		list = append(list, strings.Fields(v)...)
	}
	return list
}
