package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file finds out how a provider rotates refresh tokens (RFC 9700 §4.14.2): by a
// sign-in of its own, whose refresh token is stored only while it signs in.

const (
	atOnce = 4 // refreshes with one token
	// label keeps the sign-in apart from the person's.
	label = "doctor"
)

// waits are how long after its replacement a token is tried again, one after the other.
var waits = []time.Duration{time.Second, 4 * time.Second, 10 * time.Second}

// rotation is doctor --rotation.
func (d *doctor) rotation(ctx context.Context, yes bool, output string) error {
	d.prepare(ctx)
	o := d.bound
	if err := cmp.Or(d.readErr, o.CheckOverrides(), command.ForAgent(o), o.Check()); err != nil {
		return err
	}
	if o.Provider.Identity == credential.Service || o.SignIn.Offline == "never" || o.Center() != nil {
		return fault.Usagef("--rotation tries a person's refresh token at an OpenID provider; these settings have none")
	}
	dir, err := os.MkdirTemp("", "sso-exec-rotation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is in it was removed before
	o.Storage.CacheDir, o.Provider.Session = dir, label
	if o.Storage.Store == "none" {
		o.Storage.Store = "file"
	}
	s, err := acquire.Open(o, acquire.Caller{})
	if err != nil {
		return err
	}
	p, client, err := s.AtProvider(ctx)
	if err != nil {
		return err
	}
	if known := p.Dialect.Rotation; known != nil {
		return fault.InUsage(fmt.Errorf("--rotation is not tried at %s: it keeps one refresh token for each user and "+
			"client, so your own session would end", p.Dialect.Title), known...)
	}
	if !yes {
		if err := mayRotate(o); err != nil {
			return err
		}
	}
	if err := s.Login(ctx); err != nil {
		return err
	}
	first, err := takeToken(ctx, s, acquire.Request(o).SessionKey())
	if err != nil {
		return err
	}
	t := &trial{p: p, client: client, target: flows.Target{Scopes: s.SignIn.Scopes, Audience: s.SignIn.Audience,
		Resources: s.SignIn.Resources, Organization: s.SignIn.Organization}}
	if first.token.IsZero() {
		t.add(warning, "the provider gave no refresh token, so there is nothing to try")
		t.fix("register the client for refresh tokens; some providers also want the scope offline_access", "")
	} else {
		fmt.Fprintln(talk.Stderr, "Trying refreshes; this takes up to 20 seconds.")
		t.run(ctx, first)
		t.signOut(context.WithoutCancel(ctx))
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	show := newPrinter(output)
	r := report{"rotation", t.found}
	if err := show.one(r); err != nil || output != "json" {
		return err
	}
	_, err = show.end([]report{r})
	return err
}

// mayRotate warns, and asks.
func mayRotate(o *settings.Resolved) error {
	if !talk.CanAsk() {
		return fault.InUsage(errors.New("--rotation uses refresh tokens twice, so it must ask first, but cannot ask here"),
			"to allow it, give --yes")
	}
	columns, _ := talk.OutputStyle()
	fmt.Fprintln(talk.Stderr, talk.Wrap("This signs you in once more at "+talk.HostOf(o.Provider.Issuer)+
		", and uses refresh tokens of that sign-in twice. Providers may treat that as theft: yours may end that session "+
		"and others of this client, or alert its administrators.", columns))
	ok, err := talk.Confirm("Go on?")
	if err == nil && !ok {
		err = fault.Silently(fault.Denied)
	}
	return err
}

// given is a refresh token, and when it ends; zero: the provider does not say.
type given struct {
	token credential.Secret
	at    time.Time
	ends  time.Time
}

// takeToken takes the refresh token of a sign-in out of its cache.
func takeToken(ctx context.Context, s *session.Session, key string) (given, error) {
	lock, err := s.Store.Lock(ctx, cache.LockRefresh, key)
	if err != nil {
		return given{}, err
	}
	defer lock.Unlock()
	rec, err := s.Store.SessionWithToken(ctx, key)
	if err != nil {
		return given{}, err
	}
	return given{rec.RefreshToken, rec.SignedInAt, rec.RefreshExpiresAt}, s.Store.RemoveSession(key)
}

// trial is a run of refreshes, and what came of it.
type trial struct {
	found
	p      *flows.Provider
	client flows.Client
	target flows.Target

	mu    sync.Mutex
	alive []credential.Secret // to be revoked in the end; the newest last
}

// refresh uses a token.
func (t *trial) refresh(ctx context.Context, token credential.Secret) (given, error) {
	set, err := t.p.Refresh(ctx, t.client, token, t.target)
	if set == nil {
		return given{}, err
	}
	g := given{set.RefreshToken, set.IssuedAt, set.RefreshExpiresAt}
	if g.token.IsZero() {
		g.token = token
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive = append(t.alive, g.token)
	return g, nil
}

// undecided adds an error that tells nothing about rotation.
func (t *trial) undecided(err error) {
	t.add(warning, "the check could not go on: "+talk.OneLine(err.Error()))
	t.fix("try again later", "sso-exec doctor --rotation")
}

// isRefusal reports whether the provider does not accept a token any more.
func (t *trial) isRefusal(err error) bool {
	refusal, ok := errors.AsType[*flows.OAuthError](err)
	return ok && (t.p.EndsSession(refusal) || refusal.Code == "invalid_grant")
}

// run does the refreshes, and says what they tell.
func (t *trial) run(ctx context.Context, first given) {
	t.alive = append(t.alive, first.token)
	second, err := t.refresh(ctx, first.token)
	if err != nil {
		t.undecided(err)
		return
	}
	rotates := !second.token.Equal(first.token)
	answered, last, err := t.race(ctx, second.token)
	switch {
	case err != nil:
		t.undecided(err)
		return
	case !rotates && answered > 0 && last.token.Equal(second.token):
		t.add(pass, "refresh tokens do not rotate: one serves until it ends",
			fmt.Sprintf("%d of %d refreshes at once were answered", answered, atOnce))
	default:
		t.add(pass, "refresh tokens rotate: each refresh brings a new one",
			fmt.Sprintf("%d of %d refreshes at once with one token were answered", answered, atOnce))
		t.reuse(ctx, second.token, last, answered)
	}
	t.life(first, second, rotates)
}

// race uses one token several times at once, and returns the last new one.
func (t *trial) race(ctx context.Context, token credential.Secret) (answered int, last given, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range atOnce {
		wg.Go(func() {
			g, rerr := t.refresh(ctx, token)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case rerr == nil:
				answered, last = answered+1, g
			case !t.isRefusal(rerr):
				err = rerr
			}
		})
	}
	wg.Wait()
	return answered, last, err
}

// reuse finds out how long a replaced token is accepted, and what its use costs once it
// is not.
func (t *trial) reuse(ctx context.Context, replaced credential.Secret, newest given, answered int) {
	var accepted time.Duration
	refused := answered < atOnce
	for _, wait := range waits {
		if refused {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		g, err := t.refresh(ctx, replaced)
		switch {
		case err == nil:
			accepted, newest = accepted+wait, g
		case t.isRefusal(err):
			refused = true
			t.add(pass, fmt.Sprintf("grace: a replaced token is accepted for a while, less than %v", accepted+wait))
		default:
			t.undecided(err)
			return
		}
	}
	switch {
	case !refused:
		t.add(pass, fmt.Sprintf("grace: a replaced token was still accepted after %v", accepted))
		return
	case answered < atOnce:
		t.add(pass, "no grace: a replaced token is refused at once")
	}
	if newest.token.IsZero() {
		t.add(warning, "no refresh was answered: two at once end the session")
		return
	}
	switch _, err := t.refresh(ctx, newest.token); {
	case err == nil:
		t.add(pass, "reuse of a replaced token is refused, and the session goes on")
	case t.isRefusal(err):
		t.add(pass, "reuse of a replaced token ends the session: never copy a session to another machine")
		t.alive = nil
	default:
		t.undecided(err)
	}
}

// life says how long a refresh token lives, where the provider tells.
func (t *trial) life(first, second given, rotates bool) {
	switch {
	case first.ends.IsZero():
		t.add(pass, "the provider does not say how long a refresh token lives")
	case !rotates || second.ends.Sub(first.ends).Abs() < 2*time.Second:
		t.add(pass, fmt.Sprintf("a refresh token lives %s, counted from the sign-in", long(first.ends.Sub(first.at))))
	default:
		t.add(pass, fmt.Sprintf("a refresh token lives %s, counted from each refresh", long(second.ends.Sub(second.at))))
	}
}

// long tells a duration in days where it has some.
func long(d time.Duration) string {
	if d = d.Round(time.Minute); d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return talk.Rough(d)
}

// signOut ends the trial's own session.
func (t *trial) signOut(ctx context.Context) {
	if len(t.alive) == 0 {
		t.add(pass, "the session of this check has ended")
		return
	}
	err := t.p.CanRevoke(t.p.TokenEndpoint)
	done := map[string]bool{}
	for _, token := range t.alive {
		if key := token.Reveal(); err == nil && !done[key] {
			done[key] = true
			err = t.p.Revoke(ctx, t.client, token, flows.HintRefreshToken)
		}
	}
	if err != nil {
		t.add(warning, "the session of this check could not be signed out: "+talk.OneLine(err.Error()))
		t.fix("it ends by itself; or end it at the provider, where your sessions are listed", "")
		return
	}
	t.add(pass, "the session of this check was signed out")
}
