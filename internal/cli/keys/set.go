package keys

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// keyNotes are what is noted of a key, as flags give it.
type keyNotes struct {
	header, owner, expires, maxAge, manageURL, checkURL string
	scopes                                              []string
}

func (n *keyNotes) add(f *pflag.FlagSet) {
	f.StringVar(&n.header, "header", apikeys.DefaultHeader,
		"`header` that the API wants the key in: X-API-Key, Authorization, \"Authorization: Bearer\"")
	f.StringVar(&n.expires, "expires", "", "`when` the key ends: 2027-01-31, 90d from now, or a moment of RFC 3339")
	f.StringVar(&n.maxAge, "max-age", "", "`age` that it may reach: 90d; past that it is no longer given out")
	f.StringVar(&n.owner, "owner", "", "`owner` who answers for it: a team, an address")
	f.StringVar(&n.manageURL, "manage-url", "", "`URL` at which a person revokes it")
	f.StringVar(&n.checkURL, "check-url", "",
		"`URL` that answers a GET with the key by 2xx if it is good, by 401 or 403 if not")
}

func (n *keyNotes) addScopes(f *pflag.FlagSet) {
	f.StringSliceVar(&n.scopes, "scope", nil, "what the key allows, as its provider calls it; repeatable, commas allowed")
}

// record makes the record of a key out of them.
func (n *keyNotes) record(name string, now time.Time) (*cache.APIKey, error) {
	if _, _, err := apikeys.ParseHeader(n.header); err != nil {
		return nil, err
	}
	end, err := parseEnd(n.expires, now)
	if err != nil {
		return nil, err
	}
	age, err := parseMaxAge(n.maxAge)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(parseAddress("manage-url", n.manageURL), parseAddress("check-url", n.checkURL)); err != nil {
		return nil, err
	}
	for _, text := range append([]string{n.owner}, n.scopes...) {
		if apikeys.HasKeyPrefix(text) {
			return nil, apikeys.ErrKeyOnArgv()
		}
	}
	return &cache.APIKey{Name: name, Header: n.header, Scopes: talk.OrEmpty(n.scopes), Owner: flows.Clean(n.owner, 200),
		Identity:  credential.Service,
		CreatedAt: now.UTC(), ExpiresAt: end, MaxAgeSeconds: age, ManageURL: n.manageURL, CheckURL: n.checkURL}, nil
}

func newAPIKeySet() *cobra.Command {
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "store an API key, from stdin or a helper",
		Long: `Store an API key under a name. It is read from stdin (on a terminal it is asked
for, and not shown) or is what a helper prints. Note what it allows, whose it is
and when it ends: sso-exec warns before that. Its provider is not asked:
sso-exec apikey validate does that.`,
		Example: "  sso-exec apikey set acme --header X-API-Key --expires 2027-01-31 < key\n" +
			"  sso-exec apikey set acme --max-age 90d --from-command \"pass show acme/ci\"",
	}
	var n keyNotes
	var helper string
	var yes bool
	c.Flags().Var(settings.Command.Var(&helper), "from-command",
		"`command` that prints the key; split into words, no shell")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "replace a key of that name without asking")
	n.add(c.Flags())
	n.addScopes(c.Flags())
	return oneKey(c, false, func(ctx context.Context, a *apiKeys, name string) error {
		k, err := n.record(name, time.Now())
		if err != nil {
			return err
		}
		return a.set(ctx, k, helper, yes)
	})
}

