package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// notRevoked is a revocation that failed, where that counts. The only hint is what a
// provider that revokes nothing has instead.
func notRevoked(err error) error {
	var hints []string
	why := strings.TrimPrefix(err.Error(), flows.DoingRevoke+": ")
	if lack, ok := errors.AsType[*flows.LackError](err); ok {
		if why = lack.What; lack.Instead != "" {
			hints = []string{lack.Instead}
		}
	}
	return fault.Say(err, "the session was forgotten here, but not revoked at the provider: "+why, hints...)
}

// NewLogout makes the command that signs out.
func NewLogout() *cobra.Command {
	o := settings.For(settings.ToolLogout)
	c := &cobra.Command{
		Use:   settings.ToolLogout + " [PROFILE|ID...]",
		Short: "revoke a sign-in at the provider, and forget it",
		Long: `Revoke the session's tokens at the provider, then forget all that is stored of
it, and say which of the two was done. Which session: the one that flags or the
profile name, those whose IDs are given (sso-exec status shows them), or --all:
in every cache directory that a profile names, not only the usual one.`,
		Example: "  sso-exec logout\n  sso-exec logout 3f2a9c01d4e5\n  sso-exec logout --all --end-session",
	}
	var all, endSession, require bool
	c.Flags().BoolVar(&all, "all", false, "every session that is stored")
	c.Flags().BoolVar(&endSession, "end-session", false, "also end the browser's session at the provider")
	c.Flags().BoolVar(&require, "require-revoke", false, "fail if the provider does not revoke")
	whole := func(ids []string) bool { return all || len(ids) > 0 }
	return command.WithStored(o, c, whole, func(ctx context.Context, ids []string) error {
		who, err := leaving(o, all, ids)
		if err != nil {
			return err
		}
		require = require || o.Policy != nil && o.Policy.RevokeRequired
		var said strings.Builder
		err = leaveAll(ctx, &said, who, endSession, require)
		if len(who) == 0 {
			said.WriteString("Nobody is signed in here.\n")
		}
		if err != nil { // stdout is for what went well
			fmt.Fprint(talk.Stderr, said.String())
			return err
		}
		_, err = io.WriteString(talk.Out, said.String())
		return err
	})
}

// leaveAll ends sessions, one after the other, and says to w what was done. One
// that fails does not keep the others from it, but an interrupt does. The error
// is the first.
func leaveAll(ctx context.Context, w io.Writer, who []leaver, endSession, require bool) (failed error) {
	pages := map[string]bool{} // each is opened once
	for _, l := range who {
		if l.err != nil {
			command.Note(&failed, l.o, l.err)
			continue
		}
		out, err := l.leave(ctx, w)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			command.Note(&failed, l.o, err)
		case out.NotSo != nil:
			if err := notRevoked(out.NotSo); require {
				command.Note(&failed, l.o, err)
			} else {
				hints, _ := fault.HintsOf(err)
				talk.Warn(err, hints...)
			}
		}
		if endSession && !l.entry.Damaged() {
			if err := l.endAtProvider(ctx, w, out, pages); err != nil {
				command.Note(&failed, l.o, err)
			}
		}
	}
	return failed
}

// leaver is a session that is to end, and the settings to reach its provider by.
type leaver struct {
	entry lookup.Found
	o     *settings.Resolved
	s     *session.Session
	err   error // why it cannot be ended
}

func newLeaver(f lookup.Found, o *settings.Resolved) leaver {
	if f.Err != nil && !f.Damaged() {
		return leaver{f, o, nil, f.StorageFailure()}
	}
	if o.Storage.Store == "none" { // which is about new sign-ins; what is stored is stored
		o.Storage.Store = "file"
	}
	s, err := acquire.Open(o, acquire.Caller{})
	if err == nil {
		s.At(f.Entry)
	}
	return leaver{f, o, s, err}
}

// leaving finds the sessions that are to end.
func leaving(o *settings.Resolved, all bool, ids []string) ([]leaver, error) {
	switch {
	case all && len(ids) > 0:
		return nil, fault.Usagef("--all and an ID contradict each other")
	case all:
		if err := lookup.NoWhich(o, "--all"); err != nil {
			return nil, err
		}
	case len(ids) > 0: // a secret is how the one that is named is reached
		if err := lookup.NoWhich(o, "an ID", settings.NamesIn(settings.GroupClient)...); err != nil {
			return nil, err
		}
	}
	switch {
	case o.Storage.CacheDir == "" && !all:
		return nil, nil
	case !all && len(ids) == 0:
		if o.Provider.Issuer == "" && o.NeedsProvider() {
			return nil, fault.InUsage(errors.New("which session?"),
				"name a profile or a session's ID (see: sso-exec status), or give --issuer and --client-id, or --all")
		}
		if err := o.Check(); err != nil {
			return nil, err
		}
		l := newLeaver(lookup.Found{Entry: cache.Entry{Key: acquire.Request(o).SessionKey()}}, o)
		return []leaver{l}, l.err
	}
	by := lookup.KnownProfiles(o)
	if !all {
		stored, err := lookup.StoredSessions(o)
		if err == nil {
			stored, err = lookup.SessionsByID(o, stored, ids)
		}
		return leavers(o, stored, by), err
	}
	var who []leaver
	for _, dir := range lookup.CacheDirs(o) {
		there := *o
		there.Storage.CacheDir = dir
		stored, err := lookup.StoredSessions(&there)
		if who = append(who, leavers(&there, stored, by)...); err != nil {
			who = append(who, leaver{o: &there, err: err})
		}
	}
	return who, nil
}

