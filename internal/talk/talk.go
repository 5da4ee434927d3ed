// Package talk is all that is ever said to a person, and asked of one: errors and
// warnings, the prompts of a sign-in, tables, JSON for scripts. Stdout is the
// tool's, so that everything else goes to stderr, or to the terminal where the
// calling tool keeps stderr to itself.
package talk

import (
	"cmp"
	"fmt"
	"net/url"
	"time"

	"github.com/sso-exec/sso-exec/flows"
)

// HostOf is an issuer as people know it: by its host.
func HostOf(issuer string) string {
	if issuer == "" { // of a workload's own token
		return "its platform"
	}
	if u, err := url.Parse(issuer); err == nil {
		issuer = cmp.Or(u.Host, issuer)
	}
	return flows.Clean(issuer, 100)
}

// OrUnknown is an account as it is shown, or that it is not known.
func OrUnknown(account string) string {
	return flows.Clean(cmp.Or(account, "somebody"), 100)
}

// Clock tells a time as people do: today's by the clock, others with their day.
func Clock(t time.Time) string {
	t = t.Local()
	now := time.Now()
	switch days := t.Sub(now).Hours() / 24; {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case days > -6 && days < 6:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// Warn says what does not keep a command from its work.
func Warn(err error) { fmt.Fprintf(Stderr, "sso-exec: warning: %s\n", OneLine(err.Error())) }

// OneLine keeps errors that wrap several in one line.
func OneLine(s string) string { return flows.Clean(s, 2000) }
