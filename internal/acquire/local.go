package acquire

import (
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// local gives a failure on this machine its kind, for those who wait for it.
func local(err error) error {
	kind := session.FailedOther
	switch {
	case err == nil || fault.Holds[*talk.SignalError](err):
		return err
	case fault.Holds[*userfile.UnsafeError](err):
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
