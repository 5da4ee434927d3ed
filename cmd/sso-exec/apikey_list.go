package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/terminal"
	"github.com/sso-exec/sso-exec/internal/workos"
)

// apiKeyStatus is a key as apikey list -o json shows it. Fields are only ever
// added; docs/apikeys.md explains them.
type apiKeyStatus struct {
	Name          string    `json:"name"`
	Masked        string    `json:"masked"`
	Header        string    `json:"header"`
	Scopes        []string  `json:"scopes"`
	Owner         string    `json:"owner"`
	Identity      string    `json:"identity"`
	CreatedAt     time.Time `json:"createdAt,omitzero"`
	StoredAt      time.Time `json:"storedAt,omitzero"`
	LastUsedAt    time.Time `json:"lastUsedAt,omitzero"`
	ExpiresAt     time.Time `json:"expiresAt,omitzero"`
	MaxAgeSeconds int64     `json:"maxAgeSeconds,omitempty"`
	EndsAt        time.Time `json:"endsAt,omitzero"`
	Ended         bool      `json:"ended"`
	Provider      string    `json:"provider"`
	KeyID         string    `json:"keyId"`
	Organization  string    `json:"organization"`
	User          string    `json:"user"`
	ManageURL     string    `json:"manageUrl"`
	CheckURL      string    `json:"checkUrl"`
	Store         string    `json:"store"`
	Unfinished    string    `json:"unfinished"` // create, rotate, or nothing
}

func newAPIKeyList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "show the API keys that are stored, masked",
		Long: `Show the API keys that are stored, or with --provider those that a provider has
issued. Of a key itself only the prefix and the last four characters are shown.`,
		Example: "  sso-exec apikey list\n  sso-exec apikey list -o json\n  sso-exec apikey list --provider workos --organization org_123 \\\n    --with workos-env",
	}
	var output string
	var at atWorkOS
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	at.add(c.Flags())
	return apiKeyCommand(c, true, func(ctx context.Context, a *apiKeys, args []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		if len(args) > 0 {
			return fault.Usagef("apikey list takes no arguments")
		}
		var list []apiKeyStatus
		var failed, err error
		if at.provider == "" {
			if err := at.unused(); err != nil {
				return err
			}
			list, failed, err = a.stored()
		} else {
			list, err = a.issued(ctx, &at)
		}
		if err != nil {
			return err
		}
		if output == "json" {
			err = printJSON(struct {
				APIKeys []apiKeyStatus `json:"apiKeys"`
			}{append([]apiKeyStatus{}, list...)})
		} else {
			columns, style := outputStyle()
			text := apiKeyText(list, style, columns, time.Now())
			if len(list) == 0 {
				text = "There are no API keys" + map[bool]string{true: " stored here", false: ""}[at.provider == ""] + ".\n"
			}
			_, err = os.Stdout.WriteString(text)
		}
		return cmp.Or(err, failed)
	})
}

// stored lists the keys of the cache. failed is for those that could not be read,
// which was said.
func (a *apiKeys) stored() (list []apiKeyStatus, failed, err error) {
	all, unread, err := a.store.APIKeys()
	if err != nil {
		return nil, nil, apiKeyUnread(context.Background(), "", err)
	}
	for _, u := range unread {
		if errors.Is(u.Err, cache.ErrCorrupt) {
			warn(fmt.Errorf("passed over: %w", u.Err))
			continue
		}
		complain(a.o, u.Err)
		failed = fault.Silently(u.Err)
	}
	for _, k := range all {
		list = append(list, apiKeyStatusOf(k, time.Now()))
	}
	return list, failed, nil
}

func apiKeyStatusOf(k *cache.APIKey, now time.Time) apiKeyStatus {
	end := k.EndsAt()
	s := apiKeyStatus{Name: k.Name, Masked: maskOf(k), Header: k.Header, Scopes: orEmpty(append(k.Scopes, k.Permissions...)), Owner: k.Owner, Identity: k.Identity,
		CreatedAt: seconds(k.CreatedAt), StoredAt: seconds(k.StoredAt), ExpiresAt: seconds(k.ExpiresAt), MaxAgeSeconds: k.MaxAgeSeconds, EndsAt: seconds(end), Ended: !end.IsZero() && !end.After(now),
		Provider: k.Provider, KeyID: k.KeyID, Organization: k.Organization, User: k.User, ManageURL: k.ManageURL, CheckURL: k.CheckURL, Store: "file"}
	switch {
	case k.KeyIn != "":
		s.Store = "keyring"
	case !k.HasKey():
		s.Store = "none"
	}
	switch {
	case k.Pending != "" && !k.HasKey():
		s.Unfinished = "create"
	case k.Pending != "" || k.Previous != nil:
		s.Unfinished = "rotate"
	}
	return s
}

