package lookup

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// APIKeyNames completes the names of the stored keys. One that cannot be read is
// passed over without a word.
func APIKeyNames(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	o := settings.For(settings.ToolAPIKey)
	o.TakeFlags(cmd.Flags(), "profile", "config", "cache-dir") // they lead to the cache
	if err := o.Read(nil); err != nil || o.Storage.CacheDir == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _, _ := cache.Open(o.Storage.CacheDir, func(string) {}).APIKeys()
	for _, k := range all {
		if apikeys.CheckAPIKeyName(k.Name) == nil {
			names = append(names, cobra.CompletionWithDesc(k.Name, apikeys.MaskOf(k)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// ProfileNames lists the profiles of the config file; none where there is
// something wrong with it, which is no time to say so.
func ProfileNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := config.DefaultPaths(NamedConfig(cmd)).Open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	// Shells evaluate what stands on their line to complete the next word: a name
	// that means something to one is left to be typed.
	return slices.DeleteFunc(c.Names(), func(name string) bool { return name == "" || talk.Quote(name) != name }),
		cobra.ShellCompDirectiveNoFileComp
}

// sessionIDs lists the stored sessions that are not named yet, by ID, with who
// signed in where. One that cannot be read is passed over without a word.
func sessionIDs(cmd *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
	o := settings.For(settings.ToolLogout)
	o.TakeFlags(cmd.Flags(), "profile", "config", "cache-dir") // they lead to the cache
	if err := o.Read(nil); err != nil || o.Storage.CacheDir == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, _, _ := cache.Open(o.Storage.CacheDir, func(string) {}).List()
	for _, e := range entries {
		if id := IDOf(e.Key); !slices.Contains(args, id) {
			ids = append(ids, cobra.CompletionWithDesc(id,
				talk.OrUnknown(e.Session.Account)+" at "+talk.HostOf(e.Session.Issuer)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// ProfilesAndIDs lists the profiles, before anything else is named, and the sessions.
func ProfilesAndIDs(cmd *cobra.Command, args []string, word string) (words []string,
	directive cobra.ShellCompDirective) {
	if len(args) == 0 {
		words, _ = ProfileNames(cmd, args, word)
	}
	ids, directive := sessionIDs(cmd, args, word)
	return append(words, ids...), directive
}

// NamedConfig returns the config file that a flag or the environment names.
func NamedConfig(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		return f.Value.String()
	}
	var named string
	_ = settings.Path.Var(&named).Set(strings.TrimSpace(os.Getenv(settings.VariableOf("config"))))
	return named
}

// OrganizationIDs completes the organizations that are known, without asking
// anybody.
func OrganizationIDs(cmd *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
	o := settings.For(settings.ToolOrg)
	o.TakeFlags(cmd.Flags())
	if err := o.Read(nil); err != nil || o.Check() != nil || o.Storage.CacheDir == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cache.Organization
	if e, err := cache.Open(o.Storage.CacheDir, func(string) {}).Entry(acquire.Request(o).SessionKey()); err == nil {
		list = e.Session.Organizations
	}
	for _, k := range Union(list, OrganizationsOfOthers(o)) {
		if talk.Quote(k.ID) == k.ID && !slices.Contains(ids, k.ID) {
			ids = append(ids, cobra.CompletionWithDesc(k.ID, talk.OrgName(k.Name)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
