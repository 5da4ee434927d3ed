package acquire

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	profiles "github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// reach is how the provider is reached, for the session's record. The paths are
// made absolute: the session may be ended from anywhere.
func reach(o *settings.Resolved) cache.Reach {
	r := cache.Reach{CAFile: o.Network.CAFile, CAData: o.Network.CAData,
		ClientSecretFile: o.Client.SecretFile, ClientKeyFile: o.Client.KeyFile, ClientCertFile: o.Client.CertFile,
		ClientKeyID: o.Client.KeyID, ClientAuth: o.Client.Auth, Login: o.SessionWords()}
	if at := o.Center(); at != nil {
		r.Region, r.OIDCEndpoint, r.PortalEndpoint, r.AWSCLIName = at.Region, at.At.OIDC, at.At.Portal, at.Name
	}
	if o.Source.Profile != "" && !o.From.Given("profile") {
		r.Login = append(r.Login, "--profile="+o.Source.Profile)
	}
	if o.Client.AssertionAudience != settings.Find("assertion-audience").Default {
		r.AssertionAudience = o.Client.AssertionAudience
	}
	for _, path := range []*string{&r.CAFile, &r.ClientSecretFile, &r.ClientKeyFile, &r.ClientCertFile} {
		if abs, err := filepath.Abs(*path); err == nil && *path != "" {
			*path = abs
		}
	}
	return r
}

// NewHTTP is the client that servers are asked by. What a profile authenticates with
// goes out only under the system's roots and those that the profile names.
func NewHTTP(o *settings.Resolved, log *slog.Logger) (*http.Client, error) {
	r := o.ExtraRoots()
	if r.Err != nil {
		return nil, r.Err
	}
	hc, err := session.NewHTTP(o.Network.Timeout, r.Pem, log)
	if err != nil {
		return nil, fault.Usagef("the private CA (--ca-file, --ca-data): %w", err)
	}
	if o.ProfileHold != nil {
		flows.HoldTo(hc, *o.ProfileHold)
	}
	return hc, nil
}

// Caller is what is known of the program that runs this one.
type Caller struct {
	Name       string      // for people
	Swallows   bool        // it keeps stderr from the person
	StdinTaken func() bool // stdin is its own, not ours to read; may be nil
	Explained  *bool       // becomes true once it was said which flow was chosen; may be nil
}

// Open puts the rooms together.
func Open(o *settings.Resolved, by Caller) (*session.Session, error) {
	if err := o.Obey(); err != nil {
		return nil, err
	}
	o.LeaveOutHelpers()
	log, err := NewLog(o)
	if err != nil {
		return nil, err
	}
	c := config(o)
	if c.HTTP, err = NewHTTP(o, log); err != nil {
		return nil, err
	}
	c.RedirectURIs, c.PAR, c.NoOffline = o.SignIn.RedirectURIs, o.SignIn.PAR, o.SignIn.Offline == "never"
	c.Reach, c.Person, c.Log, c.Started, c.Trail = reach(o), personOf(o, by), log, Started, trail(o)
	c.Client = func(ctx context.Context, hc *http.Client) (flows.Client, error) { return newClient(ctx, o, hc) }
	c.Limits = session.LimitsOf(o.Policy)
	c.Names, c.KeyringBy = settings.NameOf, "--store keyring"
	c.Keyring, c.Stay = o.Storage.Store == "keyring", !o.MovesStore() && c.Limits.Stores == nil
	c.Waiting = func(h cache.Holder) {
		if (h.Purpose == cache.LockSignIn || h.Purpose == cache.LockPrompt) && talk.SameTerminal(h.PID) {
			return // its prompt is seen here
		}
		a := "a"
		if h.Purpose == cache.LockExchange {
			a = "an"
		}
		log.Warn(fmt.Sprintf("waiting for another sso-exec (process %d), which is busy with %s %s since %s",
			h.PID, a, h.Purpose, h.Since.Local().Format(time.TimeOnly)))
	}
	if o.Storage.Store != "none" {
		c.CacheDir = o.Storage.CacheDir
		if c.CacheDir == "" {
			_, err := userfile.Home()
			log.Warn("nothing is kept: " + err.Error() + "; set it, or name a place with --cache-dir")
		}
	}
	s, err := session.New(c)
	if err != nil {
		return nil, err
	}
	o.FoundOut = func() *flows.Dialect { return s.Dialect }
	if o.Provider.Identity == credential.Service {
		s.Grant = newGrant(o, s)
	}
	return s, nil
}

