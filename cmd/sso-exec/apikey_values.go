package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// errKeyOnArgv refuses a key that came as an argument. It does not repeat it.
func errKeyOnArgv() error {
	return fault.InUsage(errors.New("an argument looks like an API key itself, so nothing was done: a command line is in the shell's history and in the process list"),
		"if it is one, revoke it; the next one comes by a pipe (sso-exec apikey set NAME < FILE) or by --from-command")

}

// keyPrefixes begin the keys of well-known providers.
var keyPrefixes = []string{"sk_", "sk-", "pk_", "rk_", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "AKIA", "ASIA",
	"AIza", "eyJ", "npm_", "pypi-", "dop_v1_", "hf_", "whsec_", "SG."}

// hasKeyPrefix reports whether a word begins like a well-known provider's keys
// and is as long as one.
func hasKeyPrefix(word string) bool {
	return len(word) >= 16 && slices.ContainsFunc(keyPrefixes, func(p string) bool { return strings.HasPrefix(word, p) })
}

// looksLikeKey reports whether a word may be a key where a name is meant: it
// begins like one, or has a long run of letters and digits mixed.
func looksLikeKey(word string) bool {
	if rest, ok := strings.CutPrefix(word, "Bearer "); ok {
		word = strings.TrimSpace(rest)
	}
	if hasKeyPrefix(word) || len(word) > 64 && !strings.ContainsAny(word, " /") {
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

// told repeats a value in an error, unless it may be a key.
func told(value string) string {
	if looksLikeKey(value) {
		return "(what looks like a key)"
	}
	return strconv.Quote(flows.Clean(value, 60))
}

// checkAPIKeyName tells what is wrong with the name of a key.
func checkAPIKeyName(name string) error {
	const most = 40
	other := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._-", r) }
	switch {
	case looksLikeKey(name):
		return errKeyOnArgv()
	case name == "" || len(name) > most || strings.ContainsFunc(name, other) || !isAlphanumeric(rune(name[0])):
		return fault.Usagef("a key's name is of letters, digits, '.', '_' and '-', begins with a letter or a digit, and has %d characters at most", most)
	}
	return nil
}

// defaultHeader is how most APIs want a key (RFC 6750 §2.1).
const defaultHeader = "Authorization: Bearer"

// ownedHeaders are those that a client sets by itself; a key in one of them would
// break the request, or be sent where it is not meant to.
var ownedHeaders = []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "cookie", "te", "upgrade"}

// parseHeader takes a header apart: its name, and the scheme before the key, if
// there is one.
func parseHeader(header string) (name, scheme string, err error) {
	name, scheme, _ = strings.Cut(header, ":")
	name, scheme = strings.TrimSpace(name), strings.TrimSpace(scheme)
	// Of what RFC 9110 §5.6.2 allows in a name, what is in use.
	other := func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }
	switch {
	case looksLikeKey(name) || looksLikeKey(scheme):
		return "", "", errKeyOnArgv()
	case name == "" || strings.ContainsFunc(name, other) || strings.ContainsFunc(scheme, other) || len(name) > 60 || len(scheme) > 30:
		return "", "", fault.Usagef("--header %s: give a header's name (X-API-Key), or name and scheme (Authorization: Bearer)", told(header))
	case slices.Contains(ownedHeaders, strings.ToLower(name)):
		return "", "", fault.Usagef("--header %s: a key does not go into that header", name)
	}
	return name, scheme, nil
}

// headerLine is how a key is sent.
func headerLine(header, key string) (string, error) {
	name, scheme, err := parseHeader(header)
	if scheme != "" {
		scheme += " "
	}
	return name + ": " + scheme + key, err
}

// day is the unit in which people count the life of a key.
const day = 24 * time.Hour

// parseSpan takes a length of time: 90d, 2w, or as time.ParseDuration has it.
func parseSpan(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if n, err := strconv.Atoi(strings.TrimSuffix(s, unit)); err == nil && strings.HasSuffix(s, unit) && n > 0 && n <= 36500 {
			return time.Duration(n) * d, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("give a length of time, as 90d, 2w or 12h")
	}
	return d, nil
}

// parseEnd takes the end of a key: a day, which ends it as it begins (UTC), a
// moment of RFC 3339, or how long from now.
func parseEnd(s string, now time.Time) (end time.Time, err error) {
	if s == "" {
		return time.Time{}, nil
	}
	if end, err = time.Parse(time.DateOnly, s); err != nil {
		end, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		d, derr := parseSpan(s)
		if derr != nil {
			return end, fault.Usagef("--expires %s: give a day (2027-01-31), a moment (RFC 3339) or a length of time (90d)", told(s))
		}
		end = now.Add(d).Truncate(time.Second)
	}
	if !end.After(now) {
		return end, fault.Usagef("--expires %s: that is past", told(s))
	}
	return end.UTC(), nil
}

// parseMaxAge takes an age limit; 0 is none.
func parseMaxAge(s string) (seconds int64, err error) {
	if s == "" {
		return 0, nil
	}
	d, err := parseSpan(s)
	if err == nil && d < time.Second {
		err = errors.New("that is no age")
	}
	if err != nil {
		return 0, fault.Usagef("--max-age %s: %w", told(s), err)
	}
	return int64(d / time.Second), nil
}

// parseAddress checks a URL that a key is managed or checked at.
func parseAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if !strings.Contains(address, "://") && looksLikeKey(address) {
		return errKeyOnArgv()
	}
	if _, err := flows.CheckURL("--"+flag, address); err != nil {
		return fault.InUsage(err)
	}
	return nil
}

// span renders a length of time as people count the life of a key.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", int((d+day/2)/day))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int((d+time.Hour/2)/time.Hour))
	}
	return rough(d)
}
