package settings

import (
	"maps"

	"github.com/sso-exec/sso-exec/internal/config"
)

// By is what gave a setting its value.
type By int

// What can give a setting its value; a later one stands above an earlier one.
const (
	ByDefault By = iota
	ByProfile
	ByVariable
	ByFlag
)

// Origin says what gave a setting its value; At is where a profile has it.
type Origin struct {
	By By
	At config.Origin
}

// Origins say, by the names of settings, what gave them their values. What has
// none is a default.
type Origins map[string]Origin

// Typed reports whether a flag set it.
func (o Origins) Typed(name string) bool { return o[name].By == ByFlag }

// Given reports whether a flag or a variable set it: whoever runs the program,
// and not a config file.
func (o Origins) Given(name string) bool { return o[name].By >= ByVariable }

// Said reports whether anything set it.
func (o Origins) Said(name string) bool { return o[name].By != ByDefault }

// Where tells people what set it: a file and its line, a variable, a flag.
func (o Origins) Where(name string) string {
	switch o[name].By {
	case ByProfile:
		return o[name].At.String()
	case ByVariable:
		return "variable " + VariableOf(name)
	case ByFlag:
		return "flag --" + name
	}
	return "default"
}

// Clone is a copy that can be changed by itself.
func (o Origins) Clone() Origins { return maps.Clone(o) }
