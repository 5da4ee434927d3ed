package main

import (
	"context"

	"github.com/spf13/cobra"
)

// newLogin makes the command that signs a person in.
func newLogin() *cobra.Command {
	o := newOptions(toolLogin)
	return withFlags(o, &cobra.Command{
		Use:   toolLogin,
		Short: "sign in now",
		Long: `Sign in now, with the flow that this place calls for, whatever is stored. It
ends the pause after a failed sign-in.`,
		Example: "  sso-exec login --issuer https://login.example.com --client-id cli",
		Args:    noArgs,
	}, func(ctx context.Context) error {
		s, err := newSession(o, nil)
		if err != nil {
			return err
		}
		return s.Login(ctx)
	})
}
