package account

import (
	"cmp"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// statusText is the list of sessions for people: a block each, of lines that
// fit, a label before each value.
func statusText(list []sessionStatus, style terminal.Style, columns int, now time.Time) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := talk.Sheet{Text: &b, Style: style, Columns: columns}
		title := cmp.Or(strings.Join(s.Profiles, ", "), talk.HostOf(s.Issuer))
		t.Title(title + ": " + talk.OrUnknown(s.Account))
		t.Row("id", s.ID)
		t.Row("identity", kindOf(s.Identity))
		t.Row("provider", s.Issuer)
		t.Row("client", s.ClientID)
		t.Row("session", s.Label)
		t.Row("AWS role", s.Roles...)
		t.Row("organization", organizationRows(s.Organization, s.Organizations)...)
		t.Row("signed in", talk.Clock(s.SignedInAt)+" by "+s.Flow)
		if s.tokens == 0 {
			t.Row("access", "no token is stored; sso-exec gets one when it is needed")
		} else {
			access := t.Life(s.AccessFrom, s.AccessUntil, now, s.Renews)
			if s.AccessUntil.IsZero() && dialect.Of(s.Issuer).Lasting {
				access = []string{"it has no end, until it is revoked there"}
			}
			t.Row("access", access...)
		}
		switch {
		case s.Identity == credential.Service:
			t.Row("lasts", "a new token is asked for whenever it is needed")
		case !s.SessionUntil.IsZero():
			t.Row("lasts", t.Life(s.SignedInAt, s.SessionUntil, now, false)...)
		default:
			t.Row("lasts", map[bool]string{true: "until the provider ends it", false: "until the access ends"}[s.Renews])
		}
		t.Row("stored in", map[string]string{"file": "a file", "keyring": "the keyring"}[s.Store])
		for _, d := range s.Derived {
			t.Row("derived", append([]string{cmp.Or(d.For, d.Kind)}, t.Life(d.From, d.Until, now, false)...)...)
		}
		t.Row("agents", agentRows(s.Agents)...)
		if c := s.Check; c != nil {
			ok := "the provider renewed it just now"
			if !s.Renews {
				ok = "the provider still accepts it"
			}
			t.Row("checked", map[bool]string{true: ok, false: c.Error}[c.OK])
		}
	}
	if len(list) == 0 {
		b.WriteString("Nobody is signed in here.\n")
	}
	return b.String()
}
