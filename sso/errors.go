package sso

import (
	"context"
	"errors"
	"strings"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// The kinds of failures, for [errors.Is]. An error of this package is of exactly
// one kind, unless it is that of a context that has ended: then it is the
// context's own.
var (
	// ErrLoginRequired: a person must sign in, which is not possible here or now.
	ErrLoginRequired error = fault.SignIn
	// ErrDenied: the sign-in was denied, cancelled, or not completed in time.
	ErrDenied error = fault.Denied
	// ErrUnavailable: the provider cannot be reached or is failing; try again later.
	ErrUnavailable error = fault.Unavailable
	// ErrStorage: local files are unsafe, or cannot keep what must be kept.
	ErrStorage error = fault.Storage
	// ErrUsage: a field of the Client is wrong, or an origin is.
	ErrUsage error = fault.Usage
	// ErrForbidden: a policy of this machine does not allow it.
	ErrForbidden error = fault.Forbidden
	// ErrRefused: the provider refused for good, or sent a token that does not verify.
	ErrRefused error = fault.Other
)

// ErrNotRevoked is the error of [Client.Logout] where the session was forgotten
// here, and the provider did not revoke it. It comes together with the kind of
// what kept the provider from it.
var ErrNotRevoked = errors.New("the session was forgotten here, but not revoked at the provider")

// refusal is an error that does not tell its kind.
type refusal struct{ error }

func (e refusal) Unwrap() error        { return e.error }
func (e refusal) Is(target error) bool { return target == ErrRefused }

// needed is that a person must sign in, with what keeps them from it.
type needed struct {
	error
	why []string
}

func (e needed) Error() string { return e.error.Error() + ": " + strings.Join(e.why, "; ") }
func (e needed) Unwrap() error { return e.error }

// sorted gives an error its kind. One of a context that has ended stays as it is.
func sorted(ctx context.Context, err error) error {
	var login *session.LoginRequiredError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case fault.KindOf(err) == fault.Other:
		return refusal{err}
	case errors.As(err, &login) && len(login.Why) > 0:
		return needed{err, login.Why}
	}
	return err
}
