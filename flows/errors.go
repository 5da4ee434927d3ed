// Package flows gets credentials from servers, one file a way: the Authorization
// Code grant with PKCE and a loopback redirect (pkce.go, and paste.go for a
// browser elsewhere), the Device Authorization Grant (device.go), refresh
// (refresh.go), and for services client credentials (clientcredentials.go), the JWT
// bearer grant (jwtbearer.go) and token exchange (tokenexchange.go). A [Provider] is
// an authorization server whose metadata and keys are known; start with [Discover].
// A [Dialect] is how it differs from the standards: flows/dialect has those of known
// providers. A [Client] is how the program is registered there, and how it proves
// that (clientauth.go). [Choose] picks the flow for a place. AWS's exchange of an ID
// token for keys is in flows/sts.
//
// Failures are told apart by their types: [*OAuthError] is a refusal,
// [*UnavailableError] passes by itself, [*VerifyError] is an answer that is not what
// it must be. Nothing is stored here and nobody is talked to;
// whatever must be shown is handed to a function of the caller's. No request is
// sent twice, none follows a redirect, and no answer is read beyond a mebibyte.
//
// The package is v0: names may still change between minor versions.
package flows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// OAuthError is a refusal in the words of RFC 6749 §4.1.2.1 and §5.2. The
// server is up and means it: trying the same again does not help.
type OAuthError struct {
	interval time.Duration // of a device sign-in that was told to slow down; GitHub has one

	Doing       string // what was asked, e.g. "refresh"
	Code        string // e.g. invalid_grant
	Description string // the server's words, cleaned for a terminal
	Status      int    // HTTP; 0 for an answer through the browser, and for a certificate that TLS refused
	Hint        string // ours: what the metadata says of it; may be empty
	Loopback    bool   // it came over the loopback redirect alone, where anybody on this machine could have sent it
	// what the sign-in that follows is to ask for, as [ParseClaims] returns it; empty: nothing. In no message
	Claims string

	// Skew is how far the server's clock is ahead of this machine's, by the
	// answer's Date header; 0 when they agree or it is not known. An assertion
	// that is refused has often only met another clock.
	Skew time.Duration
}

