package keys

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
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
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
		Example: "  sso-exec apikey list\n  sso-exec apikey list -o json\n" +
			"  sso-exec apikey list --provider workos --organization org_123 \\\n    --with workos-env",
	}
	var output string
	var at atWorkOS
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	at.add(c.Flags())
	return apiKeyCommand(c, true, func(ctx context.Context, a *apiKeys, args []string) error {
		if err := command.CheckOutput(output); err != nil {
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
			err = talk.PrintJSON(struct {
				APIKeys []apiKeyStatus `json:"apiKeys"`
			}{append([]apiKeyStatus{}, list...)})
		} else {
			columns, style := talk.OutputStyle()
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
		return nil, nil, acquire.APIKeyUnread(context.Background(), a.o, "", err)
	}
	for _, u := range unread {
		if errors.Is(u.Err, cache.ErrCorrupt) {
			talk.Warn(fmt.Errorf("passed over: %w", u.Err))
			continue
		}
		command.Note(&failed, a.o, u.Err)
	}
	for _, k := range all {
		list = append(list, apiKeyStatusOf(k, time.Now()))
	}
	return list, failed, nil
}

func apiKeyStatusOf(k *cache.APIKey, now time.Time) apiKeyStatus {
	end := k.EndsAt()
	s := apiKeyStatus{Name: k.Name, Masked: apikeys.MaskOf(k), Header: k.Header,
		Scopes: talk.OrEmpty(append(k.Scopes, k.Permissions...)), Owner: k.Owner, Identity: k.Identity,
		CreatedAt: talk.Seconds(k.CreatedAt), StoredAt: talk.Seconds(k.StoredAt), ExpiresAt: talk.Seconds(k.ExpiresAt),
		MaxAgeSeconds: k.MaxAgeSeconds, EndsAt: talk.Seconds(end), Ended: !end.IsZero() && !end.After(now),
		Provider: k.Provider, KeyID: k.KeyID, Organization: k.Organization, User: k.User, ManageURL: k.ManageURL,
		CheckURL: k.CheckURL, Store: "file"}
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
	s := apiKeyStatus{Name: k.Name, Masked: k.Obfuscated, Scopes: talk.OrEmpty(k.Permissions),
		Owner: k.Owner.Type + " " + k.Owner.ID, CreatedAt: talk.Seconds(k.CreatedAt), LastUsedAt: talk.Seconds(k.LastUsedAt),
		ExpiresAt: talk.Seconds(k.ExpiresAt), EndsAt: talk.Seconds(k.ExpiresAt), Ended: !k.ExpiresAt.IsZero() &&
			!k.ExpiresAt.After(now), Provider: apikeys.ProviderWorkOS, KeyID: k.ID}
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
		t := talk.Sheet{Text: &b, Style: style, Columns: columns}
		t.Title(s.Name + ": " + s.Masked)
		t.Row("sent as", s.Header)
		t.Row("allows", strings.Join(s.Scopes, ", "))
		t.Row("owner", s.Owner)
		age := ""
		if since := now.Sub(s.CreatedAt); since < time.Minute {
			age = "new"
		} else if !s.CreatedAt.IsZero() {
			age = apikeys.Span(since)
		}
		if s.MaxAgeSeconds > 0 {
			age += ", of " + apikeys.Span(time.Duration(s.MaxAgeSeconds)*time.Second) + " at most"
		}
		t.Row("age", age)
		switch {
		case s.Ended:
			t.Row("ENDED", apikeys.Date(s.EndsAt))
		case s.EndsAt.IsZero():
			t.Row("ends", "not known")
		default:
			t.Row("ends", "in "+apikeys.Span(s.EndsAt.Sub(now))+", on "+apikeys.Date(s.EndsAt))
		}
		if !s.LastUsedAt.IsZero() {
			t.Row("last used", talk.Clock(s.LastUsedAt))
		}
		t.Row("provider", strings.TrimSpace(s.Provider+" "+s.KeyID))
		t.Row("managed at", s.ManageURL)
		t.Row("stored in", map[string]string{"keyring": "the keyring"}[s.Store])
		if s.Unfinished != "" {
			t.Row("unfinished", s.Unfinished+" was cut off: run it again")
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
	return oneKey(c, false, func(ctx context.Context, a *apiKeys, name string) error {
		k, err := acquire.FindKey(ctx, a.o, a.store, name)
		if err != nil {
			return err
		}
		screen, err := terminal.Open()
		if err != nil || !talk.CanAsk() || !screen.Foreground() {
			return fault.InUsage(errors.New("a key is only shown on a terminal, and stdout is not one"),
				"for a program: "+a.o.Ours("token", "--api-key="+name))
		}
		defer screen.Close()
		answer, err := talk.Ask(fmt.Sprintf("Show API key %s on this screen? [y/N] ", name))
		if err != nil {
			return err
		}
		if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
			fmt.Fprintln(talk.Stderr, "It was not shown.")
			return nil
		}
		a.o.APIKey = name
		if err := acquire.RecordCached(a.o); err != nil {
			return err
		}
		_, err = fmt.Fprintln(screen, flows.Clean(k.Key.Reveal(), apikeys.MaxKey))
		return err
	})
}
