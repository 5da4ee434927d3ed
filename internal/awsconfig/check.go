package awsconfig

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The names that all SDKs take, and with spaces between, in quotes, the AWS CLI.
var validName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./%@:+-]+( +[A-Za-z0-9_./%@:+-]+)*$`) })

func checkName(profile string) error {
	if !validName().MatchString(profile) {
		return fmt.Errorf("the profile name %q must be of letters, digits and _ . - / %% @ : +", profile)
	}
	return nil
}

// headerFor is the header of a profile's section.
func headerFor(profile string) string {
	switch {
	case profile == "default":
		return "[default]"
	case strings.Contains(profile, " "):
		return `[profile "` + profile + `"]`
	}
	return "[profile " + profile + "]"
}

var validKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9_]+$`) })

func (kv KV) check() error {
	if !validKey().MatchString(kv.Key) {
		return fmt.Errorf("%q is no key of an AWS profile", kv.Key)
	}
	if err := checkValue(kv.Value); err != nil {
		return fmt.Errorf("%s: %w", kv.Key, err)
	}
	return nil
}

// checkValue refuses what does not come out the same in every reader.
func checkValue(v string) error {
	unprintable := func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }
	switch {
	case v == "":
		return errors.New("there is no value")
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unprintable):
		return errors.New("there is a character in it that does not print, such as a line break")
	case strings.TrimSpace(v) != v:
		return errors.New("it begins or ends with a space")
	case strings.Contains(" "+v, " #") || strings.Contains(" "+v, " ;"):
		return errors.New("# or ; after a space begins a comment for the SDKs")
	case len(v) > 2 && v[0] == v[len(v)-1] && (v[0] == '"' || v[0] == '\''):
		return errors.New("it begins and ends with the same quotation mark, which the SDK for Go removes")
	}
	for _, seq := range []string{`\n`, `\"`, `\'`} {
		if strings.Contains(v, seq) {
			return fmt.Errorf("%s in it means something else to the SDK for Go", seq)
		}
	}
	return nil
}
