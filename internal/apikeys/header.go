package apikeys

import (
	"errors"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// Bounds of a key, in bytes.
const (
	minKey = 4
	MaxKey = 8192
)

// CheckKeyText tells what is wrong with a key, without repeating it. What is
// allowed fits into a header (RFC 9110 §5.5) and into a shell's variable.
func CheckKeyText(key string) error {
	odd := strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case key == "":
		return fault.InUsage(errors.New("there is no key on stdin"),
			"pipe it: sso-exec apikey set NAME < FILE; or name a helper that prints it: --from-command")
	case odd && strings.Contains(key, "\n"):
		return fault.Usagef("what was given as a key has several lines: give the key alone")
	case odd:
		return fault.InUsage(errors.New("what was given as a key has spaces, control characters or letters beyond ASCII "+
			"in it, as no key has"),
			"give the key alone, without the header's name or \"Bearer\"; --header says how it is sent")

	case len(key) < minKey:
		return fault.Usagef("what was given as a key has %d characters: fewer than any key", len(key))
	case len(key) > MaxKey:
		return fault.Usagef("what was given as a key has more than %d characters", MaxKey)
	}
	return nil
}

// DefaultHeader is how most APIs want a key (RFC 6750 §2.1).
const DefaultHeader = "Authorization: Bearer"

// ownedHeaders are those that a client sets by itself; a key in one of them would
// break the request, or be sent where it is not meant to.
var ownedHeaders = []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "cookie", "te",
	"upgrade"}

// ParseHeader takes a header apart: its name, and the scheme before the key, if
// there is one.
func ParseHeader(header string) (name, scheme string, err error) {
	name, scheme, _ = strings.Cut(header, ":")
	name, scheme = strings.TrimSpace(name), strings.TrimSpace(scheme)
	// Of what RFC 9110 §5.6.2 allows in a name, what is in use.
	other := func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }
	switch {
	case LooksLikeKey(name) || LooksLikeKey(scheme):
		return "", "", ErrKeyOnArgv()
	case name == "" || strings.ContainsFunc(name, other) || strings.ContainsFunc(scheme, other) || len(name) > 60 ||
		len(scheme) > 30:
		return "", "", fault.Usagef("--header %s: give a header's name (X-API-Key), or name and scheme (Authorization: "+
			"Bearer)", Told(header))
	case slices.Contains(ownedHeaders, strings.ToLower(name)):
		return "", "", fault.Usagef("--header %s: a key does not go into that header", name)
	}
	return name, scheme, nil
}

// HeaderLine is how a key is sent.
func HeaderLine(header, key string) (string, error) {
	name, scheme, err := ParseHeader(header)
	if scheme != "" {
		scheme += " "
	}
	return name + ": " + scheme + key, err
}
