// Package keys has the commands of stored API keys.
package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// The commands of API keys, the last resort: for tools and providers that have
// nothing better, and for services alone. A key comes by stdin or from a helper,
// never by argv; what is shown of one is masked but under `apikey show`.

// New makes the commands that keep API keys.
func New() *cobra.Command {
	c := &cobra.Command{
		Use:   settings.ToolAPIKey,
		Short: "manage API keys",
		Long: `Keep the API keys of services, for tools and providers that only accept API
keys. Pass a key on stdin or from a helper's output, never as an argument.
sso-exec token --api-key NAME prints it, in the header that its API wants.
People sign in instead.`,
		Example: "  pass show acme/ci | sso-exec apikey set acme --expires 90d\n" +
			"  sso-exec token --api-key acme -o header | curl -H @- https://api.example.com/",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			if apikeys.LooksLikeKey(args[0]) {
				return &command.Failure{Err: apikeys.ErrKeyOnArgv()}
			}
			return command.Unknown(cmd, "command", args[0])
		},
	}
	c.AddCommand(newAPIKeySet(), newAPIKeyList(), newAPIKeyShow(), newAPIKeyValidate(), newAPIKeyRotate(),
		newAPIKeyRevoke(), newAPIKeyCreate())
	return c
}

// The settings that mean something to these commands, besides how a provider is
// reached: where things are, what to tell.
var (
	whereFlags = []string{"profile", "config", "store", "cache-dir"}
	tellFlags  = []string{"verbose", "log-level", "log-file"}
)

// apiKeys is a run of one of these commands.
type apiKeys struct {
	o     *settings.Resolved
	store *cache.Store
}

// apiKeyCommand returns the run of a command and gives that its settings. Where
// names are known, they complete its argument.
func apiKeyCommand(c *cobra.Command, network bool,
	do func(ctx context.Context, a *apiKeys, args []string) error) *cobra.Command {
	a := &apiKeys{o: settings.For(settings.ToolAPIKey)}
	names := slices.Concat(whereFlags, tellFlags)
	if network {
		names = slices.Concat(whereFlags, settings.NamesIn(settings.GroupNetwork), tellFlags)
	}
	for _, name := range names {
		a.o.Bind(c.Flags(), name)
	}
	c.Flags().SortFlags = false
	c.Args = cobra.ArbitraryArgs // what is wrong with them is said without repeating them
	c.RunE = func(cmd *cobra.Command, args []string) error {
		err := a.begin()
		if err == nil && c.Name() != "list" { // which shows no key
			err = command.ForAgent(a.o)
		}
		if err == nil && !slices.Contains([]string{"list", "revoke"}, c.Name()) {
			err = cmp.Or(a.o.Policy.AllowAPIKey(false), acquire.Recordable(a.o))
		}
		if err == nil && cmd.Flags().Changed("from-command") {
			err = a.o.Policy.AllowHelper("--from-command")
		}
		for _, flag := range []string{"check-url", "api-url"} { // where a key goes
			if err == nil && cmd.Flags().Changed(flag) {
				err = a.o.Policy.AllowOverride(flag)
			}
		}
		if err == nil {
			err = do(cmd.Context(), a, args)
		}
		return command.Failed(a.o, err)
	}
	return c
}

func (a *apiKeys) begin() error {
	if err := a.o.Read(nil); err != nil {
		return err
	}
	switch {
	case !slices.Contains(settings.Find("store").Values(), a.o.Storage.Store):
		return fault.Usagef("invalid --store %q: use file, keyring or none", a.o.Storage.Store)
	case a.o.Storage.CacheDir == "":
		return settings.NoHome("no place to keep API keys in", "name a place with --cache-dir")
	}
	log, err := acquire.NewLog(a.o)
	if err != nil {
		return err
	}
	a.store = cache.Open(a.o.Storage.CacheDir, func(what string) { log.Warn(what) })
	a.store.UseKeyring, a.store.KeyringBy = a.o.Storage.Store == "keyring", "--store keyring"
	return nil
}

// keeps refuses to take a key where nothing is to be kept.
func (a *apiKeys) keeps() error {
	if a.o.Storage.Store == "none" {
		return fault.Usagef("--store none keeps nothing, so it cannot keep an API key: " +
			"choose --store file or --store keyring")
	}
	return nil
}

// http is the client that providers are asked by.
func (a *apiKeys) http() (*http.Client, error) {
	log, err := acquire.NewLog(a.o)
	if err != nil {
		return nil, err
	}
	hc, err := acquire.NewHTTP(a.o, log)
	if err == nil {
		flows.HoldTo(hc, flows.Hold{Whose: "a stored API key"})
	}
	return hc, err
}

// apiKeyLockTimeout bounds the wait for another process's change to a key.
const apiKeyLockTimeout = time.Minute

// locked does something under the lock of a key.
func (a *apiKeys) locked(ctx context.Context, name string, do func() error) error {
	held := &flows.UnavailableError{Doing: "API key " + name,
		Err: errors.New("another sso-exec has been busy with it for a minute")}
	ctx, cancel := context.WithTimeoutCause(ctx, apiKeyLockTimeout, held)
	defer cancel()
	l, err := a.store.Lock(ctx, cache.LockAPIKey, cache.APIKeyID(name))
	if err != nil {
		return acquire.APIKeyStorage(ctx, name, err)
	}
	defer l.Unlock()
	return do()
}

// find reads a key, without one that is stored in the keyring.
func (a *apiKeys) find(ctx context.Context, name string) (*cache.APIKey, error) {
	k, err := a.store.APIKey(name)
	return k, acquire.APIKeyUnread(ctx, a.o, name, err)
}

// save stores a key, or what is known of it.
func (a *apiKeys) save(ctx context.Context, k *cache.APIKey) error {
	return acquire.APIKeyStorage(ctx, k.Name, a.store.WriteAPIKey(ctx, k))
}

// oneKey is apiKeyCommand for a command about one key, which its argument names.
func oneKey(c *cobra.Command, network bool,
	do func(ctx context.Context, a *apiKeys, name string) error) *cobra.Command {
	if c.Name() != "create" { // it is a new name
		c.ValidArgsFunction = command.FirstOf(lookup.APIKeyNames)
	}
	return apiKeyCommand(c, network, func(ctx context.Context, a *apiKeys, args []string) error {
		name, err := theName(args)
		if err == nil && slices.Contains([]string{"set", "rotate", "create"}, c.Name()) {
			err = a.keeps()
		}
		if err != nil {
			return err
		}
		return do(ctx, a, name)
	})
}

// theName takes the one argument of a command. What it is given is not repeated:
// it may be a key.
func theName(args []string) (string, error) {
	for _, arg := range args {
		if apikeys.LooksLikeKey(arg) {
			return "", apikeys.ErrKeyOnArgv()
		}
	}
	if len(args) != 1 {
		return "", fault.InUsage(fmt.Errorf("one NAME is needed, under which the key is stored, not %d", len(args)),
			"a key cannot be an argument: pass it on stdin, or with --from-command")
	}
	return args[0], apikeys.CheckAPIKeyName(args[0])
}
