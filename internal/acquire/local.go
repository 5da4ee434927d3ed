package acquire

import (
	"errors"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// local gives a failure on this machine its kind, for those who wait for it.
func local(err error) error {
	kind := session.FailedOther
	var unsafe *userfile.UnsafeError
	var signal *talk.SignalError
	switch {
	case err == nil || errors.As(err, &signal):
		return err
	case errors.As(err, &unsafe):
		kind = session.FailedFile
	default:
		switch fault.KindOf(err) {
		case fault.Usage:
			kind = session.FailedUsage
		case fault.Unavailable:
			kind = session.FailedProvider
		case fault.Storage:
			kind = session.FailedStorage
		}
	}
	return &session.LocalError{Kind: kind, Err: err}
}
