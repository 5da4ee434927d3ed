// Package keyring has the command that makes pip call sso-exec as its keyring.
package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// New makes the command that has pip call sso-exec as keyring.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolKeyring, Short: "have pip and uv get their passwords from sso-exec",
		Long: `Have pip run the program keyring, which sso-exec is by a link of that name on
the PATH: keyring-provider = subprocess goes into pip's configuration. Not a
byte of anything else changes; the file as it was is kept as FILE.bak.

The hosts of --host that the profile does not name yet are added to its hosts.
pip runs keyring without a profile: the one that names the host is used.`,
		Example: `  sso-exec setup keyring --profile corp --host pypi.example.com
  sso-exec setup keyring --remove`,
		File:    "(default: $PIP_CONFIG_FILE, else pip's of the user)",
		NoFlags: true, Usual: setup.PipConfig, Put: plan,
		Undo: func(r *setup.Run) ([]setup.Edit, error) {
			e, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) { return without(text), nil })
			return []setup.Edit{e}, err
		},
	}).New()
}

const (
	what  = "pip's configuration"
	entry = setup.PipKey + " = subprocess"
	mark  = "# written by sso-exec setup" // so that --remove leaves what was there before
)

func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	edit, err := r.Edit(what, r.File, setup.HideSecrets, put)
	return []setup.Edit{edit}, func() {
		if fix := setup.LinkOnPath(settings.ToolKeyring); fix != "" {
			fmt.Fprintf(talk.Stderr, "sso-exec: warning: the first keyring on the PATH, which pip and uv run, is not "+
				"sso-exec\n"+
				"  make it a link, in a directory before that one: %s\n", fix)
		}
		host := strings.Replace(r.Hosts[0], "*", "NAME", 1)
		fmt.Fprintf(talk.Out, "Try it: pip download --index-url https://oauth2@%s/simple/ PACKAGE\n", host)
	}, err
}

func put(text []byte) ([]byte, error) {
	if strings.HasPrefix(string(text), "\ufeff") {
		return nil, errors.New("it begins with a byte order mark")
	}
	lines := strings.SplitAfter(string(text), "\n")
	section, found, value := setup.PipKeyringAt(lines)
	switch {
	case value == "subprocess":
		return text, nil
	case found >= 0:
		return nil, fault.InUsage(fmt.Errorf("line %d: %s is %s", found+1, setup.PipKey, value),
			"nothing was changed; remove that line, then run this again")
	case section < 0:
		more := mark + "\n[global]\n" + entry + "\n"
		if len(text) > 0 && !strings.HasSuffix(string(text), "\n") {
			more = "\n" + more
		}
		return append(slices.Clip(text), more...), nil
	}
	lines[section] = strings.TrimSuffix(lines[section], "\n") + "\n" + mark + "\n" + entry + "\n"
	return []byte(strings.Join(lines, "")), nil
}

// without takes out the entry that setup wrote, and the section if setup wrote that too
// and it has nothing else.
func without(text []byte) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	section, found, value := setup.PipKeyringAt(lines)
	marked := func(i int) bool { return i > 0 && strings.TrimRight(lines[i-1], "\r\n") == mark }
	switch {
	case value != "subprocess":
		return text
	case marked(found):
		lines[found-1] = ""
	case found == section+1 && marked(section):
		if lines[section-1] = ""; strings.TrimSpace(strings.Join(lines[found+1:], "")) == "" {
			lines[section] = ""
		}
	default:
		return text
	}
	lines[found] = ""
	return []byte(strings.Join(lines, ""))
}
