package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is about the sign-in: the place and the flow that it leads to, the redirect,
// the session that is stored.

func checkFlow(_ context.Context, d *doctor) (f found) {
	o := d.bound
	if o.Provider.Identity == credential.Service {
		f.add(pass, fmt.Sprintf("%s: a service, nobody is prompted", cmp.Or(o.SignIn.Flow, flows.FlowClientCredentials)))
		return f
	}
	here, err := place.Look(place.Asked{Flow: o.SignIn.Flow, Device: o.SignIn.Device, Browser: o.SignIn.Browser,
		NobodyHere: o.SignIn.Interactive == "never", Names: settings.NameOf, Policy: o.Policy})
	if err != nil {
		f.add(failure, "--browser: "+err.Error())
		f.fix("name a command, with %s for the URL if it is not the last word", "")
		return f
	}
	c := flows.Choose(here.Facts)
	if c.Flow == "" {
		f.add(warning, "nobody can sign in here")
	} else {
		say := "a sign-in here uses the flow " + c.Flow
		if c.Prompt != flows.PromptNowhere {
			say += ", with its prompt on " + strings.Replace(c.Prompt, "terminal", "the terminal", 1)
		}
		if len(c.Then) > 0 {
			say += "; if that fails, " + strings.Join(c.Then, ", then ")
		}
		f.add(pass, say)
	}
	f.add(pass, c.Why...)
	f.add(pass, here.Notes...)
	if c.Flow == "" && c.Try != "" {
		f.fix(c.Try, "")
	}
	if here.Passed != "" {
		f.add(warning, "$BROWSER cannot be used: "+here.Passed)
		f.fix("leave it to the system", "unset BROWSER")
	}
	return f
}

// checkRedirect listens where the browser is to come back to.
func checkRedirect(_ context.Context, d *doctor) (f found) {
	o := d.bound
	if !d.named() || o.Provider.Identity == credential.Service {
		return f
	}
	uris := o.SignIn.RedirectURIs
	if len(uris) == 0 {
		uris = o.Dialect().RedirectURIs
	}
	if len(uris) == 0 {
		uris = []string{session.AnyPort}
	}
	free := 0
	for _, uri := range uris {
		l, err := loopback.Listen([]string{uri}, nil)
		if err != nil {
			f.add(warning, strings.Split(err.Error(), "\n")...)
			continue
		}
		l.Close()
		free++
		if uri == session.AnyPort {
			f.add(pass, "a port is free for "+strings.Replace(uri, ":0/", "/", 1))
			continue
		}
		f.add(pass, uri+" is free")
	}
	if free == 0 {
		f.result = failure
		f.fix("end the program that uses the port, or add another --redirect-uri that is registered with the provider", "")
	}
	return f
}

func checkSession(_ context.Context, d *doctor) (f found) {
	o := d.o
	if !d.named() || o.Storage.CacheDir == "" || o.Storage.Store == "none" {
		return f
	}
	key := acquire.Request(o).SessionKey()
	e, err := lookup.OpenCache(o).Entry(key)
	if errors.Is(err, cache.ErrNotExist) && o.Provider.Identity == credential.Service {
		f.add(pass, "none yet: a service gets its token when it is needed")
		return f
	}
	login := func() { f.fix("sign in", settings.LoginCommand(o)) }
	if latch, none := lookup.OpenCache(o).Latch(key); none == nil && latch.Until.After(time.Now()) {
		f.add(warning, fmt.Sprintf("a sign-in failed at %s; automatic sign-in is paused until %s",
			talk.Clock(latch.FailedAt), talk.Clock(latch.Until)))
	}
	limits := session.LimitsOf(o.Policy)
	switch {
	case errors.Is(err, cache.ErrNotExist):
		f.add(warning, "nobody is signed in")
		login()
		return f
	case errors.Is(err, cache.ErrCorrupt):
		f.add(warning, "the stored session cannot be read")
		login()
		return f
	case fault.Holds[*cache.UnsafeError](err): // the storage's to tell
		return found{}
	case err != nil:
		f.fail(failure, o, err)
		return f
	case !session.Usable(e, time.Now(), limits):
		f.add(warning, fmt.Sprintf("the session of %s has ended", talk.OrUnknown(e.Session.Account)))
		login()
		return f
	}
	f.add(pass, fmt.Sprintf("%s (%s), signed in at %s by %s", talk.OrUnknown(e.Session.Account), lookup.IDOf(e.Key),
		talk.Clock(e.Session.SignedInAt), e.Session.Flow))
	var access time.Time
	for _, t := range e.Tokens {
		if t.ExpiresAt.After(access) {
			access = t.ExpiresAt
		}
	}
	if access.After(time.Now()) {
		f.add(pass, "the access token lasts until "+talk.Clock(access))
	}
	until := limits.Until(e.Session)
	switch {
	case session.Renews(e) && until.IsZero():
		f.add(pass, "it renews by itself; the provider does not say for how long")
	case session.Renews(e):
		f.add(pass, "it renews by itself until "+talk.Clock(until))
	case !o.Dialect().Lasting:
		f.add(pass, "it does not renew: the provider gave no refresh token")
	}
	return f
}
