package lookup

import (
	"cmp"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

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
