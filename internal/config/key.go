package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// The types of keys. A key without a type is not checked, and takes a value or a
// list.
const (
	String   = "string"
	List     = "list"     // a value or a list of values
	Duration = "duration" // as Go writes it: 90s, 1h30m
	Bool     = "bool"
	Path     = "path" // a relative one starts at the file's directory
	Enum     = "enum"
	Table    = "table" // a value, a list of values, or a mapping from each value to columns
)

// Misread is the error about a value that cannot be read as one of a type; nil for
// types of which each has words of its own.
func Misread(typ, value string) error {
	switch typ {
	case Duration:
		return fmt.Errorf("%q is not a duration, such as 90s, 5m or 1h30m", value)
	case Bool:
		return fmt.Errorf("%q is neither true nor false", value)
	}
	return nil
}

// Key is a setting that a profile can have.
type Key struct {
	Name    string
	Section string   // the section that it is in, or none
	Type    string   // one of those above
	Enum    []string // the values of an Enum
	Columns []Key    // of a Table
	Mapping bool     // of a Table: it is a mapping, and nothing else
	Usage   string   // for editors
	Default string   // for editors

	// Instead, if it is not empty, is the one key of a mapping that may stand in place
	// of a value, and names another profile: {profile: NAME} is the value
	// "profile:NAME".
	Instead string

	// From, if it is not nil, has what is relative in a value start at the directory
	// of the file that has it.
	From func(dir, value string) string

	// Check, if it is not nil, says what else is wrong with a value.
	Check func(value string) error
	// CheckWithout, if it is not nil, says what is wrong with a value where the
	// key Other of the same section is not set. Only Validate asks: a flag may
	// give the other one.
	CheckWithout func(value string) error
	Other        string

	// Secret says that the value, or the file that it names, is for the profile's
	// issuer alone. client-secret-file always is.
	Secret bool
}

// full is the name that a setting is known by.
func (k *Key) full() string { return fullName(k.Section, k.Name) }

func fullName(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}

func (k *Key) secret() bool { return k.Secret || k.Section == "" && k.Name == "client-secret-file" }

// check says what is wrong with values of this key, or nothing.
func (k *Key) check(values []string, list bool) string {
	if k.Type != "" && k.Type != List && k.Type != Table && list {
		return k.Name + " takes one value, not a list"
	}
	for _, v := range values {
		switch k.Type {
		case Duration:
			if _, err := time.ParseDuration(v); err != nil {
				return k.Name + ": " + Misread(Duration, v).Error()
			}
		case Bool:
			if _, err := strconv.ParseBool(v); err != nil {
				return k.Name + ": " + Misread(Bool, v).Error()
			}
		case Enum:
			if !slices.Contains(k.Enum, v) {
				return k.Name + ": invalid value " + strconv.Quote(v) + commandline.Suggest(v, k.Enum)
			}
		}
		if k.Check != nil {
			if err := k.Check(v); err != nil {
				return k.Name + ": " + err.Error()
			}
		}
	}
	return ""
}

// instead reads the name of another profile.
func (r *resolver) instead(f *File, e pair, what string, key *Key, s *setting) bool {
	pairs := r.mapping(f, e.value, e.key.Line, what+", "+key.Name)
	if len(pairs) != 1 || pairs[0].key.Value != key.Instead || pairs[0].value.Kind != yaml.ScalarNode ||
		!isText(pairs[0].value.Tag) || strings.TrimSpace(pairs[0].value.Value) == "" {
		r.add(f.finding(e.key.Line, "%s: %s: use %s or {%s: NAME}", what, key.Name, strings.Join(key.Enum, ", "),
			key.Instead))
		return false
	}
	name := strings.TrimSpace(pairs[0].value.Value)
	if name == s.Profile {
		r.add(f.finding(e.key.Line, "%s: %s: it names itself", what, key.Name))
		return false
	}
	s.Values = []string{key.Instead + ":" + name}
	return true
}
