package settings

import (
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Path is the value of a flag that names a file or a directory. A shell leaves ~
// alone in --ca-file=~/ca.pem, and nobody expands it in a variable or a file of
// variables, so it is done here.
type Path string

// pathType tells such flags from others.
const pathType = "path"

func (p *Path) String() string { return string(*p) }
func (p *Path) Type() string   { return pathType }

func (p *Path) Set(v string) error {
	v, err := userfile.Expand(v)
	*p = Path(v)
	return err
}

// NoHome says that something has no place, since the home cannot be
// determined.
func NoHome(what, instead string) error {
	_, err := userfile.Home()
	return fault.InUsage(fmt.Errorf("%s: %w", what, err), "set HOME, or "+instead)
}

// Program is the value of a flag that is a command.
type Program string

func (p *Program) String() string { return string(*p) }
func (p *Program) Type() string   { return "string" }

func (p *Program) Set(v string) error {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(v), "~/"); ok {
		home, err := userfile.Home()
		if err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		v = commandline.From(home, "./"+rest)
	}
	*p = Program(v)
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
		err = (*Program)(&what).Set(what)
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
