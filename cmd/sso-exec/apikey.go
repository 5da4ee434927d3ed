package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// The commands of API keys, the last resort: for tools and providers that have
// nothing better, and for services alone. A key comes by stdin or from a helper,
// never by argv; what is shown of one is masked but under `apikey show`.

const toolAPIKey = "apikey"

// newAPIKey makes the commands that keep API keys.
func newAPIKey() *cobra.Command {
	c := &cobra.Command{
		Use:   toolAPIKey,
		Short: "keep API keys, for what takes nothing better",
		Long: `Keep the API keys of services, for tools and providers that take nothing
better. A key comes by stdin or from a helper's output, never as an argument;
sso-exec token --api-key NAME prints it, in the header that its API wants.
People sign in instead.`,
		Example: "  pass show acme/ci | sso-exec apikey set acme --expires 90d\n  sso-exec token --api-key acme -o header | curl -H @- https://api.example.com/",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			if looksLikeKey(args[0]) {
				return &runError{nil, errKeyOnArgv()}
			}
			return unknown(cmd, "command", args[0])
		},
	}
	c.AddCommand(newAPIKeySet(), newAPIKeyList(), newAPIKeyShow(), newAPIKeyValidate(), newAPIKeyRotate(), newAPIKeyRevoke(), newAPIKeyCreate())
	return c
}

// The settings that mean something to these commands: where things are, how a
// provider is reached, what to tell.
var (
	whereFlags   = []string{"profile", "config", "store", "cache-dir"}
	networkFlags = []string{"ca-file", "ca-data", "http-timeout"}
	tellFlags    = []string{"verbose", "log-level", "log-file"}
)

// ofAPIKey reports whether a flag of a command is not the setting of a sign-in
// that others have under its name, but says something of an API key.
func ofAPIKey(cmd *cobra.Command, flag string) bool {
	return cmd.HasParent() && cmd.Parent().Name() == toolAPIKey && slices.Contains([]string{"scope", "provider", "organization"}, flag)
}

// apiKeys is a run of one of these commands.
type apiKeys struct {
	o     *options
	store *cache.Store
}

// newAPIKeys returns the run of a command and gives that its settings. Where
// names are known, they complete its argument.
func apiKeyCommand(c *cobra.Command, network bool, do func(ctx context.Context, a *apiKeys, args []string) error) *cobra.Command {
	a := &apiKeys{o: newOptions(toolAPIKey)}
	names := slices.Concat(whereFlags, tellFlags)
	if network {
		names = slices.Concat(whereFlags, networkFlags, tellFlags)
	}
	for _, name := range names {
		c.Flags().AddFlag(a.o.flags.Lookup(name))
	}
	c.Flags().SortFlags = false
	c.Args = cobra.ArbitraryArgs // what is wrong with them is said without repeating them
	c.RunE = func(cmd *cobra.Command, args []string) error {
		err := a.begin()
		if err == nil {
			err = do(cmd.Context(), a, args)
		}
		if err != nil {
			return &runError{a.o, err}
		}
		return nil
	}
	return c
}

func (a *apiKeys) begin() error {
	if err := a.o.read(nil); err != nil {
		return err
	}
	switch {
	case !slices.Contains(enumOf("store"), a.o.store):
		return fault.Usagef("invalid --store %q: use file, keyring or none", a.o.store)
	case a.o.cacheDir == "":
		return noHome("no place to keep API keys in", "name a place with --cache-dir")
	}
	log, err := newLog(a.o)
	if err != nil {
		return err
	}
	a.store = cache.Open(a.o.cacheDir, func(what string) { log.Warn(what) })
	a.store.UseKeyring = a.o.store == "keyring"
	return nil
}

// keeps refuses to take a key where nothing is to be kept.
func (a *apiKeys) keeps() error {
	if a.o.store == "none" {
		return fault.Usagef("under --store none nothing is kept, so no API key can be: choose --store file or --store keyring")
	}
	return nil
}

// http is the client that providers are asked by.
func (a *apiKeys) http() (*http.Client, error) {
	log, err := newLog(a.o)
	if err != nil {
		return nil, err
	}
	hc, err := a.o.newHTTP(log)
	if err == nil {
		flows.HoldTo(hc, flows.Hold{Whose: "a stored API key"})
	}
	return hc, err
}

