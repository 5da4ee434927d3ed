// Package fast answers a call that was answered before, as soon as the program starts:
// before the packages that have no part in that are initialised. Only the command
// imports it.
package fast

import (
	"os"
	"time"

	"github.com/sso-exec/sso-exec/internal/answers"
)

func init() {
	harden()
	doc, ok := answers.Lookup(os.Args, os.Environ(), time.Now().UnixNano())
	if !ok {
		return
	}
	if _, err := os.Stdout.Write(doc); err != nil { // part of it may be out: it is not begun again
		_, _ = os.Stderr.WriteString("sso-exec: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}
