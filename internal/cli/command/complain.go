package command

import (
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file and prompt.go are all that is ever said to a person. Their rules:
//
//   - stdout is the tool's; everything here goes to stderr, or to the terminal
//     where the calling tool keeps stderr to itself.
//   - One line an error, "sso-exec: what failed: why", then what to do.
//   - A prompt is one calm block: who asks, where to go, what to enter.
//   - Nobody is told a device code, a token or a secret; their types cannot.

// Complain says an error and what to do about it. o may be nil, if the failure
// came before there were settings.
func Complain(o *settings.Resolved, err error) {
	talk.Stderr.End()
	if o == nil {
		o = &settings.Resolved{}
	}
	fmt.Fprintf(talk.Stderr, "sso-exec: %s\n", talk.OneLine(err.Error()))
	for _, h := range o.WithSecret(Hints(o, err)) {
		fmt.Fprintf(talk.Stderr, "  %s\n", strings.Map(talk.Unbroken, h)) // all of it: it may be there to be pasted
	}
}

// WarnOfPolicy says what is wrong with the system's policy, for commands that work under
// any.
func WarnOfPolicy() {
	if _, err := policy.Load(); err != nil {
		talk.Warn(err)
	}
}
