package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Kinds of failure, as one process tells another.
const (
	FailedProvider = "provider" // it cannot be reached, or is failing
	FailedStorage  = "storage"
	FailedUsage    = "usage"   // the settings are wrong, for this place at least
	FailedFile     = "file"    // a file of the user's is unsafe
	FailedToken    = "token"   // STS does not accept the token, or not yet
	FailedSignIn   = "sign-in" // denied, or not completed in time
	FailedOther    = "other"
)

// LocalError is a failure of what is asked on this machine for a credential: a
// file, a helper, the platform. Kind is one of the above.
type LocalError struct {
	Kind string
	Err  error
}

func (e *LocalError) Error() string { return e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// SharedError is the failure of another process, for whose work this one
// waited: it adopts the outcome, good or bad, instead of trying the same again.
type SharedError struct {
	Kind    string
	Message string
}

func (e *SharedError) Error() string { return flows.Clean(e.Message, 500) }

// Is tells the kind of the failure.
func (e *SharedError) Is(kind error) bool {
	is, ok := kindsShared[e.Kind]
	return ok && kind == is
}

// kindsShared are the kinds of failures as one process tells another.
var kindsShared = map[string]fault.Kind{FailedProvider: fault.Unavailable, FailedStorage: fault.Storage,
	FailedFile:   fault.Storage,
	FailedSignIn: fault.Denied, FailedUsage: fault.Usage}

// LoginRequiredError says that a person must sign in and that this is not
// possible here, or not now.
type LoginRequiredError struct {
	Reason string   // why a sign-in is needed
	Why    []string // why it cannot be done here
	Try    string   // what would make it possible; empty: nothing is known
}

func (e *LoginRequiredError) Error() string { return e.Reason }

// Is tells the kind of the failure.
func (e *LoginRequiredError) Is(kind error) bool { return kind == fault.SignIn }

// StorageError says that a session was not touched, since what came of it could
// not have been kept: no refresh was sent, no sign-in written over it.
type StorageError struct{ Err error }

func (e *StorageError) Error() string {
	return fmt.Sprintf("the session's storage cannot be used, so the session was left as it is: %v", e.Err)
}
func (e *StorageError) Unwrap() error { return e.Err }

// Is tells the kind of the failure.
func (e *StorageError) Is(kind error) bool { return kind == fault.Storage }

// OtherPersonError says that a sign-in ended as somebody else than the session
// belongs to. Only Login may switch.
type OtherPersonError struct{ Got, Want string }

func (e *OtherPersonError) Error() string {
	return fmt.Sprintf("signed in as %s, but this session belongs to %s", flows.Clean(e.Got, 100),
		flows.Clean(e.Want, 100))
}

// TTLError says that even a fresh credential does not last as long as was
// demanded.
type TTLError struct{ Lasts, Want time.Duration }

func (e *TTLError) Error() string {
	return fmt.Sprintf("a fresh credential lasts only %v, less than the %v of --min-ttl", e.Lasts.Truncate(time.Second),
		e.Want) // rounded, both would be the same where a moment is missing
}

// sessionEnded is the error when nothing can be refreshed: a person must sign in.
type sessionEnded struct{ reason string }

func (e *sessionEnded) Error() string { return e.reason }

// kindOf sorts a failure for those who wait. Empty: it is nobody else's.
func kindOf(err error) string {
	var local *LocalError
	_, signIn := signInTo(err)
	switch {
	case errors.As(err, &local):
		return local.Kind
	case isOtherRoots(err):
		return "" // others may run under others
	case fault.Holds[*sessionEnded](err), fault.Holds[*LoginRequiredError](err),
		fault.Holds[*OrganizationRequiredError](err), signIn, errors.Is(err, fault.SignIn):
		return "" // they see it in what is stored, or have to ask themselves
	case errors.Is(err, flows.ErrDenied), errors.Is(err, flows.ErrCancelled), errors.Is(err, flows.ErrTimedOut):
		return FailedSignIn
	case fault.Holds[*flows.UnavailableError](err):
		return FailedProvider
	case notYet(err):
		return FailedToken
	case fault.Holds[*StorageError](err), fault.Holds[*cache.UnsafeError](err), fault.Holds[*cache.NewerError](err),
		fault.Holds[*cache.KeyringError](err):
		return FailedStorage
	case fault.Holds[*flows.OAuthError](err), fault.Holds[StepRefusal](err), fault.Holds[*flows.VerifyError](err),
		fault.Holds[*flows.SubjectError](err), fault.Holds[*OtherPersonError](err):
		return FailedOther
	}
	return "" // an interrupt is meant for one process
}

// everybodys gives a failure that has no kind one, for those who wait: a client
// that cannot authenticate as the provider wants it fails for all of them, and
// each would run its helper for nothing.
func everybodys(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || kindOf(err) != "" || isOtherRoots(err) {
		return err
	}
	return &LocalError{FailedOther, err}
}

// canWait tells failures next to which a credential that is still valid may be
// served: the provider or the disk is in trouble, or nobody is there to ask.
func canWait(err error) bool {
	var shared *SharedError
	return fault.Holds[*flows.UnavailableError](err) || isOtherRoots(err) || fault.Holds[*StorageError](err) ||
		fault.Holds[*cache.KeyringError](err) || errors.Is(err, fault.SignIn) || notYet(err) ||
		errors.As(err, &shared) &&
			(shared.Kind == FailedProvider || shared.Kind == FailedStorage || shared.Kind == FailedToken)
}

// StepRefusal is a refusal by the server of a [Step]. What it means is for the
// step to know: this package links none of them.
type StepRefusal interface {
	error
	NotYet() bool       // the same request may be accepted in a moment
	RefusesToken() bool // it was what the step was given that was refused
}

// notYet tells the refusals that may pass in a moment.
func notYet(err error) bool {
	var step StepRefusal
	return errors.As(err, &step) && step.NotYet()
}

// Retries of a request that may be sent again. They are few: the tool waits,
// and a provider in trouble is not helped by more.
const (
	retryPause = 400 * time.Millisecond
	// maxRetryAfter is the longest wish of a provider that is worth waiting for.
	maxRetryAfter = 5 * time.Second
)

// While a refresh token that was replaced still brings its successor, a lost answer
// is not lost: the pauses between the tries grow up to replayPause, and the last try
// is sent replayMargin before that time is over.
const (
	replayPause  = 4 * time.Second
	replayMargin = 5 * time.Second
)

// resend sends a refresh token, and again where no answer came. window is how long
// the provider lets one that it has replaced pass; 0: it does not say. A server that
// cannot have heard of it has replaced nothing: that is tried as elsewhere, and so
// is one that asks for patience while the token is still good.
func (s *Session) resend(ctx context.Context, window time.Duration, send func() error) error {
	if window == 0 {
		return retry(ctx, s.attempts, send)
	}
	began, pause, heard := time.Now(), retryPause, false
	for tries := 1; ; tries++ {
		err := send()
		var outage *flows.UnavailableError
		if err == nil || ctx.Err() != nil || !errors.As(err, &outage) {
			return err
		}
		patience := outage.Status == http.StatusTooManyRequests && s.attempts == 1
		heard = heard || !outage.Unsent && !patience
		wait := max(outage.RetryAfter,
			time.Duration((0.5+rand.Float64())*float64(pause))) //nolint:gosec // jitter is no secret
		if !heard && tries >= s.attempts || time.Since(began)+wait > window-replayMargin || !sleep(ctx, wait) {
			return err
		}
		pause = min(2*pause, replayPause)
	}
}

// sleep waits, and reports whether ctx did not end meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// againError is a failure after which something was changed that may help.
type againError struct{ error }

func (e *againError) Unwrap() error { return e.error }

// retry calls f until it does not fail for the provider's trouble, or for what
// may pass, attempts times at most, with pauses that grow and are not
// everybody's same.
func retry(ctx context.Context, attempts int, f func() error) error {
	pause := retryPause
	for {
		err := f()
		attempts--
		var outage *flows.UnavailableError
		if fault.Holds[*LocalError](err) {
			return err
		}
		passes := errors.As(err, &outage) || fault.Holds[*againError](err) || notYet(err)
		if err == nil || attempts == 0 || ctx.Err() != nil || !passes {
			return err
		}
		var wish time.Duration
		if outage != nil {
			wish = outage.RetryAfter
		}
		if wish > maxRetryAfter ||
			!sleep(ctx, max(wish, time.Duration((0.5+rand.Float64())*float64(pause)))) { //nolint:gosec // jitter is no secret
			return err
		}
		pause *= 3
	}
}
