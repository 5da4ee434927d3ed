package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workos"
)

// atWorkOS says whose keys at WorkOS are meant, and by which key it is asked.
type atWorkOS struct {
	provider, organization, user, with, apiURL string
}

func (w *atWorkOS) add(f *pflag.FlagSet) {
	f.StringVar(&w.provider, "provider", "", "provider whose keys are meant: workos")
	f.StringVar(&w.organization, "organization", "", "`ID` of the organization whose keys they are")
	f.StringVar(&w.user, "user", "", "`ID` of a user of it, for that user's keys instead")
	f.StringVar(&w.with, "with", "", "`name` of the stored API key that has the key of WorkOS's environment")
	f.StringVar(&w.apiURL, "api-url", workos.DefaultURL, "`URL` of WorkOS's API")
}

func (w *atWorkOS) check() error {
	for _, value := range []string{w.organization, w.user} {
		if apikeys.HasKeyPrefix(value) {
			return apikeys.ErrKeyOnArgv()
		}
	}
	switch {
	case w.provider != apikeys.ProviderWorkOS:
		return fault.InUsage(fmt.Errorf("--provider %s: only the API keys of workos can be managed from here",
			apikeys.Told(w.provider)), "others: make the key there, then sso-exec apikey set NAME")
	case w.organization == "":
		return fault.Usagef("--provider workos needs --organization ID")
	case w.with == "":
		return fault.InUsage(errors.New("--provider workos needs --with NAME: a stored API key that has the key of "+
			"WorkOS's environment"),
			"to store that one: sso-exec apikey set workos-env < FILE")
	}
	err := workos.CheckID("organization", w.organization)
	if err == nil && w.user != "" {
		err = workos.CheckID("user", w.user)
	}
	if err != nil {
		return fault.InUsage(err)
	}
	if err := apikeys.CheckAPIKeyName(w.with); err != nil {
		return err
	}
	return parseAddress("api-url", w.apiURL)
}

// unused refuses what means nothing without a provider.
func (w *atWorkOS) unused() error {
	if w.organization != "" || w.user != "" || w.with != "" {
		return fault.Usagef("--organization, --user and --with are about a provider's keys: give --provider workos too")
	}
	return nil
}

// workos returns the client by which a key is managed.
func (a *apiKeys) workos(ctx context.Context, k *cache.APIKey) (workos.Client, error) {
	if k.With == k.Name {
		return workos.Client{}, fault.Usagef("API key %s cannot be managed by itself", k.Name)
	}
	if err := a.o.Policy.AllowURL(k.APIURL); err != nil {
		return workos.Client{}, err
	}
	env, err := acquire.FindKey(ctx, a.o, a.store, k.With)
	if err != nil {
		return workos.Client{}, err
	}
	if err := acquire.APIKeyEnded(a.o, env, time.Now()); err != nil {
		return workos.Client{}, err
	}
	hc, err := a.http()
	return workos.Client{HTTP: hc, URL: k.APIURL, Key: env.Key}, err
}

// issued lists the keys that WorkOS has issued.
func (a *apiKeys) issued(ctx context.Context, at *atWorkOS) (list []apiKeyStatus, err error) {
	if err := at.check(); err != nil {
		return nil, err
	}
	client, err := a.workos(ctx, &cache.APIKey{With: at.with, APIURL: at.apiURL})
	if err != nil {
		return nil, err
	}
	all, err := client.ListAPIKeys(ctx, at.organization, at.user)
	for _, k := range all {
		list = append(list, issuedStatus(k, time.Now()))
	}
	return list, err
}

func newAPIKeyCreate() *cobra.Command {
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "have a provider make an API key, and store it",
		Long: `Have WorkOS make an API key for an organization, or with --user for one of its
users, and store it. The key itself is not shown. It takes the key of WorkOS's
environment, stored before by sso-exec apikey set, which --with names.`,
		Example: "  sso-exec apikey set workos-env < environment-key\n" +
			"  sso-exec apikey create acme-ci --provider workos --organization org_123 \\\n    --with workos-env " +
			"--permission posts:read --expires 90d",
	}
	var n keyNotes
	var at atWorkOS
	var permissions []string
	at.add(c.Flags())
	c.Flags().StringSliceVar(&permissions, "permission", nil,
		"`slug` of a permission that the key has; repeatable, commas allowed")
	n.add(c.Flags())
	return oneKey(c, true, func(ctx context.Context, a *apiKeys, name string) error {
		if err := at.check(); err != nil {
			return err
		}
		k, err := n.record(name, time.Now())
		if err != nil {
			return err
		}
		k.Provider, k.APIURL, k.With, k.Organization, k.User, k.Permissions = apikeys.ProviderWorkOS, at.apiURL, at.with,
			at.organization, at.user, permissions
		return a.create(ctx, k)
	})
}

func (a *apiKeys) create(ctx context.Context, k *cache.APIKey) error {
	client, err := a.workos(ctx, k)
	if err != nil {
		return err
	}
	err = a.locked(ctx, k.Name, func() error {
		was, err := a.store.APIKey(k.Name)
		switch {
		case errors.Is(err, cache.ErrNotExist):
		case err != nil:
			return acquire.APIKeyUnread(ctx, a.o, k.Name, err)
		case was.HasKey():
			return fault.InUsage(fmt.Errorf("an API key %q is stored already (%s)", k.Name, apikeys.MaskOf(was)),
				"to replace it: "+a.o.Ours("apikey", "rotate", k.Name)+"; to end it first: "+a.o.Ours("apikey", "revoke", k.Name))

		default: // a run that was cut off
			if err := a.sweep(ctx, client, was); err != nil {
				return err
			}
		}
		return a.mint(ctx, client, k, k)
	})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Created API key %s: %s (%s)\n", k.Name, apikeys.MaskOf(k), k.KeyID)
	if end := k.EndsAt(); !end.IsZero() {
		text += "  it ends " + endText(end, time.Now()) + "\n"
	}
	return talk.Print(text)
}
