package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is how a value with a path in it means the same everywhere.

// Var is the value of a command's own flag that is read as a setting of this kind:
// Path or Command.
func (k Kind) Var(p *string) pflag.Value { return &expanded{k, p} }

type expanded struct {
	kind Kind
	p    *string
}

func (e *expanded) String() string {
	if e.p == nil { // pflag asks a zero value
		return ""
	}
	return *e.p
}

func (e *expanded) Type() string { return e.kind.flagType() }

func (e *expanded) Set(v string) (err error) {
	*e.p, err = e.kind.expand(v)
	return err
}

// NoHome says that something has no place, since the home cannot be
// determined.
func NoHome(what, instead string) error {
	_, err := userfile.Home()
	return fault.InUsage(fmt.Errorf("%s: %w", what, err), "set "+userfile.HomeVariable+", or "+instead)
}

func expandCommand(v string) (string, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(v), "~/")
	if !ok {
		return v, nil
	}
	home, err := userfile.Home()
	if err != nil {
		return "", fmt.Errorf("%s: %w", v, err)
	}
	return commandline.From(home, "./"+rest), nil
}

func expandSource(v string) (string, error) {
	kind, what, _ := strings.Cut(v, ":")
	var err error
	switch {
	case kind == "command":
		what, err = expandCommand(what)
	case isFileSource(kind, what):
		what, err = userfile.Expand(what)
	default:
		return v, nil
	}
	return kind + ":" + what, err
}

func isFileSource(kind, what string) bool {
	return what != "" && (kind == "file" || kind == "spiffe" || kind == "kubernetes")
}

// from has the relative paths in a value start at a directory, where the value is
// more than a path.
func (k Kind) from(dir, value string) string {
	switch k {
	case Command:
		return commandline.From(dir, value)
	case TokenFrom:
		return sourceFrom(dir, value)
	}
	return value
}

func sourceFrom(dir, spec string) string {
	kind, what, _ := strings.Cut(spec, ":")
	switch {
	case kind == "command":
		return kind + ":" + commandline.From(dir, what)
	case isFileSource(kind, what):
		if p, err := userfile.Expand(what); err == nil && !filepath.IsAbs(p) {
			return kind + ":" + filepath.Join(dir, p)
		}
	}
	return spec
}

// Anywhere returns a value as it means the same in every directory.
func (r *Row) Anywhere(value string) (string, error) {
	switch {
	case value == "":
	case r.Kind == Path:
		return filepath.Abs(value)
	case r.Kind == Command || r.Kind == TokenFrom:
		here, err := os.Getwd()
		return r.Kind.from(here, value), err
	}
	return value, nil
}
