package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// sessionStatus is a session as status -o json shows it. Fields are only ever
// added; docs/sessions.md explains them.
type sessionStatus struct {
	ID            string                     `json:"id"`
	Profiles      []string                   `json:"profiles"`
	Identity      string                     `json:"identity"`
	Account       string                     `json:"account"`
	Subject       string                     `json:"subject"`
	Issuer        string                     `json:"issuer"`
	ClientID      string                     `json:"clientId"`
	Label         string                     `json:"session"`
	Organization  string                     `json:"organization"`
	Organizations []lookup.KnownOrganization `json:"organizations"`
	Scopes        []string                   `json:"scopes"`
	Audience      string                     `json:"audience"`
	Resources     []string                   `json:"resources"`
	Flow          string                     `json:"flow"`
	SignedInAt    time.Time                  `json:"signedInAt"`
	RefreshedAt   time.Time                  `json:"refreshedAt"`
	AccessFrom    time.Time                  `json:"accessFrom,omitzero"`
	AccessUntil   time.Time                  `json:"accessUntil,omitzero"`
	SessionUntil  time.Time                  `json:"sessionUntil,omitzero"`
	Renews        bool                       `json:"renews"`
	Store         string                     `json:"store"`
	Roles         []string                   `json:"roles,omitempty"` // of IAM Identity Center, as the profiles name them
	Derived       []derivedStatus            `json:"derived"`
	Agents        []agentStatus              `json:"agents"`
	Check         *checkStatus               `json:"check,omitempty"`

	tokens int // that are stored; none is not one without a known end
}

// derivedStatus is what was exchanged for a session's token.
type derivedStatus struct {
	Kind  string    `json:"kind"` // aws-keys or token
	For   string    `json:"for"`  // a role's ARN, an audience
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
}

// agentStatus is what a coding agent gets that asks for a profile of a session.
type agentStatus struct {
	Profile string `json:"profile"`
	Gets    string `json:"gets"`              // allow, deny, or profile
	Instead string `json:"instead,omitempty"` // the profile that it gets
}

// checkStatus is what the provider says of a session.
type checkStatus struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// NewStatus makes the command that lists sessions.
func NewStatus() *cobra.Command {
	o := settings.For(settings.ToolStatus)
	c := &cobra.Command{
		Use:   settings.ToolStatus,
		Short: "show who is signed in where, and until when",
		Long: `Show the stored sessions: those of the profile or the flags that you give, else
all. Only --check contacts the provider: it renews each session's token. The
exit code is 3 if no session can be used.`,
		Example: "  sso-exec status\n  sso-exec status --profile corp -o json",
		Args:    command.NoArgs,
	}
	var output string
	var check bool
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	c.Flags().BoolVar(&check, "check", false, "ask the provider whether the session is still good")
	whole := func([]string) bool { return !lookup.Named(o) }
	return command.WithStored(o, c, whole, func(ctx context.Context, _ []string) error {
		if err := command.CheckOutput(output); err != nil {
			return err
		}
		list, ended, failed, err := statuses(o)
		if err != nil {
			return err
		}
		unknown := failed != nil && len(list) == 0 // whether somebody is signed in
		if check {
			good, gone, cerr := askProviders(ctx, o, list)
			list, ended = good, append(ended, gone...)
			if failed == nil {
				failed = cerr
			}
		}
		if output == "json" {
			err = talk.PrintJSON(struct {
				Sessions []sessionStatus `json:"sessions"`
				Agent    *agents.Agent   `json:"agent,omitempty"` // that this runs under
			}{statusesOf(list), runsUnder()})
		} else {
			columns, style := talk.OutputStyle()
			text := endedText(ended, columns)
			if a := runsUnder(); a != nil {
				who := fmt.Sprintf("Run by a coding agent: %s (variable %s).", a.Name, a.Variable)
				text += "\n" + talk.Wrap(who, columns) + "\n"
			}
			if !unknown {
				if len(list)+len(ended) == 0 {
					text = "  " + beginning(o) + "\n" + text
				}
				text = statusText(statusesOf(list), style, columns, time.Now()) + text
			}
			_, err = os.Stdout.WriteString(text)
		}
		switch {
		case err != nil:
			return err
		case failed != nil:
			return failed
		case len(list) == 0:
			return fault.Silently(fault.SignIn)
		}
		return nil
	})
}

