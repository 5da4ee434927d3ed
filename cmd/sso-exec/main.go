// Command sso-exec turns one enterprise sign-in into whatever credential the
// tool in front of it speaks.
package main

import (
	"os"
)

func main() {
	harden()
	// Nearly every run ends here: one small file read, one document written.
	// Nothing else exists yet, neither the command tree nor signal handlers.
	if doc, ok := cachedAnswer(os.Args[1:]); ok {
		if _, err := os.Stdout.Write(doc); err != nil {
			complain(nil, err)
			os.Exit(exitOther)
		}
		return
	}
	os.Exit(run(os.Args[1:]))
}
