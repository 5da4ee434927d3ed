// Package gcp has the command that makes Google's auth libraries call sso-exec.
package gcp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

// gcpSetup is what else setup gcp was asked for.
type gcpSetup struct{ audience, account, project string }

// New makes the command that has Google's auth libraries call sso-exec.
func New() *cobra.Command {
	s := &gcpSetup{}
	return (&setup.Tool{
		Name: settings.ToolGCP, Short: "have Google's auth libraries get their tokens from sso-exec",
		Long: `Write a credential configuration, which Google's auth libraries read: they run
sso-exec, and exchange its ID token at Google's STS (workload or workforce
identity federation). The audience is added to the profile's gcp-audiences.
Credentials that are there and not sso-exec's are not replaced.`,
		Example: `  sso-exec setup gcp --profile corp --user-project my-project \
    --gcp-audience //iam.googleapis.com/locations/global/workforcePools/P/...
  sso-exec setup gcp --remove`,
		File:    "(default: application_default_credentials.json in gcloud's directory)",
		Command: "where this one is", NoHosts: true,
		Usual: setup.GoogleFile,
		More: func(cmd *cobra.Command) {
			f := cmd.Flags()
			f.StringVar(&s.audience, "gcp-audience", "",
				"`audience`: the name of the pool's provider, from //iam.googleapis.com/ on")
			f.StringVar(&s.project, "user-project", "", "`project` that pays, for a workforce pool")
			f.StringVar(&s.account, "service-account", "", "`email` of a service account to become")
		},
		Put: s.plan, Undo: undo,
	}).New()
}

const what = "Google's credentials"

func (s *gcpSetup) plan(r *setup.Run) ([]setup.Edit, func(), error) {
	workforce := strings.Contains(s.audience, "/workforcePools/")
	switch {
	case !r.Profile:
		return nil, nil, fault.InUsage(errors.New("a profile names the audiences that get a token"),
			"sso-exec setup provider makes one; then give --profile NAME")
	case !strings.HasPrefix(s.audience, "//iam.googleapis.com/") || strings.ContainsFunc(s.audience, unfit):
		return nil, nil, fault.InUsage(errors.New("which audience is it?"),
			"give --gcp-audience //iam.googleapis.com/locations/global/workforcePools/POOL/providers/PROVIDER",
			"or --gcp-audience //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/"+
				"providers/PROVIDER")
	case workforce && s.project == "":
		return nil, nil, fault.InUsage(errors.New("a workforce pool needs a project that pays"),
			"give --user-project PROJECT")
	case strings.ContainsAny(s.account, "/:?#% \t\r\n"):
		return nil, nil, fault.Usagef("--service-account %q is not an email address", s.account)
	}
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	if !strings.ContainsAny(program, `/\`) {
		if program, err = exec.LookPath(program); err != nil {
			return nil, nil, fault.Usagef("--command %w", err)
		}
		if program, err = filepath.Abs(program); err != nil {
			return nil, nil, err
		}
	}
	words := append([]string{program}, args...)
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\r\n'\"") {
			return nil, nil, fault.InUsage(fmt.Errorf("the command cannot have %q: Google's libraries split it at spaces", w),
				"write it into the profile, or give --command with a path without them")
		}
	}
	c := setup.Google{Type: "external_account", Audience: s.audience, TokenType: plugin.GCPIDToken,
		TokenURL: "https://sts.googleapis.com/v1/token"}
	if r.O.Provider.Identity == credential.Service {
		c.TokenType = plugin.GCPJWT
	}
	if c.Source.Executable.Command, c.Source.Executable.Millis = strings.Join(words, " "), 30000; workforce {
		c.Project = s.project
	}
	if s.account != "" {
		c.Impersonate = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + s.account +
			":generateAccessToken"
	}
	edit, err := r.Edit(what, r.File, nil, func(text []byte) ([]byte, error) {
		if len(bytes.TrimSpace(text)) > 0 && !isOurs(text) {
			return nil, fault.InUsage(errors.New("they are not sso-exec's"),
				"nothing was changed; move the file away, or give another: --gcp-config FILE")
		}
		return json.MarshalIndent(c, "", "  ")
	})
	if err != nil {
		return nil, nil, err
	}
	edit.New = append(edit.New, '\n')
	edit.WriteFile()
	edits := []setup.Edit{edit}
	if have := r.O.Target.Google; !slices.Contains(have, s.audience) {
		e, err := r.ConfigEdit(cmp.Or(r.O.Source.Config, config.DefaultPath()), func(text []byte) ([]byte, error) {
			return config.SetKey(text, r.O.Source.Profile, "gcp-audiences", slices.Concat(have, []string{s.audience})...)
		})
		if err != nil {
			return nil, nil, err
		}
		edits = append(edits, e)
	}
	return edits, func() {
		if place, err := setup.GoogleFile(); err == nil && place == r.File {
			fmt.Fprintln(talk.Out, "Set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 where it is used.")
			return
		}
		fmt.Fprintf(talk.Out, "Set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 and GOOGLE_APPLICATION_CREDENTIALS=%s "+
			"where it is used.\n", talk.OneLine(r.File))
	}, nil
}

// unfit is a character that no name of a provider has.
func unfit(r rune) bool { return r <= ' ' || r > '~' || r == '"' }

func isOurs(text []byte) bool { _, _, ours := setup.ReadGoogle(text); return ours }

// undo removes the credentials. The audiences stay: they are the profile's.
func undo(r *setup.Run) ([]setup.Edit, error) {
	e, err := r.Edit(what, r.File, nil, func(text []byte) ([]byte, error) {
		if !isOurs(text) {
			return text, nil
		}
		return nil, nil
	})
	e.Write = func() error {
		if now, err := userfile.ReadRegular(r.File); err != nil || !bytes.Equal(now, e.Old) {
			return cmp.Or(err, userfile.ErrChanged)
		}
		return os.Remove(r.File)
	}
	return []setup.Edit{e}, err
}
