package command

import (
	"errors"
	"fmt"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// maxListed bounds how many organizations an error lists.
const maxListed = 20

// organizationHints lists the organizations, and says how to name one.
func organizationHints(o *settings.Resolved, e *session.OrganizationRequiredError) (lines []string) {
	if e.Why != "" {
		lines = append(lines, e.Why)
	}
	if len(e.Organizations) == 0 {
		return append(lines, "name it: --organization ID; whoever runs the provider knows the ID")
	}
	lines = append(lines, "you belong to:")
	for _, k := range e.Organizations[:min(len(e.Organizations), maxListed)] {
		lines = append(lines, "  "+talk.OrgTitle(k.ID, k.Name))
	}
	if n := len(e.Organizations) - maxListed; n > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", n))
	}
	lines = append(lines, "name one: "+settings.LoginCommand(o, "organization")+" --organization=ID")
	if o.Source.Profile != "" {
		lines = append(lines, "or for good: "+o.Ours("org", "use", "ID", "--profile="+o.Source.Profile))
	}
	return lines
}

// refusedOrganizationHints is what to do about a refused switch.
func refusedOrganizationHints(o *settings.Resolved, e *session.OrganizationError) (lines []string) {
	if refusal, ok := errors.AsType[*flows.OAuthError](e.Err); ok {
		if known := o.Dialect().Hint(refusal, settings.NameOf); known != "" {
			lines = append(lines, known)
		}
	}
	return append(lines, "the session goes on for other organizations; see: "+o.Command("org", "list"))
}
