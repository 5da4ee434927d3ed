package main

import (
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// path is the value of a flag that names a file or a directory. A shell leaves ~
// alone in --ca-file=~/ca.pem, and nobody expands it in a variable or a file of
// variables, so it is done here.
type path string

// pathType tells such flags from others.
const pathType = "path"

func (p *path) String() string { return string(*p) }
func (p *path) Type() string   { return pathType }

func (p *path) Set(v string) error {
	v, err := userfile.Expand(v)
	*p = path(v)
	return err
}

// noHome says that something has no place, since the home cannot be
// determined.
func noHome(what, instead string) error {
	_, err := userfile.Home()
	return fault.InUsage(fmt.Errorf("%s: %w", what, err), "set HOME, or "+instead)
}

// program is the value of a flag that is a command.
type program string

func (p *program) String() string { return string(*p) }
func (p *program) Type() string   { return "string" }

func (p *program) Set(v string) error {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(v), "~/"); ok {
		home, err := userfile.Home()
		if err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		v = commandline.From(home, "./"+rest)
	}
	*p = program(v)
	return nil
}

// source is the value of a flag that says where a token comes from: from a file,
// from a command, or from elsewhere.
type source string

func (s *source) String() string { return string(*s) }
func (s *source) Type() string   { return "string" }

func (s *source) Set(v string) error {
	kind, what, _ := strings.Cut(v, ":")
	var err error
	switch {
	case kind == "command":
		err = (*program)(&what).Set(what)
	case isFileSource(kind, what):
		what, err = userfile.Expand(what)
	default:
		*s = source(v)
		return nil
	}
	*s = source(kind + ":" + what)
	return err
}

func isFileSource(kind, what string) bool {
	return what != "" && (kind == "file" || kind == "spiffe" || kind == "kubernetes")
}