// set stores a key that is new, or that replaces one which somebody agreed to
// lose.
func (a *apiKeys) set(ctx context.Context, k *cache.APIKey, helper string, yes bool) error {
	was, err := a.overwritten(k.Name)
	if err != nil {
		return err
	}
	if was != "" && !yes {
		if !talk.CanAsk() {
			return fault.InUsage(fmt.Errorf("an API key %q is stored already%s", k.Name, was),
				"to replace it, give --yes; to keep what is noted of it: "+a.o.Ours("apikey", "rotate", k.Name))
		}
		if ok, err := talk.Confirm(fmt.Sprintf("An API key %s is stored already%s. Replace it, and keep nothing of it?",
			k.Name, was)); err != nil || !ok {
			return err
		}
	}
	if k.Key, err = a.readKey(ctx, k.Name, helper); err != nil {
		return err
	}
	err = a.locked(ctx, k.Name, func() error {
		now, err := a.overwritten(k.Name)
		if err != nil {
			return err
		}
		if now != was && !yes {
			return fault.InUsage(fmt.Errorf("somebody else stored an API key %q meanwhile%s; nothing was changed", k.Name,
				now), "to replace that one, run the command again")
		}
		return a.save(ctx, k)
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Stored API key %s: %s\n", k.Name, apikeys.MaskOf(k))
	if was != "" {
		fmt.Fprintf(&b, "  the one before it%s is not kept; if it still works, revoke it where it was made\n", was)
	}
	if k.EndsAt().IsZero() {
		b.WriteString("  no expiry is noted, so there will be no warning: --expires, --max-age\n")
	} else {
		fmt.Fprintf(&b, "  it ends %s\n", endText(k.EndsAt(), time.Now()))
	}
	return talk.Print(b.String())
}

// overwritten tells, in brackets, which key is stored under a name; nothing if
// there is none.
func (a *apiKeys) overwritten(name string) (string, error) {
	k, err := a.store.APIKey(name)
	switch {
	case errors.Is(err, cache.ErrNotExist):
		return "", nil
	case errors.Is(err, cache.ErrCorrupt):
		return " (its file does not parse)", nil
	case err != nil:
		return "", acquire.APIKeyUnread(context.Background(), a.o, name, err)
	}
	return fmt.Sprintf(" (%s, stored %s)", apikeys.MaskOf(k), talk.Clock(k.StoredAt)), nil
}

// endText tells when a key ends.
func endText(end, now time.Time) string {
	if !end.After(now) {
		return "on " + apikeys.Date(end) + ", which is past"
	}
	return "on " + apikeys.Date(end) + ", in " + apikeys.Span(end.Sub(now))
}

// parseSpan takes a length of time: 90d, 2w, or as time.ParseDuration has it.
func parseSpan(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": apikeys.Day, "w": 7 * apikeys.Day} {
		if n, err := strconv.Atoi(strings.TrimSuffix(s, unit)); err == nil && strings.HasSuffix(s, unit) && n > 0 &&
			n <= 36500 {
			return time.Duration(n) * d, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("give a length of time, as 90d, 2w or 12h")
	}
	return d, nil
}

// parseEnd takes the end of a key: a day, which ends it as it begins (UTC), a
// moment of RFC 3339, or how long from now.
func parseEnd(s string, now time.Time) (end time.Time, err error) {
	if s == "" {
		return time.Time{}, nil
	}
	if end, err = time.Parse(time.DateOnly, s); err != nil {
		end, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		d, derr := parseSpan(s)
		if derr != nil {
			return end, fault.Usagef("--expires %s: give a day (2027-01-31), a moment (RFC 3339) or a length of time (90d)",
				apikeys.Told(s))
		}
		end = now.Add(d).Truncate(time.Second)
	}
	if !end.After(now) {
		return end, fault.Usagef("--expires %s: that is past", apikeys.Told(s))
	}
	return end.UTC(), nil
}

// parseMaxAge takes an age limit; 0 is none.
func parseMaxAge(s string) (seconds int64, err error) {
	if s == "" {
		return 0, nil
	}
	d, err := parseSpan(s)
	if err == nil && d < time.Second {
		err = errors.New("invalid age")
	}
	if err != nil {
		return 0, fault.Usagef("--max-age %s: %w", apikeys.Told(s), err)
	}
	return int64(d / time.Second), nil
}

// parseAddress checks a URL that a key is managed or checked at.
func parseAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if !strings.Contains(address, "://") && apikeys.LooksLikeKey(address) {
		return apikeys.ErrKeyOnArgv()
	}
	if _, err := flows.CheckURL("--"+flag, address); err != nil {
		return fault.InUsage(err)
	}
	return nil
}
