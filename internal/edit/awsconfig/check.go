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

// The names that all readers take as they are. Others go into quotes, for the AWS
// CLI and boto3.
var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./%@:+-]+$`) })

// checkName refuses names that cannot be in a header: the SDKs end it at a # or
// ;, and in quotes \ and " mean something else.
func checkName(profile string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`#;[]\"`, r) }
	switch {
	case profile == "" || !utf8.ValidString(profile) || strings.ContainsFunc(profile, odd):
		return fmt.Errorf("the profile name %q must be of printable characters other than # ; [ ] \\ and \"", profile)
	case strings.TrimSpace(profile) != profile:
		return fmt.Errorf("the profile name %q must not begin or end with a space", profile)
	case profile == mixedIn:
		return fmt.Errorf("[%s] is not a profile: the AWS CLI mixes its keys into all of them", mixedIn)
	}
	return nil
}

// headerFor is the header of a profile's section.
func headerFor(profile string) string {
	switch {
	case profile == "default":
		return "[default]"
	case plainName().MatchString(profile):
		return "[profile " + profile + "]"
	}
	return `[profile "` + profile + `"]`
}

var validKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9_]+$`) })

func (kv KV) check() error {
	if !validKey().MatchString(kv.Key) {
		return fmt.Errorf("%q is not a key of an AWS profile", kv.Key)
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
		return errors.New("no value")
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

// Unread returns why botocore, and with it the AWS CLI, reads nothing of a config
// file at all, though others may: its parser (Python's RawConfigParser, strict)
// gives up on a line without a section or without a value, and on a section or a
// key that is there twice. Nil stands for none of these; indented lines, whose
// meaning depends on the ones above, are not looked at.
func Unread(text string) *TextError {
	d, _ := split(text, func(int) error { return nil })
	section, sections, keys := "", map[string]int{}, map[string]int{}
	for i, l := range d.lines {
		n := i + 1
		if l.kind == header {
			section = strings.TrimSpace(l.body)
			section = section[:strings.LastIndex(section, "]")+1]
			if first := sections[section]; first > 0 && l.body[0] == '[' && section != "[DEFAULT]" {
				return &TextError{n, fmt.Sprintf("the section %s is there already, at line %d", section, first)}
			}
			sections[section] = n
			clear(keys)
			continue
		}
		switch {
		case l.kind == blank || l.kind == comment:
		case len(sections) == 0:
			return &TextError{n, "it is in no section"}
		case l.kind == indented:
		case l.key == "":
			return &TextError{n, "it is neither a section, nor a key and its value, nor a comment"}
		case keys[l.key] > 0 && section != "[DEFAULT]":
			return &TextError{n, fmt.Sprintf("the key %s is there already, at line %d", l.key, keys[l.key])}
		default:
			keys[l.key] = n
		}
	}
	return nil
}
