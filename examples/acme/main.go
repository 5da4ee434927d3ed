// Acme is a command line with single sign-on: acme login, acme me, acme logout.
package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/sso"
	"github.com/sso-exec/sso-exec/sso/ssocmd"
)

func main() {
	api := os.Getenv("ACME_API")
	client := &sso.Client{Issuer: os.Getenv("ACME_ISSUER"), ClientID: "acme", Browser: os.Getenv("ACME_BROWSER")}
	root := &cobra.Command{Use: "acme", Short: "Talk to Acme", SilenceUsage: true}
	ssocmd.Add(root, client) // login, logout, status, whoami
	root.AddCommand(&cobra.Command{Use: "me", Short: "Show my account", RunE: func(cmd *cobra.Command, _ []string) error {
		req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, api+"/v1/me", nil)
		if err != nil {
			return err
		}
		resp, err := client.HTTPClient(api).Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(os.Stdout, resp.Body)
		return err
	}})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if root.ExecuteContext(ctx) != nil {
		os.Exit(1)
	}
}
