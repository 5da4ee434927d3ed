package tools

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/disk"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

var gcp = &tool{
	name: settings.ToolGCP, short: "answer Google's auth libraries",
	long: `Be the executable of an external account, which Google's auth libraries run for
the token that they exchange at Google's STS (workload and workforce identity
federation). What is wanted is in their variables, GOOGLE_EXTERNAL_ACCOUNT_*;
only an audience that the profile's gcp-audiences name is answered.

Failures are on stdout too, with exit code 0; nothing is written to stderr.
Nobody is asked to sign in unless the library allows it: run sso-exec login
first.`,
	example: `  # in the credential configuration, as sso-exec setup gcp writes it
  "credential_source": {"executable": {
    "command": "/usr/bin/sso-exec gcp --profile=corp"}}

  GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=A GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=T \
    sso-exec gcp`,
	byName: true,
	by:     acquire.Caller{Name: "Google's library", Swallows: true, StdinTaken: func() bool { return true }},
	check:  checkGCP,
	encode: encodeGCP,
}

// answersGCP is whether one of Google's libraries is on the other side.
var answersGCP bool

// asksGCP reports whether the command is gcp, with or without flags before it.
func asksGCP(args []string) bool {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		_, args, _ = settings.ParseWords(settings.ToolGCP, args)
	}
	return len(args) > 0 && args[0] == settings.ToolGCP
}

// hushed keeps stderr empty, which those libraries read as an answer.
func hushed() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
}

func checkGCP(o *settings.Resolved) error {
	audience, wanted := os.Getenv(plugin.GCPAudience), os.Getenv(plugin.GCPTokenType)
	switch {
	case audience == "" || wanted == "":
		return fault.Usagef("%s and %s are not set: Google's auth libraries run this", plugin.GCPAudience,
			plugin.GCPTokenType)
	case wanted != plugin.GCPIDToken && wanted != plugin.GCPJWT:
		return fault.Usagef("subject_token_type %q: use %s or %s", wanted, plugin.GCPIDToken, plugin.GCPJWT)
	case !slices.Contains(o.Target.Google, audience):
		return fault.Hint(&fault.Error{Kind: fault.Forbidden,
			Err: fmt.Errorf("no token for the audience %q: gcp-audiences of the profile %s does not name it", audience,
				cmp.Or(o.Source.Profile, "(none)"))},
			"if it is yours, run: sso-exec setup gcp --gcp-audience AUDIENCE")
	case o.APIKey != "":
		return fault.Usagef("Google does not accept API keys")
	}
	return checkOutputFile(os.Getenv(plugin.GCPOutputFile))
}

// checkOutputFile refuses to replace what is not an earlier answer.
func checkOutputFile(path string) error {
	if path == "" {
		return nil
	}
	text, err := userfile.ReadOwn(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && plugin.IsGCPAnswer(text) {
		return nil
	}
	return &fault.Error{Kind: fault.Storage,
		Err:   fmt.Errorf("output_file %s is not replaced: it is not an earlier answer", path),
		Hints: []string{"name another output_file, or leave it out"}}
}

// encodeGCP writes the answer to the library's output file too. A disk that takes no
// file costs nothing but that.
func encodeGCP(_ *settings.Resolved, c credential.Credential) ([]byte, error) {
	doc, err := plugin.EncodeGCP(os.Getenv(plugin.GCPTokenType), c)
	path := os.Getenv(plugin.GCPOutputFile)
	if err != nil || path == "" || c.ExpiresAt.IsZero() {
		return doc, err
	}
	if err := checkOutputFile(path); err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return doc, nil //nolint:nilerr // as any other file that cannot be written
	}
	d := disk.Open(filepath.Dir(path))
	defer d.Close()
	_ = d.Write(".sso-exec-"+filepath.Base(path)+"-", filepath.Base(path), doc, false)
	return doc, nil
}

// failedGCP answers any failure in the document that Google's libraries read.
func failedGCP(o *settings.Resolved, err error) error {
	code := map[fault.Kind]string{fault.Usage: "USAGE", fault.SignIn: "SIGN_IN_REQUIRED", fault.Denied: "DENIED",
		fault.Unavailable: "UNAVAILABLE", fault.Storage: "STORAGE", fault.Forbidden: "FORBIDDEN"}[fault.KindOf(err)]
	text := talk.OneLine(err.Error())
	for _, h := range o.WithSecret(command.Hints(o, err)) {
		text += "; " + strings.TrimSpace(talk.Visible(strings.Map(talk.Unbroken, h)))
	}
	return write(plugin.EncodeGCPError(cmp.Or(code, "OTHER"), text))
}
