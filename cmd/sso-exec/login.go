package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// newLogin makes the command that signs a person in.
func newLogin() *cobra.Command {
	o := newOptions(toolLogin)
	c := &cobra.Command{
		Use:   toolLogin + " [PROFILE]",
		Short: "sign in now",
		Long: `Sign in now, with the flow that this place calls for, whatever is stored. It
ends the pause after a failed sign-in. With --all, one sign-in after the other
for every session that the config's profiles have.`,
		Example: "  sso-exec login --issuer https://login.example.com --client-id cli\n  sso-exec login corp\n  sso-exec login --all",
		Args:    oneProfile,
	}
	var all bool
	c.Flags().BoolVar(&all, "all", false, "sign in for every profile of a person")
	return withSettings(o, c, func(ctx context.Context, args []string) error {
		if all && len(args) > 0 {
			return fault.Usagef("--all and a profile contradict each other: leave one of them out")
		}
		if all {
			return loginAll(ctx, o)
		}
		if err := o.check(); err != nil {
			return err
		}
		return login(ctx, o)
	})
}

// login signs in and says what that is good for.
func login(ctx context.Context, o *options) error {
	s, err := newSession(o, nil)
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
func loginAll(ctx context.Context, base *options) error {
	if err := base.noWhich("--all"); err != nil {
		return err
	}
	var failed error
	fail := func(o *options, err error) {
		complain(o, err)
		if failed == nil {
			failed = fault.Silently(err)
		}
	}
	all, wrong, err := profiles(base)
	if err != nil {
		return err
	}
	for _, err := range wrong {
		fail(base, err)
	}
	if len(all) == 0 && failed == nil {
		return fault.InUsage(errors.New("the config has no profiles that name a provider"), "see: sso-exec setup provider, or sso-exec login --issuer URL --client-id ID")
	}
	done := map[string]bool{}
	for _, o := range all {
		key := o.request().SessionKey()
		if done[key] || o.identity != credential.Human {
			continue
		}
		done[key] = true
		fmt.Fprintf(stderr, "%s:\n", oneLine(o.profile))
		err := login(ctx, o)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			fail(o, err)
		}
	}
	return failed
}

// sayWhatFor tells until when a sign-in lasts and who takes its tokens.
func sayWhatFor(o *options, s *session.Session) {
	e, err := s.Stored()
	if err != nil {
		return // it was said that nothing could be kept
	}
	st := statusOf(e, nil)
	switch {
	case st.AccessUntil.IsZero():
	case st.Renews && !st.SessionUntil.IsZero():
		fmt.Fprintf(stderr, "  this token lasts until %s; it renews by itself until %s\n", clock(st.AccessUntil), clock(st.SessionUntil))
	case st.Renews:
		fmt.Fprintf(stderr, "  this token lasts until %s; it renews by itself, as long as the provider allows\n", clock(st.AccessUntil))
	case o.offline == "never":
		fmt.Fprintf(stderr, "  until %s (%s): no refresh token is kept (--offline never)\n", clock(st.AccessUntil), rough(time.Until(st.AccessUntil)))
	default:
		fmt.Fprintf(stderr, "  until %s (%s): the provider gave no refresh token; some give one only for --auth-param prompt=consent\n",
			clock(st.AccessUntil), rough(time.Until(st.AccessUntil)))
	}
	what := "kubectl and other tools that trust the audience " + o.clientID
	if o.dialect().NoOpenID {
		what = "APIs that take the access tokens of " + o.dialect().Title
	}
	if o.roleARN != "" {
		what += "; AWS as " + o.roleARN
	}
	fmt.Fprintln(stderr, "  good for "+oneLine(what))
}
