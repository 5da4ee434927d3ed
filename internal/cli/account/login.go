// Package account has the commands of a person's sessions: login, logout, status,
// whoami and org.
package account

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// NewLogin makes the command that signs a person in.
func NewLogin() *cobra.Command {
	o := settings.For(settings.ToolLogin)
	c := &cobra.Command{
		Use:   settings.ToolLogin + " [PROFILE]",
		Short: "sign in now",
		Long: `Sign in now, even if a session is stored. On a desktop a browser opens;
elsewhere a code is shown (see --flow). This also ends the pause after a failed
sign-in. With --all, sign in for every session that the config's profiles have,
one after the other.`,
		Example: "  sso-exec login\n  sso-exec login corp\n" +
			"  sso-exec login --issuer https://login.example.com --client-id cli\n  sso-exec login --all",
		Args: command.OneProfile,
	}
	var all bool
	c.Flags().BoolVar(&all, "all", false, "sign in for every profile of a person")
	return command.WithSettings(o, c, func(ctx context.Context, args []string) error {
		if all && len(args) > 0 {
			return fault.Usagef("--all and a profile contradict each other: leave one of them out")
		}
		if all {
			return loginAll(ctx, o)
		}
		if err := command.ForAgent(o); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		return login(ctx, o)
	})
}

// login signs in and says what that is good for.
func login(ctx context.Context, o *settings.Resolved) error {
	s, err := acquire.Open(o, acquire.Caller{})
	if err != nil {
		return err
	}
	if err := s.Login(ctx); err != nil {
		return err
	}
	sayWhatFor(o, s)
	return nil
}

// loginAll signs in for each session of the config's profiles, once. One that
// fails does not keep the others from it, but an interrupt does.
func loginAll(ctx context.Context, base *settings.Resolved) error {
	if err := lookup.NoWhich(base, "--all"); err != nil {
		return err
	}
	var failed error
	all, wrong, err := lookup.Profiles(base)
	if err != nil {
		return err
	}
	for _, err := range wrong {
		command.Note(&failed, base, err)
	}
	if len(all) == 0 && failed == nil {
		return fault.InUsage(errors.New("the config has no profiles that name a provider"),
			"see: sso-exec setup provider, or sso-exec login --issuer URL --client-id ID")
	}
	done := map[string]bool{}
	for _, o := range all {
		if err := command.ForAgent(o); err != nil {
			command.Note(&failed, o, err)
			continue
		}
		key := acquire.Request(o).SessionKey()
		if done[key] || o.Provider.Identity != credential.Human {
			continue
		}
		done[key] = true
		fmt.Fprintf(talk.Stderr, "%s:\n", talk.OneLine(o.Source.Profile))
		err := login(ctx, o)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			command.Note(&failed, o, err)
		}
	}
	return failed
}

// sayWhatFor tells until when a sign-in lasts and who takes its tokens.
func sayWhatFor(o *settings.Resolved, s *session.Session) {
	e, err := s.Stored()
	if err != nil {
		return // it was said that nothing could be kept
	}
	say := func(format string, args ...any) {
		fmt.Fprint(talk.Stderr, talk.Fold(fmt.Sprintf(format+"\n", args...), os.Stderr))
	}
	st := statusOf(e, nil, session.LimitsOf(o.Policy))
	switch {
	case st.AccessUntil.IsZero():
	case st.Renews && !st.SessionUntil.IsZero():
		say("  this token lasts until %s; it renews by itself until %s", talk.Clock(st.AccessUntil),
			talk.Clock(st.SessionUntil))
	case st.Renews:
		say("  this token lasts until %s; it renews by itself, as long as the provider allows",
			talk.Clock(st.AccessUntil))
	case o.SignIn.Offline == "never":
		say("  until %s (%s): no refresh token is kept (--offline never)", talk.Clock(st.AccessUntil),
			talk.Rough(time.Until(st.AccessUntil)))
	default:
		say("  until %s (%s): the provider gave no refresh token; some give one only for --auth-param prompt=consent",
			talk.Clock(st.AccessUntil), talk.Rough(time.Until(st.AccessUntil)))
	}
	what := "kubectl and other tools that trust the audience " + o.Provider.ClientID
	if o.Dialect().NoOpenID {
		what = "APIs that take the access tokens of " + o.Dialect().Title
	}
	if o.Center() != nil {
		what = "the AWS roles that are assigned to you"
	}
	if role := o.AWS.CenterRole(); role != "" {
		what += ", such as " + role
	}
	if o.AWS.RoleARN != "" {
		what += "; AWS as " + o.AWS.RoleARN
	}
	fmt.Fprint(talk.Stderr, talk.Fold("  good for "+talk.OneLine(what)+"\n", os.Stderr))
}
