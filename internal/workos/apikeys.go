package workos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// Owner types of an API key.
const (
	OwnerOrganization = "organization"
	OwnerUser         = "user"
)

// Owner is whose a key is. Of a user's, OrganizationID is where it counts.
type Owner struct {
	Type           string `json:"type"`
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
}

// APIKey is what WorkOS tells of an API key. Times are WorkOS's; zero is null.
type APIKey struct {
	ID          string    `json:"id"`
	Owner       Owner     `json:"owner"`
	Name        string    `json:"name"`
	Obfuscated  string    `json:"obfuscated_value"`
	Permissions []string  `json:"permissions"`
	LastUsedAt  time.Time `json:"last_used_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	CreatedAt   time.Time `json:"created_at"`

	Value credential.Secret `json:"-"` // only as CreateAPIKey returns it
}

// NewAPIKey is a key to be made. With User it is that user's, who must be a
// member of the organization; else it is the organization's.
type NewAPIKey struct {
	Organization string
	User         string
	Name         string
	Permissions  []string
	ExpiresAt    time.Time // zero: it does not expire
}

// CreateAPIKey makes a key. Its value is told this once. After an
// [*flows.UnavailableError] it is not known whether there is one now.
func (c Client) CreateAPIKey(ctx context.Context, n NewAPIKey) (*APIKey, error) {
	const doing = "create the API key"
	in := struct {
		Name         string   `json:"name"`
		Organization string   `json:"organization_id,omitempty"` // of a user's key; else it is in the path
		Permissions  []string `json:"permissions,omitempty"`
		ExpiresAt    string   `json:"expires_at,omitempty"`
	}{Name: n.Name, Permissions: n.Permissions}
	if !n.ExpiresAt.IsZero() {
		in.ExpiresAt = timestamp(n.ExpiresAt)
	}
	if n.User != "" {
		in.Organization = n.Organization
	}
	var out struct {
		APIKey
		Value string `json:"value"`
	}
	path, err := ownersPath(n.Organization, n.User)
	if err != nil {
		return nil, err
	}
	if err := c.call(ctx, doing, http.MethodPost, path, nil, in, &out); err != nil {
		return nil, err
	}
	if out.Value == "" || CheckID("key", out.ID) != nil {
		return nil, flows.Garbled(doing, "the answer has no key in it")
	}
	out.APIKey.Value = credential.NewSecret(out.Value)
	return &out.APIKey, nil
}

// ListAPIKeys lists the organization's own keys, or with a user that user's,
// which may be confined to an organization.
func (c Client) ListAPIKeys(ctx context.Context, organization, user string) ([]APIKey, error) {
	const (
		doing    = "list the API keys"
		perPage  = "100"
		maxPages = 100
	)
	path, err := ownersPath(organization, user)
	if err != nil {
		return nil, err
	}
	query := url.Values{"limit": {perPage}}
	if user != "" && organization != "" {
		query.Set("organization_id", organization)
	}
	var all []APIKey
	for range maxPages {
		var page struct {
			Data     []APIKey `json:"data"`
			Metadata struct {
				After string `json:"after"`
			} `json:"list_metadata"`
		}
		if err := c.call(ctx, doing, http.MethodGet, path, query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if page.Metadata.After == "" || page.Metadata.After == query.Get("after") {
			return all, nil
		}
		query.Set("after", page.Metadata.After)
	}
	return nil, flows.Garbled(doing, "the list has more than %d pages", maxPages)
}

// ValidateAPIKey asks whether a key is good. nil without an error: it is not,
// which WorkOS says with status 200 and a null.
func (c Client) ValidateAPIKey(ctx context.Context, value credential.Secret) (*APIKey, error) {
	const doing = "validate the API key"
	in := struct {
		Value string `json:"value"`
	}{value.Reveal()}
	var out struct {
		Key json.RawMessage `json:"api_key"`
	}
	if err := c.call(ctx, doing, http.MethodPost, "/api_keys/validations", nil, in, &out, value); err != nil {
		return nil, err
	}
	var k *APIKey
	if json.Unmarshal(out.Key, &k) != nil || k != nil && CheckID("key", k.ID) != nil { // absent is not null
		return nil, flows.Garbled(doing, "the answer does not say whether the key is good")
	}
	return k, nil
}

// ExpireAPIKey has a key end at a time to come, or at once if that is past. It
// would also put off an end that is nearer.
func (c Client) ExpireAPIKey(ctx context.Context, id string, at time.Time) error {
	if err := CheckID("key", id); err != nil {
		return err
	}
	in := struct {
		ExpiresAt string `json:"expires_at"`
	}{timestamp(at)}
	return c.call(ctx, "expire the API key", http.MethodPost, "/api_keys/"+id+"/expire", nil, in, nil)
}

// DeleteAPIKey ends a key at once, for good.
func (c Client) DeleteAPIKey(ctx context.Context, id string) error {
	if err := CheckID("key", id); err != nil {
		return err
	}
	return c.call(ctx, "delete the API key", http.MethodDelete, "/api_keys/"+id, nil, nil, nil)
}

func ownersPath(organization, user string) (string, error) {
	if user != "" {
		return "/user_management/users/" + user + "/api_keys", CheckID("user", user)
	}
	return "/organizations/" + organization + "/api_keys", CheckID("organization", organization)
}

// CheckID tells what is wrong with an ID, which becomes a part of a path and must
// not be more than that. The functions here check theirs.
func CheckID(what, id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if id == "" || len(id) > 100 || strings.Trim(id, letters) != "" {
		return fmt.Errorf("the ID of the %s is not one of WorkOS's: letters, digits, _ and -", what)
	}
	return nil
}

// timestamp is a time as WorkOS writes it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
