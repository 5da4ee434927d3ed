package settings

import (
	"net/http"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
)

// Resolved are the settings of a run, and what was found out about them.
type Resolved struct {
	Settings

	Tool  string // the command: kube, aws, token, login
	Flags *pflag.FlagSet
	Typed map[string]bool // flags on the command line
	Given map[string]bool // by flag or variable

	HTTP        *http.Client     // of the session; nil before there is one
	roots       *extraRoots      // read for the present CA settings; may be nil
	Live        *session.Session // nil before there is one
	SignedInBy  []string         // the flags of a stored session's sign-in, if these are the settings of one
	Explained   bool             // what --explain asks for was said
	FromProfile bool             // these are a profile's settings, which nobody named

	ProfileHold *flows.Hold // whom what the profile authenticates with may go to; nil: it does not

	// token
	Output    string
	NoNewline bool
}
