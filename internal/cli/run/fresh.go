package run

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/disk"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// This file is what goes on while a command runs.

// lookEvery is how often it is looked whether something must be renewed. A machine that
// slept is noticed by then: times are those of the clock on the wall. After a failure a
// server is left alone for longer.
const (
	lookEvery = 10 * time.Second
	lookLater = time.Minute
)

// watch renews again and again, and tells why that fails where a person must sign in:
// once, until it works again. It returns what ends it.
func watch(renew func(context.Context) error, tell func(error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		told := false
		for tick := time.NewTicker(lookEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			err := renew(ctx)
			needed := fault.KindOf(err) == fault.SignIn
			if needed && !told && ctx.Err() == nil {
				tell(err)
			}
			told = needed || told && err != nil
			tick.Reset(map[bool]time.Duration{true: lookEvery, false: lookLater}[err == nil])
		}
	})
	return func() { cancel(); done.Wait() }
}

// tell says that a person must sign in before what the command has ends: in the log, and
// in a line on the terminal, where no program draws on that. The command's own files
// are left alone.
func (r *runner) tell(s *session.Session, err error) {
	text := "the command's credentials cannot be renewed: " + strings.TrimPrefix(explainRenewal(r.keys, err), "sso-exec: ")
	if r.saysToLog() {
		s.Log.Warn(text)
	}
	here, err := place.Look(place.Asked{Policy: r.keys.Policy})
	if err != nil || !here.Facts.Terminal || here.Facts.FullScreen != "" {
		return
	}
	if t, err := terminal.Open(); err == nil {
		fmt.Fprintf(t, "\nsso-exec: warning: %s\n", talk.OneLine(text))
		_ = t.Close()
	}
}

// soon is how long before its end a person is told that a session ends.
const soon = 15 * time.Minute

// endsSoon is the error of a session that is known to end soon, and of which nothing can
// be had after that.
func endsSoon(s *session.Session) error {
	if s.Store == nil || s.Grant != nil {
		return nil
	}
	rec, err := s.Store.Peek(s.Request.SessionKey())
	if err != nil {
		return nil //nolint:nilerr // a renewal tells it
	}
	left := s.Limits.Until(rec).Sub(time.Now().Round(0))
	if s.Limits.Until(rec).IsZero() || left > soon {
		return nil
	}
	return &session.LoginRequiredError{Reason: "the session ends in " + talk.Rough(max(left, 0))}
}

// setWebIdentity puts the ID token into a file, which is kept fresh while the command
// runs, and into the environment what the SDKs need to get a role's keys for it.
func (r *runner) setWebIdentity(ctx context.Context, s *session.Session, env *environ.Environment) (func(), error) {
	need := acquire.Need(r.keys, s, false)
	c, _, err := acquire.Obtain(ctx, s, need)
	if err != nil {
		return nil, err
	}
	dir, err := fileFor(r.keys.Storage.CacheDir, c.Token.Reveal())
	if err != nil {
		return nil, err
	}
	env.DropAWS()
	env.Set("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(dir.path, tokenFile))
	env.Set("AWS_ROLE_ARN", r.keys.AWS.RoleARN)
	env.Set("AWS_ROLE_SESSION_NAME", cmp.Or(r.keys.AWS.RoleSessionName, sts.SessionName(c.Token)))
	if r.keys.From.Said("sts-endpoint") {
		env.Set("AWS_ENDPOINT_URL_STS", r.keys.AWS.STSEndpoint)
	}
	for _, what := range env.HideDefaultProfile() {
		s.Log.Warn(what)
	}
	env.SetRegion(r.region)
	stop := watch(func(ctx context.Context) error {
		if lastFor(c, need.MinTTL.For(c)) {
			return endsSoon(s)
		}
		next, err := r.renewed(ctx, false)
		if err == nil {
			if err = dir.Write(".tmp-", tokenFile, []byte(next.Token.Reveal()), false); err == nil {
				c = next
			}
		}
		return err
	}, func(err error) { r.tell(s, err) })
	return func() { stop(); dir.remove() }, nil
}

// fileFor makes a directory of this run with a text in its file.
func fileFor(cacheDir, text string) (*runDirectory, error) {
	dir, err := ownDirectory(cacheDir)
	if err == nil {
		if err = dir.Write(".tmp-", tokenFile, []byte(text), false); err == nil {
			return dir, nil
		}
		dir.remove()
	}
	return nil, &fault.Error{Kind: fault.Storage, Err: fmt.Errorf("the file for the token: %w", err),
		Hints: []string{"make room there, or name another place with --cache-dir"}}
}

const tokenFile, lockFile = "token", "lock"

// runDirectory is a directory of one run; its lock is held for as long as that lasts.
type runDirectory struct {
	disk.Dir
	path string
	lock *os.File
}

// ownDirectory makes one in the cache. What runs left there that were killed is removed.
func ownDirectory(cacheDir string) (*runDirectory, error) {
	base := filepath.Join(cacheDir, "run")
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	left, _ := filepath.Glob(filepath.Join(base, "*"))
	for _, path := range left {
		f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		at, err := f.Stat()
		if err == nil && time.Since(at.ModTime()) > time.Minute { // one that is being made is not locked yet
			if free, err := disk.TryLock(f); free && err == nil {
				_ = f.Close()
				_ = os.RemoveAll(path)
			}
		}
		_ = f.Close()
	}
	path, err := os.MkdirTemp(base, "")
	if err != nil {
		return nil, err
	}
	d := &runDirectory{path: path, Dir: disk.Open(path)}
	if d.lock, err = os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		if _, err = disk.TryLock(d.lock); err == nil {
			return d, nil
		}
	}
	d.remove()
	return nil, err
}

func (d *runDirectory) remove() {
	d.Close()
	_ = d.lock.Close() // nil does nothing
	if err := os.RemoveAll(d.path); err != nil {
		talk.Warn(fmt.Errorf("the file with the token is still there: %w", err))
	}
}