// beginning is what to run where nobody is signed in.
func beginning(o *settings.Resolved) string {
	switch {
	case lookup.Named(o):
		return "to sign in, run: " + settings.LoginCommand(o)
	case len(lookup.KnownProfiles(o)) == 0: // sso-exec login would not know where
		return "to set up a provider, and sign in, run: " + o.Ours("setup", "provider", "HOST")
	}
	return "to sign in, run: " + o.Ours(settings.ToolLogin)
}

// runsUnder is the coding agent that this program runs under; nil: none.
func runsUnder() *agents.Agent {
	if a := agents.Seen(); a.Name != "" {
		return &a
	}
	return nil
}

// known is a stored session with what is shown of it.
type known struct {
	entry  cache.Entry
	status sessionStatus
	o      *settings.Resolved // to reach its provider by
}

func statusesOf(list []known) []sessionStatus {
	all := []sessionStatus{}
	for _, k := range list {
		all = append(all, k.status)
	}
	return all
}

// statuses returns the sessions that can be used, of the profile or flags that
// were given, else all; and those that have ended. failed is for those that could
// not be read, which was said.
func statuses(o *settings.Resolved) (list, ended []known, failed, err error) {
	if o.Storage.CacheDir == "" {
		return nil, nil, nil, nil
	}
	var stored []lookup.Found
	if lookup.Named(o) {
		if err := o.Check(); err != nil {
			return nil, nil, nil, err
		}
		e, err := lookup.OpenCache(o).Entry(acquire.Request(o).SessionKey())
		switch {
		case err == nil:
			stored = []lookup.Found{{Entry: e}}
		case !errors.Is(err, cache.ErrNotExist) && !errors.Is(err, cache.ErrCorrupt):
			return nil, nil, nil, err
		}
	} else if stored, err = lookup.StoredSessions(o); err != nil {
		return nil, nil, nil, err
	}
	by := lookup.KnownProfiles(o)
	for _, f := range stored {
		switch {
		case f.Damaged():
			talk.Warn(fmt.Errorf("session %s is passed over: %w; to forget it, run: %s", lookup.IDOf(f.Key), f.Err,
				o.Ours("logout", lookup.IDOf(f.Key))))
			continue
		case f.Err != nil:
			command.Note(&failed, o, f.StorageFailure())
			continue
		}
		k := known{f.Entry, statusOf(f.Entry, by[f.Key], session.LimitsOf(o.Policy)), lookup.OptionsFor(o, f, by)}
		if session.Usable(f.Entry, time.Now(), session.LimitsOf(o.Policy)) {
			list = append(list, k)
		} else {
			ended = append(ended, k)
		}
	}
	return list, ended, failed, nil
}

// endedText is a line for each session that has ended, by which it can be told
// from others, and what to do.
func endedText(ended []known, columns int) string {
	var b strings.Builder
	for i, k := range ended {
		if i == 0 {
			b.WriteByte('\n')
		}
		s := k.status
		b.WriteString(talk.Wrap(fmt.Sprintf("%s: %s at %s: the session has ended", k.name(), talk.OrUnknown(s.Account),
			talk.HostOf(s.Issuer)), columns) + "\n")
		fmt.Fprintf(&b, "  to sign in, run: %s\n", settings.LoginCommand(k.o))
	}
	return b.String()
}

// name tells a session from others: its profiles and its ID.
func (k known) name() string {
	if len(k.status.Profiles) == 0 {
		return k.status.ID
	}
	return flows.Clean(strings.Join(k.status.Profiles, ", "), 200) + " (" + k.status.ID + ")"
}

