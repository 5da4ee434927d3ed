package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

func newAPIKeyValidate() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate NAME",
		Short: "check whether a stored API key still works",
		Long: `Check a stored API key: whether it has ended by what is noted of it, and whether
its provider still accepts it, if that can be asked: WorkOS by its API, others
by a GET to --check-url, which is noted with the key once it has worked. The
exit code is 1 if the key is not accepted, and 5 if that could not be learnt.`,
		Example: "  sso-exec apikey validate acme --check-url https://api.example.com/v1/me",
	}
	var checkURL string
	c.Flags().StringVar(&checkURL, "check-url", "",
		"`URL` that answers a GET with the key by 2xx if it is good, by 401 or 403 if not")
	return oneKey(c, true, func(ctx context.Context, a *apiKeys, name string) error {
		if err := parseAddress("check-url", checkURL); err != nil {
			return err
		}
		k, err := acquire.FindKey(ctx, a.o, a.store, name)
		if err != nil {
			return err
		}
		if err := acquire.APIKeyEnded(a.o, k, time.Now()); err != nil {
			return err
		}
		said, err := a.validate(ctx, k, checkURL)
		if err != nil {
			return err
		}
		if end := k.EndsAt(); !end.IsZero() {
			said += "\n  it ends " + endText(end, time.Now())
		}
		_, err = fmt.Fprintf(talk.Out, "API key %s (%s): %s\n", name, apikeys.MaskOf(k), said)
		return err
	})
}

// validate asks the provider, in the way that is known, and notes what it learns.
func (a *apiKeys) validate(ctx context.Context, k *cache.APIKey, checkURL string) (said string, err error) {
	switch {
	case checkURL != "" || k.Provider == "" && k.CheckURL != "":
		to := k.CheckURL
		if checkURL != "" {
			to = checkURL
		}
		if err := a.tryKey(ctx, k.Name, k.Header, k.Key, to); err != nil {
			return "", err
		}
		return "accepted by " + talk.HostOf(to), a.note(ctx, k, func(now *cache.APIKey) bool {
			changed := now.CheckURL != to
			now.CheckURL = to
			return changed
		})
	case k.Provider == apikeys.ProviderWorkOS:
		return a.validateAtWorkOS(ctx, k)
	}
	return "it has not ended; whether its provider accepts it is not known\n  to check that: sso-exec apikey validate " +
		k.Name + " --check-url URL", nil
}

func (a *apiKeys) validateAtWorkOS(ctx context.Context, k *cache.APIKey) (said string, err error) {
	client, err := a.workos(ctx, k)
	if err != nil {
		return "", err
	}
	at, err := client.ValidateAPIKey(ctx, k.Key)
	if err != nil {
		return "", err
	}
	if at == nil {
		return "", a.notAccepted(k.Name, "WorkOS")
	}
	err = a.note(ctx, k, func(now *cache.APIKey) bool {
		changed := !now.ExpiresAt.Equal(at.ExpiresAt) || !slices.Equal(now.Permissions, at.Permissions) || now.KeyID != at.ID
		now.ExpiresAt, now.Permissions, now.KeyID = at.ExpiresAt, at.Permissions, at.ID
		return changed
	})
	k.ExpiresAt = at.ExpiresAt
	return "accepted by WorkOS", err
}

// note changes what is noted of a key, if it is still the same one, and if there
// is anything to change.
func (a *apiKeys) note(ctx context.Context, k *cache.APIKey, change func(*cache.APIKey) bool) error {
	probe := *k
	if !change(&probe) {
		return nil
	}
	return a.locked(ctx, k.Name, func() error {
		now, err := a.find(ctx, k.Name)
		if err != nil {
			return err
		}
		if !sameKey(now, k) || !change(now) {
			return nil
		}
		now.Key = credential.Secret{} // it stays where it is
		return a.save(ctx, now)
	})
}

// sameKey reports whether two records are of one key, which none has replaced.
func sameKey(a, b *cache.APIKey) bool {
	return a.CreatedAt.Equal(b.CreatedAt) && a.KeyID == b.KeyID && a.KeyringSlot == b.KeyringSlot &&
		a.Masked() == b.Masked() &&
		(a.KeyIn != "" || a.Key.Equal(b.Key))
}

func (a *apiKeys) notAccepted(name, by string) error {
	return fault.Hint(fmt.Errorf("API key %s: %s does not accept it", name, by),
		"it may have been revoked, or have ended; to replace it: "+a.o.Ours("apikey", "rotate", name))
}

// tryKey sends a key to a URL, as its API wants it. 2xx is good, 401 and 403 are
// not; all else says nothing about the key.
func (a *apiKeys) tryKey(ctx context.Context, name, header string, key credential.Secret, to string) error {
	if err := a.o.Policy.AllowURL(to); err != nil {
		return err
	}
	hc, err := a.http()
	if err != nil {
		return err
	}
	doing := "check API key " + name
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return fault.Usagef("--check-url: %w", err)
	}
	field, scheme, err := apikeys.ParseHeader(header)
	if err != nil {
		return err
	}
	if scheme != "" {
		scheme += " "
	}
	req.Header.Set("User-Agent", "sso-exec")
	req.Header.Set(field, scheme+key.Reveal())
	resp, err := hc.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if in, ok := errors.AsType[*url.Error](err); ok {
			err = in.Err
		}
		return &flows.UnavailableError{Doing: doing, Err: fmt.Errorf("no answer from %s: %w", req.URL.Host, err)}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	switch status := resp.StatusCode; {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return a.notAccepted(name, fmt.Sprintf("%s (status %d)", req.URL.Host, status))
	default:
		return &flows.UnavailableError{Doing: doing,
			Err: fmt.Errorf("%s answers with status %d, which says nothing about the key", req.URL.Host, status)}
	}
}
