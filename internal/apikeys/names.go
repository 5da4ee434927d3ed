// Package apikeys has the rules of stored API keys: their names, the header that
// they are sent in, when they end.
package apikeys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// MaskOf is what is shown of a key.
func MaskOf(k *cache.APIKey) string {
	return cmp.Or(flows.Clean(k.Masked(), 40), "no key")
}

// ErrKeyOnArgv refuses a key that came as an argument. It does not repeat it.
func ErrKeyOnArgv() error {
	return fault.InUsage(errors.New("an argument looks like an API key itself, so nothing was done: a command line is "+
		"in the shell's history and in the process list"),
		"if it is one, revoke it; the next one comes by a pipe (sso-exec apikey set NAME < FILE) or by --from-command")
}

// keyPrefixes begin the keys of well-known providers.
var keyPrefixes = []string{"sk_", "sk-", "pk_", "rk_", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-",
	"xoxb-", "xoxp-", "xapp-", "AKIA", "ASIA",
	"AIza", "eyJ", "npm_", "pypi-", "dop_v1_", "hf_", "whsec_", "SG."}

// HasKeyPrefix reports whether a word begins like a well-known provider's keys
// and is as long as one.
func HasKeyPrefix(word string) bool {
	return len(word) >= 16 && slices.ContainsFunc(keyPrefixes, func(p string) bool { return strings.HasPrefix(word, p) })
}

// LooksLikeKey reports whether a word may be a key where a name is meant: it
// begins like one, or has a long run of letters and digits mixed.
func LooksLikeKey(word string) bool {
	if rest, ok := strings.CutPrefix(word, "Bearer "); ok {
		word = strings.TrimSpace(rest)
	}
	if HasKeyPrefix(word) || len(word) > 64 && !strings.ContainsAny(word, " /") {
		return true
	}
	for _, run := range strings.FieldsFunc(word, func(r rune) bool { return !isAlphanumeric(r) }) {
		digits := strings.Count(strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '0'
			}
			return r
		}, run), "0")
		if len(run) >= 16 && digits >= 2 && digits <= len(run)-2 {
			return true
		}
	}
	return false
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// Told repeats a value in an error, unless it may be a key.
func Told(value string) string {
	if LooksLikeKey(value) {
		return "(what looks like a key)"
	}
	return strconv.Quote(flows.Clean(value, 60))
}

// CheckAPIKeyName tells what is wrong with the name of a key.
func CheckAPIKeyName(name string) error {
	const most = 40
	other := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._-", r) }
	switch {
	case LooksLikeKey(name):
		return ErrKeyOnArgv()
	case name == "" || len(name) > most || strings.ContainsFunc(name, other) || !isAlphanumeric(rune(name[0])):
		return fault.Usagef("a key's name is of letters, digits, '.', '_' and '-', begins with a letter or a digit, and "+
			"has %d characters at most", most)
	}
	return nil
}

// ProviderWorkOS is who issued a key, as its record names WorkOS.
const ProviderWorkOS = "workos"

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
		return fault.InUsage(errors.New("no key on stdin"),
			"pipe it: sso-exec apikey set NAME < FILE; or name a helper that prints it: --from-command")
	case odd && strings.Contains(key, "\n"):
		return fault.Usagef("the key has several lines: give only the key itself")
	case odd:
		return fault.InUsage(errors.New("the key has spaces, control characters or letters beyond ASCII in it, "+
			"which no key has"),
			"give only the key, without the header's name or \"Bearer\"; --header says how it is sent")

	case len(key) < minKey:
		return fault.Usagef("the key has %d characters: too few for a key", len(key))
	case len(key) > MaxKey:
		return fault.Usagef("the key has more than %d characters", MaxKey)
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

// Date tells a day, and for one that is near the time.
func Date(t time.Time) string {
	if time.Until(t).Abs() < 2*Day {
		return t.Local().Format("2 Jan 2006, 15:04")
	}
	return t.Local().Format("2 Jan 2006")
}

// How long before its end a key's users are warned: a tenth of its life, two
// weeks at most; and how often they are.
const (
	warnAhead = 14 * Day
	warnPart  = 10
	WarnEvery = Day
)

// EndsSoon reports whether it is time to warn of a key's end.
func EndsSoon(k *cache.APIKey, now time.Time) bool {
	end := k.EndsAt()
	return !end.IsZero() && end.Sub(now) < min(warnAhead, end.Sub(k.CreatedAt)/warnPart)
}

// Day is the unit in which people count the life of a key.
const Day = 24 * time.Hour

// Span renders a length of time as people count the life of a key.
func Span(d time.Duration) string {
	switch {
	case d >= 2*Day:
		return fmt.Sprintf("%d days", int((d+Day/2)/Day))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int((d+time.Hour/2)/time.Hour))
	}
	return talk.Rough(d)
}