// personOf tells a session how to ask somebody. What is still shown when a command
// ends is taken off by its last words (talk.Stderr).
func personOf(o *settings.Resolved, by Caller) session.Person {
	person, _ := sittingOf(o, by).Person()
	return person
}

func sittingOf(o *settings.Resolved, by Caller) talk.Sitting {
	return talk.Sitting{
		Issuer: o.Provider.Issuer, ClientID: o.Provider.ClientID, Which: func() string { return Which(o) }, Asker: by.Name,
		Flow: o.SignIn.Flow, Device: o.SignIn.Device, Browser: o.SignIn.Browser, Nobody: o.SignIn.Interactive == "never",
		Timeout: o.SignIn.Timeout, LatchOnTimeout: o.Tool != settings.ToolAWS, Switches: o.Tool == settings.ToolLogin,
		Swallowed: by.Swallows, StdinTaken: by.StdinTaken,
		Names: settings.NameOf, Explain: o.Report.Explain, Explained: cmp.Or(by.Explained, new(bool)),
		Login:  func(without ...string) string { return settings.LoginCommand(o, without...) },
		ToKeep: o.ToKeep,
		Policy: o.Policy,
	}
}

// Which says, for people, which of several accounts these settings are about: the
// profile, where the config has one of another account, and the session's label.
func Which(o *settings.Resolved) string {
	var parts []string
	if several(o) {
		parts = append(parts, "profile "+talk.OneLine(o.Source.Profile))
	}
	if label := o.Provider.Session; label != "" && (parts == nil || o.From.Given("session")) {
		parts = append(parts, "session "+talk.OneLine(label))
	}
	return strings.Join(parts, ", ")
}

// several reports whether the config has another account than the profile's. Of many
// profiles it reads some: it is asked for a line of text.
func several(o *settings.Resolved) bool {
	if o.Source.Profile == "" {
		return false
	}
	c, err := o.ConfigPaths().Open()
	if err != nil {
		return false
	}
	account := func(name string) (values string, complete bool) {
		for _, key := range []string{"provider", "issuer", "session", "login-hint", "organization", "client-id", "start-url",
			"sso-session"} {
			v, _ := c.Value(name, profiles.Key{Name: key, Type: profiles.String})
			value := strings.Join(v.Values, "")
			values += value + "\n"
			complete = complete || value != "" && slices.Contains([]string{"client-id", "start-url", "sso-session"}, key)
		}
		return values, complete
	}
	ours, _ := account(o.Source.Profile)
	names := c.Names()
	return slices.ContainsFunc(names[:min(len(names), 100)], func(name string) bool {
		theirs, complete := account(name)
		return complete && theirs != ours
	})
}

// Started is when this process began; a credential stored since is new enough
// under --force.
var Started = time.Now()

// NewLog returns the log: lines on stderr, or in a file of our own. Values that
// are secrets mask themselves.
func NewLog(o *settings.Resolved) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Report.LogLevel)); err != nil {
		return nil, fault.Usagef("--log-level: %w", err)
	}
	if o.Report.Verbose {
		level = min(level, slog.LevelInfo)
	}
	if o.Report.LogFile == "" {
		return slog.New(&lineHandler{w: talk.Stderr, level: level}), nil
	}
	f, err := userfile.OpenLog(o.Report.LogFile)
	if fault.Holds[*userfile.UnsafeError](err) {
		return nil, err
	}
	if err != nil {
		return nil, fault.Usagef("--log-file: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), nil
}

// lineHandler writes "sso-exec: warning: what" lines, without times, since a
// person reads along.
type lineHandler struct {
	mu    sync.Mutex
	w     io.Writer
	level slog.Level
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *lineHandler) WithGroup(string) slog.Handler                { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	level := strings.ToLower(r.Level.String())
	if r.Level == slog.LevelWarn {
		level = "warning"
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintf(h.w, "sso-exec: %s: %s\n", level, talk.OneLine(line))
	return err
}
