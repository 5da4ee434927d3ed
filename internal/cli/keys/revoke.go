package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workos"
)

// revocation is what apikey revoke was asked for.
type revocation struct {
	yes, forget bool
	expireIn    time.Duration
}

func newAPIKeyRevoke() *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke NAME",
		Short: "end an API key at its provider, and forget it",
		Long: `End an API key and forget it. WorkOS's keys are deleted there first, or with
--expire-in end there a little later, and stay stored. Others cannot be revoked
from here: they are only forgotten, and a line says where to revoke them.`,
		Example: "  sso-exec apikey revoke acme\n  sso-exec apikey revoke acme-ci --expire-in 1h --yes",
	}
	var r revocation
	c.Flags().DurationVar(&r.expireIn, "expire-in", 0, "let a key of WorkOS work for this long")
	c.Flags().BoolVar(&r.forget, "forget", false, "only forget it here, and ask no provider")
	c.Flags().BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	return oneKey(c, true, func(ctx context.Context, a *apiKeys, name string) error {
		k, err := a.find(ctx, name)
		if err != nil {
			return err
		}
		if r.expireIn < 0 || r.expireIn > 0 && (r.forget || k.Provider != apikeys.ProviderWorkOS) {
			return fault.Usagef("--expire-in %v: only a key of WorkOS's can be ended later", r.expireIn)
		}
		return a.revoke(ctx, k, &r)
	})
}

func (a *apiKeys) revoke(ctx context.Context, k *cache.APIKey, r *revocation) error {
	atProvider := k.Provider == apikeys.ProviderWorkOS && !r.forget
	if !r.yes {
		question := fmt.Sprintf("Forget API key %s (%s)? It cannot be revoked from here.", k.Name, apikeys.MaskOf(k))
		if atProvider {
			question = fmt.Sprintf("Revoke API key %s (%s) at WorkOS, and forget it?", k.Name, apikeys.MaskOf(k))
		}
		if !talk.CanAsk() {
			return fault.InUsage(talk.ErrNobody(), "give --yes")
		}
		if ok, err := talk.Confirm(question); err != nil || !ok {
			return err
		}
	}
	var text string
	err := a.locked(ctx, k.Name, func() error {
		now, err := a.find(ctx, k.Name)
		if err != nil {
			return err
		}
		if !sameKey(now, k) {
			return fault.Hint(fmt.Errorf("API key %s was replaced by somebody else meanwhile; nothing was revoked", k.Name),
				"see which one is stored: "+a.o.Ours("apikey", "list"))
		}
		if atProvider {
			text, err = a.revokeAtWorkOS(ctx, now, r)
			return err
		}
		text = fmt.Sprintf("Forgot API key %s (%s).\n  it is NOT revoked, and works on: revoke it %s\n", k.Name,
			apikeys.MaskOf(k), whereManaged(k))
		return acquire.APIKeyStorage(ctx, k.Name, a.store.RemoveAPIKey(k.Name))
	})
	if err != nil {
		return err
	}
	return talk.Print(text)
}

// revokeAtWorkOS ends a key, and what a run that was cut off has left.
func (a *apiKeys) revokeAtWorkOS(ctx context.Context, k *cache.APIKey, r *revocation) (text string, err error) {
	client, err := a.workos(ctx, k)
	if err == nil {
		err = a.sweep(ctx, client, k)
	}
	if err == nil && k.Previous != nil {
		_, err = a.retire(ctx, client, k, 0)
	}
	if err != nil {
		return "", err
	}
	if r.expireIn > 0 {
		return a.expireAtWorkOS(ctx, client, k, time.Now().Add(r.expireIn))
	}
	done := "deleted at WorkOS, and forgotten here"
	if k.KeyID != "" {
		switch err := client.DeleteAPIKey(ctx, k.KeyID); {
		case workos.Gone(err):
			done = "was gone at WorkOS, and is forgotten here"
		case err != nil:
			return "", err
		}
	}
	return fmt.Sprintf("Revoked API key %s (%s).\n  %s\n", k.Name, apikeys.MaskOf(k), done),
		acquire.APIKeyStorage(ctx, k.Name, a.store.RemoveAPIKey(k.Name))
}

func (a *apiKeys) expireAtWorkOS(ctx context.Context, client workos.Client, k *cache.APIKey, end time.Time) (string,
	error) {
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(end) { // to expire it would put its end off
		end = k.ExpiresAt
	} else if err := client.ExpireAPIKey(ctx, k.KeyID, end); err != nil {
		return "", err
	}
	text := fmt.Sprintf("API key %s (%s) ends at WorkOS %s.\n"+
		"  it stays stored; to forget it then: sso-exec apikey revoke %s\n", k.Name, apikeys.MaskOf(k),
		endText(end, time.Now()), k.Name)
	k.ExpiresAt, k.Key = end.UTC(), credential.Secret{} // the key stays where it is
	return text, a.save(ctx, k)
}
