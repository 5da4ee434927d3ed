// Command sso-exec turns one enterprise sign-in into whatever credential the
// tool in front of it speaks.
package main

import (
	"os"

	_ "github.com/sso-exec/sso-exec/cache/keyring" // --store keyring
	"github.com/sso-exec/sso-exec/internal/cli"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/tools"
)

func main() {
	harden()
	args := tools.Args(os.Args)
	// Nearly every run ends here: one small file read, one document written.
	// Nothing else exists yet, neither the command tree nor signal handlers.
	if doc, ok := tools.CachedAnswer(args); ok {
		if _, err := os.Stdout.Write(doc); err != nil {
			command.Complain(nil, err)
			os.Exit(command.ExitOther)
		}
		return
	}
	os.Exit(cli.Run(args))
}
