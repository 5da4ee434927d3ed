package apikey

import (
	"errors"
	"strings"
)

// Why a request is refused. [Issuer.Refuse] says so over HTTP, in the words of
// RFC 6750 §3.1. An error that is none of these came from the store, and says
// nothing about the key.
var (
	ErrMissing = errors.New("no API key was sent") // 401
	// 401: malformed or unknown
	ErrInvalid   = errors.New("not a valid API key")
	ErrExpired   = errors.New("the API key has expired")                                           // 401
	ErrRevoked   = errors.New("the API key has been revoked")                                      // 401
	ErrScope     = errors.New("the API key's scopes do not cover this")                            // 403: [*ScopeError]
	ErrInURL     = errors.New("an API key was sent in the URL, where logs keep it: revoke it")     // 400
	ErrAmbiguous = errors.New("more than one credential was sent, and they differ: send only one") // 400
)

// What a [Store] answers.
var (
	ErrNotFound = errors.New("no such API key")
	ErrExists   = errors.New("there is such an API key already")
	ErrReplaced = errors.New("the API key has been replaced already")
)

// ScopeError says which scopes a request needs. It is an [ErrScope].
type ScopeError struct{ Needed []string }

func (e *ScopeError) Error() string {
	return ErrScope.Error() + ": it needs " + strings.Join(e.Needed, " ")
}

// Unwrap returns [ErrScope].
func (e *ScopeError) Unwrap() error { return ErrScope }
