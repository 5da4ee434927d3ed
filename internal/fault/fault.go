// Package fault says what kind of failure an error is, and what a person can do
// about it. An error gets both where it is made; the command turns kinds into
// exit codes, and writes the hints, in one place each.
//
// A kind is an error itself, for [errors.Is]. An error of another package says
// its kind by a method Is; one that says nothing is of the kind [Other].
package fault

import (
	"errors"
	"fmt"
)

// Kind is what a failure means to whoever must act on it.
type Kind int

// The kinds of failures.
const (
	Other       Kind = iota // a refusal for good: of the provider, of a token that does not verify
	Forbidden               // a policy does not allow it
	Usage                   // the command line, the config or the place is wrong
	SignIn                  // a person must sign in, which is not possible here or now
	Denied                  // a sign-in was denied, cancelled, or not completed in time
	Unavailable             // a server cannot be reached or is failing; it may work later
	Storage                 // local files are unsafe, or cannot keep what must be kept
)

func (k Kind) Error() string {
	return [...]string{"refused", "forbidden by a policy", "wrong usage", "a sign-in is needed",
		"the sign-in was not completed",
		"unavailable", "local storage cannot be used"}[k]
}

// kinds are in the order in which they count where an error is of several.
var kinds = []Kind{Forbidden, Usage, SignIn, Denied, Unavailable, Storage}

// KindOf returns the kind of an error.
func KindOf(err error) Kind {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return Other
}

// Error is a failure with its kind and its hints.
type Error struct {
	Kind  Kind // Other: that of Err
	Err   error
	Text  string   // in place of Err's own text; empty: that
	Hints []string // what to do, a line each
}

func (e *Error) Error() string {
	if e.Text != "" {
		return e.Text
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells the kind.
func (e *Error) Is(kind error) bool { return e.Kind != Other && kind == e.Kind }

// Usagef is a wrong command line or config.
func Usagef(format string, args ...any) error {
	return &Error{Kind: Usage, Err: fmt.Errorf(format, args...)}
}

// InUsage is err as a wrong command line or config, and what to do about it.
func InUsage(err error, hints ...string) error {
	return &Error{Kind: Usage, Err: err, Hints: hints}
}

// Hint adds what to do to an error, in place of other hints.
func Hint(err error, hints ...string) error { return &Error{Err: err, Hints: hints} }

// Say is Hint with another text.
func Say(err error, text string, hints ...string) error {
	return &Error{Err: err, Text: text, Hints: hints}
}

// Page is the address of a page of docs/, for a hint: who has the program need not have
// the repository.
func Page(name string) string { return "https://github.com/sso-exec/sso-exec/blob/main/docs/" + name }

// HintsOf returns the hints of the outermost error that has some, or that was
// made by [Hint] or [Say] with none: there is nothing to do then. ok is false if
// no error of this package is in the chain.
func HintsOf(err error) (hints []string, ok bool) {
	var e *Error
	for errors.As(err, &e) {
		if len(e.Hints) > 0 || e.Kind == Other {
			return e.Hints, true
		}
		ok, err = true, e.Err
	}
	return nil, ok
}

// Holds reports whether an error of a type is in the chain.
func Holds[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// Coded is a failure with an exit code of its own: a signal's, a child's.
type Coded interface {
	error
	ExitsWith() int
}

// Silent is a failure that was reported already: only its exit code counts.
type Silent struct{ Err error }

func (e *Silent) Error() string { return e.Err.Error() }

// Unwrap returns what was reported.
func (e *Silent) Unwrap() error { return e.Err }

// Silently is err, reported already.
func Silently(err error) error { return &Silent{err} }
