package account

import (
	"slices"

	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// organizationRows tells the organization that was signed in to first, and then
// those that tokens are stored for.
func organizationRows(signedIn string, known []lookup.KnownOrganization) (rows []string) {
	if signedIn != "" && !slices.ContainsFunc(known, func(k lookup.KnownOrganization) bool { return k.ID == signedIn }) {
		rows = append(rows, talk.OrgName(signedIn))
	}
	for _, k := range known {
		switch {
		case k.ID == signedIn:
			rows = slices.Insert(rows, 0, talk.OrgTitle(k.ID, k.Name))
		case !k.Until.IsZero():
			rows = append(rows, talk.OrgTitle(k.ID, k.Name))
		}
	}
	return rows
}
