// Package workload finds the token that says who a workload is (a CI job, a pod,
// a virtual machine), issued by the platform that it runs on: no secret has to be
// stored for it. [Parse] turns what --subject-token-from says into a [Source];
// each has a file of its own.
//
// Failures are told apart by their types. [*NotHereError]: the configuration does
// not fit this place, and says what would. [*RefusedError]: the platform says no.
// [*flows.VerifyError]: a token that is not what it must be, one that has ended
// among them. [*flows.UnavailableError]: nothing is learnt, try again later. Of
// files, [*userfile.UnsafeError] passes through. No error holds a token.
//
// No signature is verified here: that is the business of who takes the token.
// What is checked (the form, the end, the audience) is what makes for a clear
// word at the right place.
package workload

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Types of tokens.
const (
	TypeJWT         = flows.TokenTypeJWT
	TypeAccessToken = flows.TokenTypeAccess
)

// maxToken bounds a token, wherever it comes from. Those of CI services, with all
// their claims, have 2 KiB.
const maxToken = 64 << 10

// Source is where a workload's own token comes from.
type Source interface {
	// Name is the source as it was given: "github", "file:/run/token". Under
	// "auto" it is the one that was found.
	Name() string

	// Available returns nil, or a [*NotHereError] that says why the source cannot
	// be used here, and what would make it so. It goes by evidence: no network, no
	// command, well under a millisecond.
	Available() error

	// Token returns a token for an audience. One that is fixed (see FixedAudience)
	// must be what is asked; an empty audience asks for none in particular, which
	// gcp and azure cannot do.
	Token(ctx context.Context, audience string) (Token, error)

	// Principal says who the workload is, as far as that is told without the
	// network and without running a command. It is a part of the session's key, so
	// that two CI jobs or pods that share a cache directory never share tokens. It
	// is never a secret itself, and stays the same when a token rotates.
	Principal() (string, error)

	// FixedAudience reports that the token's audience was decided where it was
	// issued.
	FixedAudience() bool
}

// Token is a workload's own token. Its signature has not been verified.
type Token struct {
	Value   credential.Secret
	Type    string    // TypeJWT or TypeAccessToken
	Expires time.Time // by its exp, or by what its issuer says; zero if unknown
}

// Env is what sources look at. The zero Env, except for Getenv, is the real machine.
type Env struct {
	Getenv func(string) string
	// a tree for tests: prefix of system files such as /sys/class/dmi/id and the default service-account path
	Root string
	Dir  string // where relative paths start; empty: the working directory

	// HTTP is for GitHub's endpoint, which may lie beyond a proxy or have a private
	// CA. nil: that of [flows.NewHTTPClient], 15 seconds.
	HTTP *http.Client
	// Metadata is for metadata servers, which are on the machine or next to it, and
	// no proxy's affair. nil: that of [NewHTTPClient].
	Metadata *http.Client

	// Command runs a command and returns its stdout. nil: [RunCommand].
	Command func(ctx context.Context, words []string) ([]byte, error)
	Environ []string // that RunCommand gives it; nil: ours

	now      func() time.Time
	pause    func(context.Context, time.Duration) error // before a request is sent again
	hostname func() (string, error)
}

// A NotHereError says that a source cannot be used in this place: the
// configuration is wrong for it. Hints are lines that say what would help, fit to
// be printed one below the other.
type NotHereError struct {
	Source string
	Why    string
	Hints  []string
}

func (e *NotHereError) Error() string {
	return fmt.Sprintf("no token from %s: %s", e.Source, e.Why)
}

// Is tells the kind of the failure.
func (e *NotHereError) Is(kind error) bool { return kind == fault.Usage }

// A RefusedError says that a platform was asked for a token and refuses, or that
// a command ran and failed. Asking again does not help.
type RefusedError struct {
	Source string
	Why    string // cleaned for a terminal
	Hints  []string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("no token from %s: %s", e.Source, e.Why)
}

