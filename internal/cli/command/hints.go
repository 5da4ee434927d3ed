package command

import (
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// serviceHints tell how a CI job would get an identity of its own: two lines.
func serviceHints(o *settings.Resolved) []string {
	ci, source := workload.CI(workload.Env{})
	if ci == "" || o.Provider.Identity != credential.Human {
		return nil
	}
	key, value := "subject-token-from", source
	if source == "" {
		key, value = "client-secret-file", "FILE"
	}
	if o.Source.Profile == "" {
		return []string{ci + " can have an identity of its own, with a client ID of its own: add --flow=client-credentials " +
			talk.Quote("--"+key+"="+value)}
	}
	return []string{
		ci + " can have an identity of its own. Give it a profile with a client ID of its own, and these two lines:",
		"flow: client-credentials",
		key + ": " + value,
	}
}
