// Package ssocmd adds the commands login, logout, status and whoami to a cobra
// command of somebody's program:
//
//	client := &sso.Client{Issuer: "https://login.example.com", ClientID: "cli"}
//	ssocmd.Add(root, client)
//
// The commands' errors are those of the package sso, and are left to the program:
// nothing is printed of them here.
//
// The package is v0: names may still change between minor versions.
package ssocmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/sso"
)

// Add adds the commands to root. They use the context that root is run with. What
// they show goes to its standard output, a warning to its standard error.
func Add(root *cobra.Command, client *sso.Client) {
	root.AddCommand(login(client), logout(client), status(client), whoami(client))
}

func login(client *sso.Client) *cobra.Command {
	return &cobra.Command{Use: "login", Short: "Sign in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := client.Login(cmd.Context())
			if err != nil {
				return err
			}
			return say(cmd, "Signed in as %s.\n", who.Display())
		}}
}

func logout(client *sso.Client) *cobra.Command {
	return &cobra.Command{Use: "logout", Short: "Sign out", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := client.Logout(cmd.Context())
			if errors.Is(err, sso.ErrNotRevoked) {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", visible(err.Error()))
				err = nil
			}
			if err != nil {
				return err
			}
			return say(cmd, "Signed out.\n")
		}}
}

func status(client *sso.Client) *cobra.Command {
	return shows("status", "Show whether you are signed in, and until when", client, func(s *sso.Status) any {
		return struct {
			ID           string    `json:"id"`
			Issuer       string    `json:"issuer"`
			Account      string    `json:"account"`
			SignedInAt   time.Time `json:"signedInAt"`
			AccessUntil  time.Time `json:"accessUntil,omitzero"`
			SessionUntil time.Time `json:"sessionUntil,omitzero"`
			Renews       bool      `json:"renews"`
		}{s.ID, s.Issuer, s.Account, seconds(s.SignedInAt), seconds(s.TokenUntil), seconds(s.SessionUntil), s.Renews}
	}, func(s *sso.Status) [][2]string {
		token := until(s.TokenUntil)
		if s.Renews {
			token += "; it renews by itself"
		}
		return [][2]string{{"account", s.Account}, {"provider", s.Issuer}, {"signed in", clock(s.SignedInAt)},
			{"token", token}, {"session", until(s.SessionUntil)}}
	})
}

func whoami(client *sso.Client) *cobra.Command {
	return shows("whoami", "Show who you are signed in as", client, func(s *sso.Status) any {
		return struct {
			Account      string `json:"account"`
			Subject      string `json:"subject"`
			Issuer       string `json:"issuer"`
			Organization string `json:"organization"`
		}{s.Account, s.Subject, s.Issuer, s.Organization}
	}, func(s *sso.Status) [][2]string {
		return [][2]string{{"account", s.Account}, {"subject", s.Subject}, {"provider", s.Issuer},
			{"organization", s.Organization}}
	})
}

// shows is a command that shows what is stored, as rows of text or as JSON.
func shows(
	name, short string, client *sso.Client, doc func(*sso.Status) any, rows func(*sso.Status) [][2]string,
) *cobra.Command {
	var output string
	c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("invalid output %q: use text or json", output)
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(doc(s))
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, row := range rows(s) {
				if row[1] != "" {
					fmt.Fprintf(t, "%s\t%s\n", row[0], visible(row[1]))
				}
			}
			return t.Flush()
		}}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

// say writes a line with texts of others in it.
func say(cmd *cobra.Command, format string, texts ...string) error {
	clean := make([]any, len(texts))
	for i, text := range texts {
		clean[i] = visible(text)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format, clean...)
	return err
}

// visible writes what a terminal would obey, or nobody would see, as escapes. A
// provider's text stays on its line.
func visible(text string) string {
	return commandline.Escape(strings.NewReplacer("\n", " ", "\t", " ").Replace(text), "")
}

// seconds is a time without a fraction, which some programs do not read.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "until " + clock(t)
}
