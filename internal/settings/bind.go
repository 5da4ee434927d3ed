package settings

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
)

// This file is how settings are flags.

// Rows lists the settings that a command has.
func Rows(tool string) []*Row {
	return slices.DeleteFunc(slices.Clone(table), func(r *Row) bool { return !r.Of(tool) || r.Is(KeyOnly) })
}

// Bind makes settings the flags of a command, in the order of the table: those of
// these names, or all that the command has. Parsed, they set o.
func (o *Resolved) Bind(f *pflag.FlagSet, names ...string) {
	flags, values := make([]pflag.Flag, len(table)), make([]bound, len(table))
	for i, r := range table {
		if !r.Of(o.Tool) || r.Is(KeyOnly) || names != nil && !slices.Contains(names, r.Name) {
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
