package settings

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Kind says how the text of a setting is read.
type Kind int

// The kinds of settings.
const (
	Text      Kind = iota
	Word           // one of Row.Choices
	Path           // of a file or a directory; in a config file a relative one starts at that file
	Command        // a program and its arguments, without a shell; paths as above
	TokenFrom      // where a token comes from; a path or a command in it as above
	Duration       // as Go writes it: 90s, 1h30m
	Switch         // true or false
	Number         // a whole one
	List           // repeatable
	Words          // repeatable, commas allowed
	Instead        // one of Row.Choices; in a profile also another one: profile:NAME
)

// repeats reports whether a setting of this kind may have several values.
func (k Kind) repeats() bool { return k == List || k == Words }

// flagType is the name that pflag and shells know a kind by.
func (k Kind) flagType() string {
	return [...]string{Text: "string", Word: "string", Path: "path", Command: "string", TokenFrom: "string",
		Duration: "duration", Switch: "bool", Number: "int", Instead: "string", List: "stringArray", Words: "stringSlice"}[k]
}

// Group is a heading that settings stand below.
type Group string

// The groups, as help shows them.
const (
	GroupProvider Group = "Which provider"
	GroupSignIn   Group = "How to sign in"
	GroupClient   Group = "How a client authenticates"
	GroupWorkload Group = "A workload's own token"
	GroupExchange Group = "An exchange for another token"
	GroupTarget   Group = "What to get"
	GroupAWS      Group = "Which AWS role"
	GroupStorage  Group = "Where to keep it"
	GroupNetwork  Group = "Network"
	GroupReport   Group = "What to report"
)

// Groups lists the groups in the order of help. A setting in none of them is a
// command's own.
func Groups() []Group {
	return []Group{GroupProvider, GroupSignIn, GroupClient, GroupWorkload, GroupExchange, GroupTarget, GroupAWS,
		GroupStorage, GroupNetwork, GroupReport}
}

// Trait is what else is true of a setting; several add up.
type Trait int

// The traits of settings.
const (
	NoKey       Trait = 1 << iota // no profile can set it
	NoVariable                    // no variable can
	Names                         // it says which session is meant
	Contradicts                   // it cannot stand next to a session that is named otherwise
	Keeps                         // a sign-in of the same session needs it too
	Here                          // it means something to this process alone
	Reaches                       // it says how a provider or a person is reached, whichever session it is
	Credential                    // it names a credential, which is for one provider alone
	// a profile needs it even where a variable gave it: without it the sign-in would be another
	Needed
	Asks     // it is about a sign-in itself, or the token that it is for
	KeyOnly  // no flag sets it
	Harmless // whatever it is, the same is obtained
	Free     // a flag or a variable may give it where the policy denies overrides
)

// Completion says what completes a value, other than its kind and its choices.
type Completion int

// What else completes values.
const (
	CompleteProfiles Completion = iota + 1
	CompleteOrganizations
	CompleteAPIKeys
	CompleteRoles
	CompleteSSOSessions
)

// Row is one setting.
type Row struct {
	Name     string // of the flag; the variable and the key follow from it
	Short    string // a letter, or none
	Group    Group
	After    string // the setting that help shows it below, where that is not the one above it in the table
	Kind     Kind
	Choices  []string        // of a Word; of a Text those that its command knows
	choices  func() []string // the same, where they are another package's
	Default  string          // as help shows it
	Open     string          // what it is while nothing sets it, where that is not its default
	Help     string          // the word in backquotes stands for the value
	Traits   Trait
	Complete Completion
	KeyName  string             // in a profile, where it is not Name; "section.name" in a section
	Only     []string           // the commands that have it as a flag; nil: all
	Idle     []string           // commands to which it means nothing; see IsIdle
	Check    func(string) error // what can be told of a single value, whatever the others are; nil: nothing
	Alone    func(string) error // the same, where the key AloneFrom is not set; only config validate asks
	// AloneFrom is the name of a setting; see Alone.
	AloneFrom string
	Rule      string // of a policy, that bounds its values; empty: none

	Columns func() []config.Key // what a profile can say of each value, where that is a mapping; nil: nothing

	at func(*Settings) any
}

// Is reports whether a setting has all of these traits.
func (r *Row) Is(t Trait) bool { return r.Traits&t == t }

// Of reports whether a command has the setting as a flag.
func (r *Row) Of(tool string) bool { return r.Only == nil || slices.Contains(r.Only, tool) }

// IsIdle reports whether it means nothing to a command, which accepts it all the
// same: those that sign nobody in have all that is about a sign-in.
func (r *Row) IsIdle(tool string) bool {
	return slices.Contains(r.Idle, tool) || r.Is(Asks) &&
		slices.Contains([]string{ToolLogout, ToolStatus, ToolWhoami}, tool)
}

