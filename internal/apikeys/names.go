// Package apikeys has the rules of stored API keys: their names, the header that
// they are sent in, when they end.
package apikeys

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
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
