package settings

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is how settings are flags.

// Rows lists the settings that a command has.
func Rows(tool string) []*Row {
	return slices.DeleteFunc(slices.Clone(table), func(r *Row) bool { return !r.Of(tool) || r.Is(KeyOnly) })
}

// Bind makes settings the flags of a command, in the order of the table: those of
// these names, or all that the command has, but none whose name it has given to a flag
// of its own. Parsed, they set o.
func (o *Resolved) Bind(f *pflag.FlagSet, names ...string) {
	flags, values := make([]pflag.Flag, len(table)), make([]bound, len(table))
	for i, r := range table {
		if !r.Of(o.Tool) || r.Is(KeyOnly) || names != nil && !slices.Contains(names, r.Name) || f.Lookup(r.Name) != nil {
			continue
		}
		values[i] = bound{row: r, o: o}
		flags[i] = pflag.Flag{Name: r.Name, Shorthand: r.Short, Usage: r.Help, Value: &values[i], DefValue: r.Default}
		if r.Kind == Switch {
			flags[i].NoOptDefVal = "true"
		}
		f.AddFlag(&flags[i])
	}
}

// Parse reads the arguments of a tool's command without the command: it has its
// settings as flags, and takes no other words.
func Parse(tool string, args []string) (*Resolved, error) {
	o, words, err := ParseWords(tool, args)
	if err == nil && len(words) > 0 {
		err = fmt.Errorf("%s takes no arguments, but got %q", tool, words[0])
	}
	return o, err
}

// ParseWords is Parse for a command that has further words, which are returned.
func ParseWords(tool string, args []string) (o *Resolved, words []string, err error) {
	o = For(tool)
	f := pflag.NewFlagSet(tool, pflag.ContinueOnError)
	f.Usage = func() {} // help and errors are the command's to print
	o.Bind(f)
	err = f.Parse(args)
	return o, f.Args(), err
}

// bound is a setting as the value of a flag.
type bound struct {
	row *Row
	o   *Resolved
}

// RowOf returns the setting that a flag sets, or nil: others may have the names of
// settings.
func RowOf(f *pflag.Flag) *Row {
	if b, ok := f.Value.(*bound); ok {
		return b.row
	}
	return nil
}

func (b *bound) String() string {
	if b.row == nil { // pflag asks a zero value
		return ""
	}
	return b.row.Text(&b.o.Settings)
}

func (b *bound) Type() string { return b.row.Kind.flagType() }

// Set is called for each argument. A list begins with the first of them.
func (b *bound) Set(text string) error {
	if b.row.Kind.repeats() && b.o.From.Typed(b.row.Name) {
		return b.row.add(&b.o.Settings, text)
	}
	b.o.From[b.row.Name] = Origin{By: ByFlag}
	return b.row.Set(&b.o.Settings, text)
}

// TakeFlags takes over what the flags of these names, or all of them, were given:
// those of another command, or of one that did not run yet.
func (o *Resolved) TakeFlags(f *pflag.FlagSet, names ...string) {
	f.Visit(func(flag *pflag.Flag) {
		if b, ok := flag.Value.(*bound); ok && b.row.Of(o.Tool) && (names == nil || slices.Contains(names, flag.Name)) {
			o.take(b.o, b.row)
		}
	})
}

// Take gives a setting the value and the origin that it has in others.
func (o *Resolved) Take(from *Resolved, name string) { o.take(from, Find(name)) }

func (o *Resolved) take(from *Resolved, r *Row) {
	values := r.Get(&from.Settings)
	if list, ok := r.at(&o.Settings).(*[]string); ok {
		*list = values
	} else {
		_ = r.Set(&o.Settings, values...) // which it had before: it cannot be wrong
	}
	o.From[r.Name] = from.From[r.Name]
}

// FillFromEnvironment sets what is open from the variables. One that is empty is
// not set.
func (o *Resolved) FillFromEnvironment() (err error) {
	for _, r := range table {
		if o.From.Given(r.Name) || !r.Of(o.Tool) || r.Is(NoVariable) {
			continue
		}
		value := strings.TrimSpace(os.Getenv(r.Variable()))
		if value == "" {
			continue
		}
		values := []string{value}
		if r.Kind == List {
			values = strings.Split(value, ",")
		}
		for i, v := range values {
			values[i] = strings.TrimSpace(v)
		}
		if wrong := o.Set(r.Name, ByVariable, values...); wrong != nil {
			err = errors.Join(err, fault.Usagef("variable %s: %w", r.Variable(), wrong))
		}
	}
	return err
}

// Variables lists the variables that are read: of settings, and of the client's
// secret.
func Variables() []string {
	names := []string{SecretVariable}
	for _, r := range table {
		if v := r.Variable(); v != "" {
			names = append(names, v)
		}
	}
	return names
}

// By is what gave a setting its value.
type By int

// What can give a setting its value; a later one overrides an earlier one.
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