// leavers are sessions that are stored in one place.
func leavers(o *settings.Resolved, stored []lookup.Found, by map[string][]*settings.Resolved) (who []leaver) {
	for _, f := range stored {
		of := lookup.OptionsFor(o, f, by)
		if slices.ContainsFunc(settings.NamesIn(settings.GroupClient), o.From.Typed) {
			of.TakeClient(o)
		}
		who = append(who, newLeaver(f, of))
	}
	return who
}

// leave ends one session and says to w what was done.
func (l leaver) leave(ctx context.Context, w io.Writer) (session.Logout, error) {
	out, err := l.s.Logout(ctx)
	if errors.Is(err, cache.ErrNotExist) {
		if l.o.Provider.Issuer != "" {
			fmt.Fprintf(w, "Nobody is signed in to %s here.\n", talk.HostOf(l.o.Provider.Issuer))
			if hint := elsewhere(l.o); hint != "" {
				fmt.Fprintln(w, "  "+hint)
			}
		}
		return session.Logout{}, nil
	}
	switch {
	case fault.Holds[*session.NotForgottenError](err):
		return session.Logout{},
			fault.Hint(err, "the files left there are useless now: make the directory writable, and sign out again")
	case err != nil:
		return session.Logout{}, err
	case l.entry.Damaged():
		fmt.Fprintf(w, "Signed out somebody whose session was damaged (%s).\n", lookup.IDOf(l.entry.Key))
	default:
		fmt.Fprintf(w, "Signed out %s at %s.\n", talk.OrUnknown(out.Account), talk.HostOf(l.o.Provider.Issuer))
	}
	switch {
	case out.Ended:
		fmt.Fprintln(w, "  had ended at the provider, and is forgotten here")
	case out.NotSo == nil:
		fmt.Fprintln(w, "  revoked at the provider, and forgotten here")
	default:
		fmt.Fprintln(w, "  forgotten here, NOT revoked at the provider")
	}
	if until := out.KeysUntil; !until.IsZero() {
		fmt.Fprintf(w, "  AWS keys that were issued work on until %s: nothing revokes them\n", talk.Clock(until))
	}
	return out, nil
}

// endAtProvider opens the provider's page that ends its own session, where there
// is a browser before the person; else it shows the address. A provider that has
// no such page is no failure.
func (l leaver) endAtProvider(ctx context.Context, w io.Writer, out session.Logout, pages map[string]bool) error {
	p, err := l.s.Provider(ctx)
	if err != nil {
		return err
	}
	hint := ""
	if l.entry.Session != nil {
		hint = l.entry.Session.Account
	}
	page, err := p.EndSessionURL(l.o.Provider.ClientID, hint)
	if own := p.Dialect.SignOut; own != nil {
		in := flows.SignedIn{ClientID: l.o.Provider.ClientID, Account: hint, AccessToken: out.AccessToken}
		if l.o.From.Said("redirect-uri") {
			in.RedirectURI = l.o.SignIn.RedirectURIs[0]
		}
		if its := own(p, in); its != "" {
			page, err = its, nil
		}
	}
	if err != nil {
		if lack, ok := errors.AsType[*flows.LackError](err); ok {
			err = errors.New("the browser is still signed in at the provider: " + lack.What)
		}
		talk.Warn(err)
		return nil
	}
	if pages[page] {
		return nil
	}
	pages[page] = true
	here, err := place.Look(place.Asked{Flow: flows.FlowAuto, Browser: l.o.SignIn.Browser, Policy: l.o.Policy,
		NobodyHere: l.o.SignIn.Interactive == "never"})
	if err != nil {
		return fault.InUsage(err)
	}
	if flows.Choose(here.Facts).Flow == flows.FlowPKCE && here.Browser.Open(ctx, page) == nil {
		fmt.Fprintln(w, "  a page was opened that ends the session at the provider; confirm it there")
		return nil
	}
	fmt.Fprintf(w, "  to end the session at the provider, open this address in the browser that\n"+
		"  you signed in with:\n\n%s\n\n", page)
	return nil
}