// sources are the kinds, in the order in which help shows them.
var sources = []struct {
	name string
	arg  string // how its argument is called; [NAME] if it can be left out
	make func(base, string) (Source, error)
}{
	{"github", "", func(b base, _ string) (Source, error) { return &github{b}, nil }},
	{"gitlab", "[VARIABLE]", newGitLab},
	{"kubernetes", "[PATH]", newKubernetes},
	{"gcp", "[ACCOUNT]", newGCP},
	{"azure", "[CLIENT_ID]", newAzure},
	{"spiffe", "PATH", newSPIFFE},
	{"file", "PATH", newFile},
	{"env", "NAME", newVariable},
	{"command", "CMD", newCommand},
}

// Names returns what [Parse] takes, for help and completion: "auto", "github",
// "gitlab[:VARIABLE]" …
func Names() []string {
	names := []string{"auto"}
	for _, s := range sources {
		switch {
		case s.arg == "":
			names = append(names, s.name)
		case s.arg[0] == '[':
			names = append(names, s.name+"[:"+s.arg[1:])
		default:
			names = append(names, s.name+":"+s.arg)
		}
	}
	return names
}

// Parse turns a word such as "github", "file:/run/token" or "auto" into a
// source. What it says of a word that is none, and of a place where auto finds
// nothing, are errors of the configuration.
func Parse(spec string, env Env) (Source, error) {
	env = env.complete()
	if spec == "auto" {
		return auto(env)
	}
	name, arg, hasArg := strings.Cut(spec, ":")
	for _, s := range sources {
		if s.name != name {
			continue
		}
		optional := strings.HasPrefix(s.arg, "[")
		switch {
		case hasArg && s.arg == "":
			return nil, fmt.Errorf("the token source %s accepts nothing after a colon", name)
		case hasArg && arg == "", !hasArg && !optional && s.arg != "":
			return nil, fmt.Errorf("the token source %s needs %s: %s:%s", name, strings.Trim(s.arg, "[]"), name,
				strings.Trim(s.arg, "[]"))
		case flows.Clean(arg, len(arg)) != arg && s.name != "command":
			return nil, fmt.Errorf("what follows %s: has characters in it that do not print, or spaces that mislead", name)
		}
		return s.make(base{env: env, name: spec}, arg)
	}
	// Somebody may have given the token itself.
	if len(name) > 20 || strings.ContainsAny(name, "._/ ") {
		name = "that"
	}
	return nil, fmt.Errorf("%s is not a token source; use one of %s", flows.Clean(name, 20), strings.Join(Names(), ", "))
}

func (env Env) complete() Env {
	if env.Getenv == nil {
		env.Getenv = os.Getenv
	}
	if env.Metadata == nil {
		env.Metadata = NewHTTPClient()
	}
	if env.Command == nil {
		env.Command = func(ctx context.Context, words []string) ([]byte, error) { return RunCommand(ctx, words, env.Environ) }
	}
	if env.now == nil {
		env.now = time.Now
	}
	if env.pause == nil {
		env.pause = sleep
	}
	if env.hostname == nil {
		env.hostname = os.Hostname
	}
	return env
}

// base is what all sources have.
type base struct {
	env  Env
	name string
}

func (b base) Name() string { return b.name }

// notHere makes the error of a source that cannot be used here.
func (b base) notHere(why string, hints ...string) error {
	return &NotHereError{Source: b.shown(), Why: why, Hints: hints}
}

// shown is the name as errors show it: without the arguments of a command, which
// the command's error names as far as it must.
func (b base) shown() string {
	if strings.HasPrefix(b.name, "command:") {
		return "command"
	}
	return flows.Clean(b.name, 200)
}

// system is the path of a system's file.
func (env Env) system(path string) string {
	if env.Root == "" {
		return path
	}
	return filepath.Join(env.Root, path)
}

// given is a path that a person gave.
func (env Env) given(path string) string {
	if env.Dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(env.Dir, path)
}

// on reports whether a variable says yes.
func (env Env) on(name string) bool {
	v := strings.ToLower(env.Getenv(name))
	return v != "" && v != "0" && v != "false"
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
