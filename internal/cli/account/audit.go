package account

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// NewAudit makes the command that shows the audit trail.
func NewAudit() *cobra.Command {
	c := &cobra.Command{
		Use: "audit", Short: "see what was done with your sessions",
		Long: `See the audit trail: sign-ins, refreshes, exchanges, sign-outs and refused calls
of this machine's user, by every program that shares the sessions.`,
		Example: "  sso-exec audit show --since 1d",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return command.Unknown(cmd, "command", args[0])
		},
	}
	c.AddCommand(newAuditShow())
	return c
}

func newAuditShow() *cobra.Command {
	var since, tool, profile, output string
	c := &cobra.Command{
		Use: "show", Short: "show the audit trail",
		Long: `Show the audit trail, the oldest event first. No server is asked. Lines that
are damaged are left out, and counted on stderr.`,
		Example: "  sso-exec audit show --since 1d\n  sso-exec audit show --tool aws --profile dev -o json",
		Args:    command.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return command.Failed(nil, showAudit(since, tool, profile, output))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&since, "since", "", "events since this `time`: 90m, 36h, 7d ago, or an RFC 3339 time (default: all)")
	f.StringVar(&tool, "tool", "", "only events of this `command`: kube, aws, token, login")
	f.StringVar(&profile, "profile", "", "only events of the profile of this `name`")
	f.StringVarP(&output, "output", "o", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("profile", lookup.ProfileNames)
	return c
}

func showAudit(since, tool, profile, output string) error {
	if err := command.CheckOutput(output); err != nil {
		return err
	}
	from, err := sinceWhen(since, time.Now())
	if err != nil {
		return err
	}
	o := settings.For("audit")
	if err := o.ReadPolicy(true); err != nil { // it may say whose home counts
		return err
	}
	events := []audit.Event{}
	broken, err := audit.Read(userfile.TrailDir(o.Policy != nil && o.Policy.AuditRequired), func(e audit.Event) {
		if !e.Time.Before(from) && (tool == "" || e.Tool == tool) && (profile == "" || e.Profile == profile) {
			events = append(events, e)
		}
	})
	if err != nil {
		return fault.Hint(fmt.Errorf("the audit trail: %w", err), "check who changed it; see "+fault.Page("audit.md"))
	}
	if broken > 0 {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: the audit trail has %d damaged lines, which are left out\n", broken)
	}
	if output == "json" {
		b, err := json.MarshalIndent(map[string][]audit.Event{"events": events}, "", "  ")
		if err == nil {
			_, err = fmt.Fprintf(talk.Out, "%s\n", b)
		}
		return err
	}
	if len(events) == 0 {
		_, err := fmt.Fprintln(talk.Out, "Nothing was recorded.")
		return err
	}
	var rows [][]string
	for _, e := range events {
		by := e.Caller
		if e.Agent != "" {
			by += " (" + e.Agent + ")"
		}
		rows = append(rows, []string{e.Time.Local().Format(time.DateTime), e.Event, e.Result, e.Profile, e.Tool, by,
			e.Subject, e.Target})
	}
	heads := []string{"TIME", "EVENT", "RESULT", "PROFILE", "TOOL", "CALLER", "SUBJECT", "TARGET"}
	_, err = os.Stdout.WriteString(talk.Grid(heads, rows))
	return err
}

// sinceWhen reads --since: how long ago, with d for days, or a time.
func sinceWhen(since string, now time.Time) (time.Time, error) {
	if since == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, since); err == nil {
		return at, nil
	}
	ago, err := time.ParseDuration(since)
	if days, ok := strings.CutSuffix(since, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return time.Time{}, fault.Usagef("invalid --since %q: use how long ago (90m, 36h, 7d) or an RFC 3339 time "+
			"(2026-01-31T08:00:00Z)", since)
	}
	return now.Add(-ago), nil
}
