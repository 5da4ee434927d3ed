package acquire

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

// trail is the audit trail of a run; nil: nothing is recorded. What it says of the
// run is found out here, so that a cached answer, which is not recorded, never asks.
func trail(o *settings.Resolved) *audit.Trail {
	if o.Report.Audit == settings.AuditOff && !required(o) {
		return nil
	}
	if o.Trail == nil {
		o.Trail = &audit.Trail{Dir: userfile.TrailDir(required(o)), All: o.Report.Audit == settings.AuditAll,
			Required: required(o),
			Base: audit.Event{Profile: o.Source.Profile, Tool: o.Tool, Caller: place.Caller(), Agent: agents.Seen().Name,
				Target: target(o)},
			Warn: func(what string) { talk.Warn(errors.New(what)) }}
	}
	return o.Trail
}

// required reports whether the policy requires the trail, whatever the settings say.
func required(o *settings.Resolved) bool { return o.Policy != nil && o.Policy.AuditRequired }

// target is the host, cluster, role or audience that a tool asks for, as far as it tells.
func target(o *settings.Resolved) string {
	switch {
	case o.APIKey != "":
		return "API key " + o.APIKey
	case len(o.Asked) > 0:
		return o.Asked[0].String()
	case o.Tool == settings.ToolKube && plugin.KubeClusterOf(os.Getenv("KUBERNETES_EXEC_INFO")).Server != "":
		return plugin.KubeClusterOf(os.Getenv("KUBERNETES_EXEC_INFO")).Server
	case o.Tool == settings.ToolEKS:
		return o.AWS.Cluster
	case o.Tool == settings.ToolGKE:
		return cmp.Or(o.GKE.ServiceAccount, o.GKE.WorkforceProvider)
	case o.AWS.CenterRole() != "" && len(o.AWS.Chain) == 0 && (o.Tool == settings.ToolAWS || o.Tool == settings.ToolRun):
		return o.AWS.CenterRole()
	case o.Tool == settings.ToolAWS, o.Tool == settings.ToolRun && o.AWS.RoleARN != "":
		roles := o.Roles()
		return strings.Join(roles[max(0, len(roles)-1):], "") // the last one's keys are wanted
	}
	return strings.Join(slices.Concat(o.Exchange.Audiences, o.Exchange.Resources), ", ")
}

// RecordCached records, where that is wanted, an answer that one stored file gives. It
// is an error where it must be recorded and cannot be.
func RecordCached(o *settings.Resolved) error {
	if o.Report.Audit != settings.AuditAll && !required(o) {
		return nil
	}
	return quiet(o).RecordCached()
}

// Recordable tells why what must be recorded could not be.
func Recordable(o *settings.Resolved) error { return trail(o).Ready() }

// Refused records a call that ended without a credential.
func Refused(o *settings.Resolved, err error) {
	quiet(o).RecordRefused(err)
}

// quiet is a session to read what is stored, and nothing else.
func quiet(o *settings.Resolved) *session.Session {
	s := &session.Session{Request: Request(o), Dialect: o.Dialect(), Trail: trail(o)}
	if o.Storage.CacheDir != "" && o.Storage.Store != "none" {
		s.Store = cache.Open(o.Storage.CacheDir, func(string) {})
	}
	return s
}
