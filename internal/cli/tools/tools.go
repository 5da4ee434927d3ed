// Package tools has the commands that other tools call, and the cached answer.
package tools

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// New makes a tool's command.
func New(t *tool) *cobra.Command {
	o := settings.For(t.name)
	return command.WithFlags(o, &cobra.Command{
		Use: t.name, Short: t.short, Long: t.long, Example: t.example, Args: command.NoArgs,
		Annotations: map[string]string{command.ForTool: ""},
	}, func(ctx context.Context) error {
		if t.check != nil {
			if err := t.check(o); err != nil {
				return err
			}
		}
		if o.APIKey != "" {
			return acquire.PrintAPIKey(ctx, o)
		}
		explained, by := false, t.by
		by.Explained = &explained
		c, cached, err := acquire.Credential(ctx, o, by, t.keys)
		if err != nil {
			return err
		}
		switch {
		case !o.Report.Explain:
		case cached:
			fmt.Fprintf(talk.Stderr, "sso-exec: answered from the cache; it lasts %s\n", lasting(c))
		case !explained:
			fmt.Fprintln(talk.Stderr, "sso-exec: renewed, and nobody was asked to sign in")
		}
		doc, err := t.encode(o, c)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(doc)
		return err
	})
}

// lasting tells how long a credential is good for.
func lasting(c credential.Credential) string {
	if c.ExpiresAt.IsZero() {
		return "until the provider says otherwise"
	}
	return "another " + talk.Rough(time.Until(c.ExpiresAt))
}
