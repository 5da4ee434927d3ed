package lookup

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
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
	var words []string
	for _, name := range c.Names() {
		if name == "" || talk.Quote(name) != name {
			continue
		}
		if issuer, client := ProviderOf(c, name); issuer != "" {
			name = cobra.CompletionWithDesc(name, talk.OneLine(talk.HostOf(issuer)+", client "+cmp.Or(client, "-")))
		}
		words = append(words, name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// ProviderOf is what a profile names, whatever else is wrong with it: the issuer, or
// the start URL in its place, and the client.
func ProviderOf(c *config.Config, name string) (issuer, client string) {
	value := func(key string) string {
		v, err := c.Value(name, config.Key{Name: key, Type: config.String})
		if err != nil {
			return ""
		}
		return strings.Join(v.Values, "")
	}
	return cmp.Or(value("issuer"), value("start-url")), value("client-id")
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

// RoleNames completes the roles that the profile names.
func RoleNames(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	o := settings.For(settings.ToolList)
	o.TakeFlags(cmd.Flags(), "profile", "config")
	if o.Read(nil) == nil {
		for _, r := range o.NamedRoles() {
			names = append(names, cobra.CompletionWithDesc(r.Name, cmp.Or(r.RoleARN, r.AccountID+" "+r.RoleName)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// SSOSessions completes the sso-sessions of the AWS config, with their start URLs.
func SSOSessions(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	for name, start := range aws.Sessions() {
		if talk.Quote(name) == name {
			names = append(names, cobra.CompletionWithDesc(name, talk.OneLine(start)))
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// OrganizationsOfOthers are those of other sessions of the same client: where each
// organization is a sign-in, or an issuer, of its own.
func OrganizationsOfOthers(o *settings.Resolved) (list []cache.Organization) {
	if o.Storage.CacheDir == "" || o.Storage.Store == "none" {
		return nil
	}
	entries, _, _ := OpenCache(o).List() // what is wrong with others is status's to say
	rule := o.Dialect().Organization
	for _, e := range entries {
		r := e.Session
		issuer := o.Provider.Issuer
		if rule.Issuer != nil && r.Organization != "" {
			issuer = rule.Issuer(o.Provider.Issuer, r.Organization)
		}
		if r.Organization != "" && r.Issuer == issuer && r.ClientID == o.Provider.ClientID &&
			r.Identity == o.Provider.Identity && r.Label == o.Provider.Session {
			list = Union(list, r.Organizations, []cache.Organization{{ID: r.Organization}})
		}
	}
	return list
}

// Union puts lists together; of one organization the first name counts.
func Union(lists ...[]cache.Organization) (all []cache.Organization) {
	for _, k := range slices.Concat(lists...) {
		at := slices.IndexFunc(all, func(a cache.Organization) bool { return a.ID == k.ID })
		if at < 0 {
			all = append(all, k)
		} else {
			all[at].Name = cmp.Or(all[at].Name, k.Name)
		}
	}
	return all
}

// KnownOrganization is an organization as status and whoami show it.
type KnownOrganization struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Until time.Time `json:"accessUntil,omitzero"` // of the newest token for it
}

// OrganizationsOf are those that are known of a session.
func OrganizationsOf(e cache.Entry) []KnownOrganization {
	all := []KnownOrganization{}
	for _, k := range e.Session.Organizations {
		known := KnownOrganization{ID: k.ID, Name: k.Name}
		for _, t := range e.Tokens {
			if t.Organization == k.ID && t.ExpiresAt.After(known.Until) {
				known.Until = talk.Seconds(t.ExpiresAt)
			}
		}
		all = append(all, known)
	}
	return all
}