func statusOf(e cache.Entry, of []*settings.Resolved, limits session.Limits) sessionStatus {
	r := e.Session
	s := sessionStatus{
		ID: lookup.IDOf(e.Key), Profiles: []string{}, Identity: r.Identity, Account: r.Account, Subject: r.Subject,
		Issuer: r.Issuer, ClientID: r.ClientID,
		Label: r.Label, Organization: r.Organization, Organizations: lookup.OrganizationsOf(e),
		Scopes: talk.OrEmpty(r.Scopes), Audience: r.Audience, Resources: talk.OrEmpty(r.Resources),
		Flow: r.Flow, SignedInAt: talk.Seconds(r.SignedInAt), RefreshedAt: talk.Seconds(r.RefreshedAt),
		SessionUntil: talk.Seconds(limits.Until(r)), Renews: session.Renews(e),
		Store: "file", Derived: []derivedStatus{}, Agents: []agentStatus{},
	}
	for _, o := range of {
		rule := o.AgentRule()
		s.Profiles = append(s.Profiles, o.Source.Profile)
		if role := o.AWS.CenterRole(); role != "" && !slices.Contains(s.Roles, role) {
			s.Roles = append(s.Roles, role)
		}
		s.Agents = append(s.Agents, agentStatus{o.Source.Profile, rule.Gets(), rule.Profile})
	}
	if r.RefreshTokenIn != "" {
		s.Store = "keyring"
	}
	for _, t := range e.Tokens {
		if t.ExpiresAt.After(s.AccessUntil) {
			s.AccessFrom, s.AccessUntil = talk.Seconds(t.IssuedAt), talk.Seconds(t.ExpiresAt)
		}
	}
	if s.tokens = len(e.Tokens); !s.Renews && !s.AccessUntil.IsZero() && s.SessionUntil.After(s.AccessUntil) {
		s.SessionUntil = time.Time{} // it ends with its access
	}
	now := time.Now()
	for _, d := range e.Derived {
		if d.ExpiresAt.IsZero() || d.ExpiresAt.After(now) {
			kind := "token"
			if d.AWS != nil {
				kind = "aws-keys"
			}
			s.Derived = append(s.Derived, derivedStatus{kind, d.For, talk.Seconds(d.IssuedAt), talk.Seconds(d.ExpiresAt)})
		}
	}
	sort.Slice(s.Derived, func(i, j int) bool { return s.Derived[i].For < s.Derived[j].For })
	return s
}

// agentRows says what coding agents get of a session's profiles, where that is less.
func agentRows(list []agentStatus) (rows []string) {
	for _, a := range list {
		switch a.Gets {
		case settings.AgentsDeny:
			rows = append(rows, talk.OneLine(a.Profile)+": get nothing")
		case "profile":
			rows = append(rows, talk.OneLine(a.Profile)+": get profile "+talk.OneLine(a.Instead))
		}
	}
	return rows
}

// askProviders renews each session's token, without asking anybody, and returns
// those that are still sessions and those that have ended. The error has the code
// of the first that failed; each was said.
func askProviders(ctx context.Context, o *settings.Resolved, list []known) (good, gone []known, failed error) {
	for _, k := range list {
		err := k.ask(ctx)
		if ctx.Err() != nil {
			return list, nil, context.Cause(ctx)
		}
		check := &checkStatus{OK: err == nil}
		if err != nil {
			check.Error = talk.OneLine(err.Error())
		}
		if !k.status.Renews && !k.o.Dialect().Lasting {
			err = nil // it is good until its token ends
		}
		if err != nil {
			command.Note(&failed, k.o, fmt.Errorf("%s: %w", k.name(), err))
		}
		profiles, rules, roles := k.status.Profiles, k.status.Agents, k.status.Roles
		if k.entry, err = lookup.OpenCache(o).Entry(k.entry.Key); err != nil {
			continue
		}
		k.status = statusOf(k.entry, nil, session.LimitsOf(o.Policy))
		k.status.Profiles, k.status.Agents, k.status.Roles, k.status.Check = profiles, rules, roles, check
		if session.Usable(k.entry, time.Now(), session.LimitsOf(o.Policy)) {
			good = append(good, k)
		} else {
			gone = append(gone, k)
		}
	}
	return good, gone, failed
}

// ask renews the session's token, or asks whether it is still taken where it has
// no end.
func (k known) ask(ctx context.Context) error {
	if k.entry.Session.Identity == credential.Service && len(k.status.Profiles) == 0 {
		return errors.New("a service's token is asked for by the command that uses it, or with its --profile")
	}
	if !k.status.Renews && !k.o.Dialect().Lasting {
		return errors.New("it cannot be renewed: the provider gave no refresh token")
	}
	o, r := *k.o, k.entry.Session
	p := o.Policy
	if err := cmp.Or(p.Allow("issuers", r.Issuer), p.Allow("client-ids", r.ClientID),
		p.Allow("organizations", r.Organization)); err != nil {
		return err
	}
	o.SignIn.Interactive = "never"
	s, err := acquire.Open(&o, acquire.Caller{})
	if err != nil {
		return err
	}
	s.At(k.entry)
	return s.Check(ctx)
}

// kindOf names a session's kind for a person.
func kindOf(identity string) string {
	if identity == credential.Service {
		return "service"
	}
	return "person"
}