// issuedStatus is what WorkOS tells of a key.
func issuedStatus(k workos.APIKey, now time.Time) apiKeyStatus {
	s := apiKeyStatus{Name: k.Name, Masked: k.Obfuscated, Scopes: orEmpty(k.Permissions), Owner: k.Owner.Type + " " + k.Owner.ID, CreatedAt: seconds(k.CreatedAt), LastUsedAt: seconds(k.LastUsedAt),
		ExpiresAt: seconds(k.ExpiresAt), EndsAt: seconds(k.ExpiresAt), Ended: !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now), Provider: providerWorkOS, KeyID: k.ID}
	s.Organization = k.Owner.OrganizationID
	if k.Owner.Type == workos.OwnerOrganization {
		s.Organization = k.Owner.ID
	}
	if k.Owner.Type == workos.OwnerUser {
		s.User = k.Owner.ID
	}
	return s
}

// apiKeyText is the list for people.
func apiKeyText(list []apiKeyStatus, style terminal.Style, columns int, now time.Time) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := sheet{&b, style, columns}
		t.title(s.Name + ": " + s.Masked)
		t.row("sent as", s.Header)
		t.row("allows", strings.Join(s.Scopes, ", "))
		t.row("owner", s.Owner)
		age := ""
		if since := now.Sub(s.CreatedAt); since < time.Minute {
			age = "new"
		} else if !s.CreatedAt.IsZero() {
			age = span(since)
		}
		if s.MaxAgeSeconds > 0 {
			age += ", of " + span(time.Duration(s.MaxAgeSeconds)*time.Second) + " at most"
		}
		t.row("age", age)
		switch {
		case s.Ended:
			t.row("ENDED", date(s.EndsAt))
		case s.EndsAt.IsZero():
			t.row("ends", "nobody says")
		default:
			t.row("ends", "in "+span(s.EndsAt.Sub(now))+", on "+date(s.EndsAt))
		}
		if !s.LastUsedAt.IsZero() {
			t.row("last used", clock(s.LastUsedAt))
		}
		t.row("provider", strings.TrimSpace(s.Provider+" "+s.KeyID))
		t.row("managed at", s.ManageURL)
		t.row("rests in", map[string]string{"keyring": "the keyring"}[s.Store])
		if s.Unfinished != "" {
			t.row("unfinished", s.Unfinished+" was cut off: run it again")
		}
	}
	return b.String()
}

func newAPIKeyShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "show a stored API key on this terminal, after asking",
		Long: `Show a stored API key to a person: on the terminal itself, whatever stdout is,
and only after asking. For a program there is sso-exec token --api-key NAME.`,
		Example: "  sso-exec apikey show acme",
	}
	c.ValidArgsFunction = firstOf(apiKeyNames)
	return apiKeyCommand(c, false, func(ctx context.Context, a *apiKeys, args []string) error {
		name, err := theName(args)
		if err != nil {
			return err
		}
		k, err := a.findKey(ctx, name)
		if err != nil {
			return err
		}
		screen, err := terminal.Open()
		if err != nil || !canAsk() || !screen.Foreground() {
			return fault.InUsage(errors.New("a key is shown to a person on a terminal, and here is none"), "for a program: "+ours("token", "--api-key="+name))
		}
		defer screen.Close()
		answer, err := ask(fmt.Sprintf("Show API key %s on this screen? [y/N] ", name))
		if err != nil {
			return err
		}
		if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
			fmt.Fprintln(stderr, "It was not shown.")
			return nil
		}
		_, err = fmt.Fprintln(screen, flows.Clean(k.Key.Reveal(), maxKey))
		return err
	})
}

// apiKeyNames completes the names of the stored keys. One that cannot be read is
// passed over without a word.
func apiKeyNames(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	o := newOptions(toolAPIKey)
	for _, name := range []string{"profile", "config", "cache-dir"} { // they lead to the cache
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			_ = o.flags.Set(name, f.Value.String())
		}
	}
	if err := o.read(nil); err != nil || o.cacheDir == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _, _ := cache.Open(o.cacheDir, func(string) {}).APIKeys()
	for _, k := range all {
		if checkAPIKeyName(k.Name) == nil {
			names = append(names, cobra.CompletionWithDesc(k.Name, maskOf(k)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
