package keys

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// rotation is what apikey rotate was asked for.
type rotation struct {
	helper, expires, maxAge string
	grace                   time.Duration
	unchecked               bool
}

func newAPIKeyRotate() *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate NAME",
		Short: "replace an API key by its successor",
		Long: `Replace an API key, and keep what is noted about it. WorkOS's keys are made from
here, with the owner, the permissions and the lifetime of the old one. The new
key is stored before the old one is ended. Make any other key where the old one
was made, and pass it on stdin or from a helper; it must be accepted at the
key's check URL, if one is noted.`,
		Example: "  sso-exec apikey rotate acme < new-key\n  sso-exec apikey rotate workos-ci --grace 1h",
	}
	var r rotation
	c.Flags().Var(settings.Command.Var(&r.helper), "from-command",
		"`command` that prints the new key; split into words, no shell")
	c.Flags().StringVar(&r.expires, "expires", "",
		"`when` the new key ends: 2027-01-31, 90d from now, or a moment of RFC 3339")
	c.Flags().StringVar(&r.maxAge, "max-age", "", "`age` that it may reach (default: as the old one)")
	c.Flags().DurationVar(&r.grace, "grace", 5*time.Minute,
		"how long the old key of WorkOS goes on working; 0 ends it at once")
	c.Flags().BoolVar(&r.unchecked, "unchecked", false, "do not ask the check URL whether the new key is good")
	return oneKey(c, true, func(ctx context.Context, a *apiKeys, name string) error {
		if r.grace < 0 {
			return fault.Usagef("--grace must not be negative")
		}
		k, err := a.find(ctx, name)
		if err != nil {
			return err
		}
		if k.Provider == apikeys.ProviderWorkOS {
			return a.rotateAtWorkOS(ctx, k, &r)
		}
		return a.rotateByHand(ctx, k, &r)
	})
}

// apply gives a successor its life. Without a word about its end it has that of
// its predecessor's length, if guess is allowed.
func (r *rotation) apply(k *cache.APIKey, guess bool, now time.Time) error {
	end, err := parseEnd(r.expires, now)
	if err != nil {
		return err
	}
	if r.maxAge != "" {
		if k.MaxAgeSeconds, err = parseMaxAge(r.maxAge); err != nil {
			return err
		}
	}
	if end.IsZero() && guess && !k.ExpiresAt.IsZero() && k.ExpiresAt.After(k.CreatedAt) {
		end = now.Add(k.ExpiresAt.Sub(k.CreatedAt)).Truncate(time.Second).UTC()
	}
	k.CreatedAt, k.ExpiresAt = now.UTC(), end
	return nil
}

// rotateByHand takes a key that somebody has made. Until the write that replaces
// the old one, that is what is stored.
func (a *apiKeys) rotateByHand(ctx context.Context, old *cache.APIKey, r *rotation) error {
	now := time.Now()
	k := *old
	if err := r.apply(&k, false, now); err != nil {
		return err
	}
	was, err := a.store.APIKeyWithKey(ctx, old.Name)
	if err != nil {
		return acquire.APIKeyUnread(ctx, a.o, old.Name, err)
	}
	if k.Key, err = a.readKey(ctx, k.Name, r.helper); err != nil {
		return err
	}
	if k.Key.Equal(was.Key) {
		return fault.Usagef("API key %s: that is the key which is stored already", k.Name)
	}
	if k.CheckURL != "" && !r.unchecked {
		if err := a.tryKey(ctx, k.Name, k.Header, k.Key, k.CheckURL); err != nil {
			return fmt.Errorf("the new key was not stored: %w", err)
		}
	}
	err = a.locked(ctx, k.Name, func() error {
		stored, err := a.find(ctx, k.Name)
		if err != nil {
			return err
		}
		if !sameKey(stored, old) {
			return fault.Hint(fmt.Errorf("API key %s was replaced by somebody else meanwhile; the new key was not stored",
				k.Name),
				"see which one is stored: "+a.o.Ours("apikey", "list"))
		}
		return a.save(ctx, &k)
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Rotated API key %s: %s\n", k.Name, apikeys.MaskOf(&k))
	fmt.Fprintf(&b, "  the old one (%s) still works: revoke it %s\n", apikeys.MaskOf(old), whereManaged(&k))
	if k.EndsAt().IsZero() {
		b.WriteString("  when the new one expires is not noted: --expires, --max-age\n")
	} else {
		fmt.Fprintf(&b, "  the new one ends %s\n", endText(k.EndsAt(), now))
	}
	return talk.Print(b.String())
}

// whereManaged tells where a person revokes a key that is not managed from here.
func whereManaged(k *cache.APIKey) string {
	if k.ManageURL != "" {
		return "at " + k.ManageURL
	}
	return "where it was made"
}