// Values lists the values that a setting can have; nil: it takes others.
func (r *Row) Values() []string {
	if r.choices != nil {
		return r.choices()
	}
	return r.Choices
}

// Variable is the name of the environment variable; empty: there is none.
func (r *Row) Variable() string {
	if r.Is(NoVariable) {
		return ""
	}
	return VariableOf(r.Name)
}

// VariableOf is the environment variable of a setting's name.
func VariableOf(name string) string {
	return "SSO_EXEC_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Key is the name in a profile; empty: there is none.
func (r *Row) Key() string {
	switch {
	case r.Is(NoKey):
		return ""
	case r.KeyName != "":
		return r.KeyName
	}
	return r.Name
}

// Get returns the values that a setting has, as texts: one, unless it repeats.
func (r *Row) Get(s *Settings) []string {
	switch p := r.at(s).(type) {
	case *string:
		return []string{*p}
	case *[]string:
		return slices.Clone(*p)
	case *time.Duration:
		return []string{p.String()}
	case *bool:
		return []string{strconv.FormatBool(*p)}
	case *int:
		return []string{strconv.Itoa(*p)}
	}
	panic("settings: " + r.Name + " is of a type that no setting has")
}

// Text is what Get returns as one argument of a flag.
func (r *Row) Text(s *Settings) string {
	values := r.Get(s)
	if r.Kind != Words {
		return strings.Join(values, ",")
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(values) // into memory: it cannot fail
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// IsEmpty reports whether a setting that is a text or a list is empty.
func (r *Row) IsEmpty(s *Settings) bool { return strings.Join(r.Get(s), "") == "" }

// Set gives a setting its values. The error says what is wrong with them, without
// the setting's name; whether Check refuses one is not looked at.
func (r *Row) Set(s *Settings, values ...string) (err error) {
	if list, ok := r.at(s).(*[]string); ok {
		*list = nil
	}
	for _, v := range values {
		err = errors.Join(err, r.add(s, v))
	}
	return err
}

// add is Set, but that a list keeps what it has.
func (r *Row) add(s *Settings, v string) (err error) {
	switch p := r.at(s).(type) {
	case *string:
		*p, err = r.Kind.expand(v)
	case *[]string:
		list := []string{v}
		if r.Kind == Words {
			list, err = commas(v)
		}
		*p = append(*p, list...)
	case *time.Duration:
		if *p, err = time.ParseDuration(v); err != nil {
			return config.Misread(config.Duration, v)
		}
	case *bool:
		if *p, err = strconv.ParseBool(v); err != nil {
			return config.Misread(config.Bool, v)
		}
	case *int:
		n, err := strconv.ParseInt(v, 0, 0)
		if *p = int(n); err != nil {
			return fmt.Errorf("%q is not a whole number", v)
		}
	}
	return err
}

// commas reads a list with commas between its items, or with quotes where an item
// has one (RFC 4180).
func commas(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	return csv.NewReader(strings.NewReader(v)).Read()
}

// check says what is wrong with a single value. An empty one is an open one, but
// in a list.
func (r *Row) check(v string) error {
	if r.Check == nil || v == "" && !r.Kind.repeats() {
		return nil
	}
	return r.Check(v)
}

// expand has what begins with ~ begin with the user's home: a shell leaves it
// alone in --ca-file=~/ca.pem, and nobody expands it in a variable.
func (k Kind) expand(v string) (string, error) {
	switch k {
	case Path:
		return userfile.Expand(v)
	case Command:
		return expandCommand(v)
	case TokenFrom:
		return expandSource(v)
	}
	return v, nil
}

// Table lists every setting there is.
func Table() []*Row { return table }

// Find returns the setting of a name, or nil.
func Find(name string) *Row {
	for _, r := range table {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// In lists the settings of a group, as help shows them.
func In(group Group) (rows []*Row) {
	for _, r := range table {
		if r.Group == group && r.After == "" {
			rows = append(rows, r)
		}
	}
	for _, r := range table {
		if r.Group == group && r.After != "" {
			above := slices.IndexFunc(rows, func(a *Row) bool { return a.Name == r.After })
			rows = slices.Insert(rows, above+1, r)
		}
	}
	return rows
}

// NamesIn lists the names of the settings of a group.
func NamesIn(group Group) (names []string) {
	for _, r := range In(group) {
		names = append(names, r.Name)
	}
	return names
}

// With lists the names of the settings that have all of these traits.
func With(t Trait) (names []string) {
	for _, r := range table {
		if r.Is(t) {
			names = append(names, r.Name)
		}
	}
	return names
}