// apiKeyLockTimeout bounds the wait for another process's change to a key.
const apiKeyLockTimeout = time.Minute

// locked does something under the lock of a key.
func (a *apiKeys) locked(ctx context.Context, name string, do func() error) error {
	held := &flows.UnavailableError{Doing: "API key " + name, Err: errors.New("another sso-exec has been busy with it for a minute")}
	ctx, cancel := context.WithTimeoutCause(ctx, apiKeyLockTimeout, held)
	defer cancel()
	l, err := a.store.Lock(ctx, cache.LockAPIKey, cache.APIKeyID(name))
	if err != nil {
		return apiKeyStorage(ctx, name, err)
	}
	defer l.Unlock()
	return do()
}

// find reads a key, without one that rests in the keyring.
func (a *apiKeys) find(ctx context.Context, name string) (*cache.APIKey, error) {
	k, err := a.store.APIKey(name)
	return k, apiKeyUnread(ctx, name, err)
}

// findKey reads a key that there must be.
func (a *apiKeys) findKey(ctx context.Context, name string) (*cache.APIKey, error) {
	k, err := a.store.APIKeyWithKey(ctx, name)
	if err != nil {
		return nil, apiKeyUnread(ctx, name, err)
	}
	return k, apiKeyThere(k)
}

// save stores a key, or what is known of it.
func (a *apiKeys) save(ctx context.Context, k *cache.APIKey) error {
	return apiKeyStorage(ctx, k.Name, a.store.WriteAPIKey(ctx, k))
}

func apiKeyThere(k *cache.APIKey) error {
	switch {
	case !k.Key.IsZero():
		return nil
	case k.KeyIn != "":
		return fault.Say(&cache.KeyringError{Err: errors.New("it has no such entry any more")}, fmt.Sprintf("API key %s: the keyring has it no more", k.Name),
			"store it again: "+ours("apikey", "set", k.Name, "--yes"))

	case k.Pending != "":
		return fault.Hint(fmt.Errorf("API key %s was never made: sso-exec apikey create was cut off", k.Name),
			"to make it, run that command again; what it may have left at the provider is removed then")

	}
	return fault.Hint(fmt.Errorf("API key %s: there is no key in its file", k.Name), "store it again: "+ours("apikey", "set", k.Name, "--yes"))
}

// apiKeyUnread is the error about a key that could not be read.
func apiKeyUnread(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cache.ErrNotExist):
		return fault.InUsage(fmt.Errorf("no API key %q is stored here", name), "sso-exec apikey list shows those that are; to store one: "+ours("apikey", "set", name))
	case errors.Is(err, cache.ErrCorrupt):
		return fault.Say(&session.StorageError{Err: err}, fmt.Sprintf("API key %s: %v", name, err),
			"the file is set aside when the key is stored again: "+ours("apikey", "set", name))

	}
	return apiKeyStorage(ctx, name, err)
}

// apiKeyStorage is the error about a place that a key cannot rest in.
func apiKeyStorage(ctx context.Context, name string, err error) error {
	var (
		unsafe  *cache.UnsafeError
		newer   *cache.NewerError
		keyring *cache.KeyringError
	)
	switch {
	case err == nil || ctx.Err() != nil || errors.As(err, &unsafe) || errors.As(err, &newer):
		return err
	case errors.As(err, &keyring):
		return fault.Hint(err, "unlock or start it, as signing in to a desktop does, or store the key with --store file (a file, mode 0600)")
	}
	return fault.Say(&session.StorageError{Err: err}, fmt.Sprintf("API key %s cannot be stored: %v", name, err),
		"fix that place, or name another with --cache-dir; what is stored there is unchanged")

}

// theName takes the one argument of a command. What it is given is not repeated:
// it may be a key.
func theName(args []string) (string, error) {
	for _, arg := range args {
		if looksLikeKey(arg) {
			return "", errKeyOnArgv()
		}
	}
	if len(args) != 1 {
		return "", fault.InUsage(fmt.Errorf("one NAME is needed, and there are %d arguments: the name by which the key is kept", len(args)),
			"a key itself is no argument: it comes by stdin, or by --from-command")

	}
	return args[0], checkAPIKeyName(args[0])
}