func (e *OAuthError) Error() string {
	s := fmt.Sprintf("%s: the provider refused: %s", e.Doing, e.Code)
	if e.Description != "" {
		s += " (" + e.Description + ")"
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// AtSignIn reports whether an error's Doing is a person's sign-in.
func AtSignIn(doing string) bool {
	return doing == doingPKCE || doing == doingPAR || doing == doingDevice
}

// UnavailableError says that a server cannot be reached, is failing, or
// answers what the protocol does not know: nothing is learnt about the
// credential, and trying again later is right.
type UnavailableError struct {
	Doing      string
	Err        error
	RetryAfter time.Duration // the server's wish, 0 if it has none
	Garbled    bool          // an answer did arrive, but not one of the protocol's
	Status     int           // HTTP; 0 where no answer came
	Unsent     bool          // no connection came about: the server knows nothing of it
}

func (e *UnavailableError) Error() string { // which a refusal in it has said too
	return e.Doing + ": " + strings.TrimPrefix(e.Err.Error(), e.Doing+": ")
}
func (e *UnavailableError) Unwrap() error { return e.Err }

// Is tells the kind of the failure.
func (e *UnavailableError) Is(kind error) bool { return kind == fault.Unavailable }

// VerifyError says that what a server sent is not what it must be: a
// signature, an issuer, an audience, a nonce, a subject.
type VerifyError struct{ Err error }

func (e *VerifyError) Error() string { return e.Err.Error() }
func (e *VerifyError) Unwrap() error { return e.Err }

// IssuerError says that metadata names another issuer than the one that it was read for
// (OpenID Connect Discovery §4.3). It is inside a [*VerifyError].
type IssuerError struct{ Want, Got string }

func (e *IssuerError) Error() string {
	return fmt.Sprintf("the provider calls itself %q, not %q as configured; the two must match exactly",
		Clean(e.Got, 200), e.Want)
}

// BySlash reports whether the two differ in a slash at the end only, so that they are one
// provider.
func (e *IssuerError) BySlash() bool {
	return strings.TrimSuffix(e.Got, "/") == strings.TrimSuffix(e.Want, "/")
}

// UnmetError says that somebody signed in, but not in the way or for the
// organization that was asked for: asking them once more brings the same. It is
// inside a [*VerifyError].
type UnmetError struct{ says string }

func (e *UnmetError) Error() string { return e.says }

func unmetErrorf(format string, args ...any) error {
	return &VerifyError{&UnmetError{fmt.Sprintf(format, args...)}}
}

// OrganizationChoiceError is a refusal that says that the person belongs to
// several organizations and that the sign-in must name one. It is begun again
// with one of these, as [SignIn.Organization]; the list comes from the provider,
// cleaned for a terminal, and may be empty.
type OrganizationChoiceError struct {
	Organizations []Organization
	Err           *OAuthError // the refusal itself
}

func (e *OrganizationChoiceError) Error() string { return e.Err.Error() }
func (e *OrganizationChoiceError) Unwrap() error { return e.Err }

func verifyErrorf(format string, args ...any) error {
	return &VerifyError{fmt.Errorf(format, args...)}
}

// How a person's sign-in ends without a credential.
var (
	ErrDenied    error = signInEnd("the sign-in was denied")
	ErrCancelled error = signInEnd("the sign-in was cancelled") // by who should do it; for [Authorization.GiveUp]
	ErrTimedOut  error = signInEnd("the sign-in was not completed in time")
)

// signInEnd is the end of a sign-in that nobody completed.
type signInEnd string

func (e signInEnd) Error() string { return string(e) }

// Is tells the kind of the failure.
func (e signInEnd) Is(kind error) bool { return kind == fault.Denied }

// Why a flow cannot be used here or with this provider, though another might:
// see [Unusable].
var (
	ErrNotSupported = errors.New("the provider does not offer it")
	ErrNoPort       = errors.New("no redirect URI can be listened on")
	ErrNoBrowser    = errors.New("no browser could be opened")         // for callers to wrap
	ErrUnanswered   = errors.New("nothing came back from the browser") // for [Authorization.GiveUp]
)

// LackError says what a provider or a client lacks for something, and what a person can
// do instead, which may be empty. It is an [ErrNotSupported].
type LackError struct{ Doing, What, Instead string }

func (e *LackError) Error() string {
	said := fmt.Sprintf("%s: %v: %s", e.Doing, ErrNotSupported, e.What)
	if e.Instead != "" {
		said += "; " + e.Instead
	}
	return said
}

// Is tells the kind of the failure.
func (e *LackError) Is(kind error) bool { return kind == ErrNotSupported }

// Unusable reports whether a sign-in failed because its flow cannot be used
// here, or with this provider and client, and not by what a person or a server
// decided: it makes sense to offer another flow.
func Unusable(err error) bool {
	if refusal, ok := errors.AsType[*OAuthError](err); ok {
		// RFC 6749 §4.1.2.1 and §5.2: the client is not registered for this grant.
		switch refusal.Code {
		// the last is GitHub's
		case "unauthorized_client", "unsupported_grant_type", "unsupported_response_type", "device_flow_disabled":
			return true
		case "invalid_client":
			// So Google (at the device endpoint) and Entra ID (at the first poll) refuse
			// a client that is not registered for this grant.
			return refusal.Doing == doingDevice
		}
	}
	return errors.Is(err, ErrNotSupported) || errors.Is(err, ErrNoPort) || errors.Is(err, ErrNoBrowser) ||
		errors.Is(err, ErrUnanswered)
}

// Clean makes a string from elsewhere fit for one line of a terminal or a log:
// characters that are not seen go (they could forge lines and move the cursor),
// and it ends after max characters.
func Clean(s string, max int) string { return commandline.Clean(s, max) }
