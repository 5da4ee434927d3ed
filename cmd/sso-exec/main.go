// Command sso-exec signs a person or a service in once, and gives kubectl, AWS, git and
// other tools the credentials that they ask for.
package main

import (
	"os"

	_ "github.com/sso-exec/sso-exec/cache/keyring" // --store keyring
	"github.com/sso-exec/sso-exec/internal/cli"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/tools"
	_ "github.com/sso-exec/sso-exec/internal/fast"
)

func main() {
	harden()
	for args := range tools.Calls(os.Args) {
		// A call like an earlier one has ended before this (package fast). Nearly every
		// other one ends here: one small file read, one document written. Nothing else
		// exists yet, neither the command tree nor signal handlers.
		if doc, remember, ok := tools.CachedAnswer(args); ok {
			if _, err := os.Stdout.Write(doc); err != nil {
				command.Complain(nil, err)
				os.Exit(command.ExitOther)
			}
			remember()
			continue
		}
		if code := cli.Run(args); code != 0 {
			os.Exit(code)
		}
	}
}
