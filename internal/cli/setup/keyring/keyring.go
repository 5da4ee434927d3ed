// Package keyring has the command that makes pip call sso-exec as its keyring.
package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
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
		NoFlags: true, Usual: Usual, Put: plan,
		Undo: func(r *setup.Run) ([]setup.Edit, error) {
			e, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) { return without(text), nil })
			return []setup.Edit{e}, err
		},
	}).New()
}

const (
	what  = "pip's configuration"
	key   = "keyring-provider"
	entry = key + " = subprocess"
	mark  = "# written by sso-exec setup" // so that --remove leaves what was there before
)

// Usual is the file of the user that pip reads (pip's "Configuration").
func Usual() (string, error) {
	if file := os.Getenv("PIP_CONFIG_FILE"); file != "" {
		return filepath.Abs(file)
	}
	if dir := os.Getenv("APPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "pip", "pip.ini"), nil
	}
	home, err := userfile.Home()
	if err != nil {
		return "", settings.NoHome("no configuration of pip", "give --keyring-config FILE")
	}
	usual := filepath.Join(userfile.BaseDir("XDG_CONFIG_HOME", ".config"), "pip", "pip.conf")
	old := []string{filepath.Join(home, ".pip", "pip.conf")}
	if runtime.GOOS == "darwin" {
		old = append(old, filepath.Join(home, "Library", "Application Support", "pip", "pip.conf"))
	}
	for _, other := range old {
		if _, missing := os.Stat(usual); missing == nil {
			break
		}
		if _, missing := os.Stat(other); missing == nil {
			return other, nil
		}
	}
	return usual, nil
}

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

// Provider is the keyring-provider that pip's configuration names; empty: none.
func Provider(text []byte) string {
	_, _, value := at(strings.SplitAfter(string(text), "\n"))
	return value
}

// at finds the section [global] and the key in it, as numbers of lines; -1: not there.
func at(lines []string) (section, found int, value string) {
	section, found = -1, -1
	in := ""
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		if strings.HasPrefix(bare, "[") && strings.HasSuffix(bare, "]") {
			if in = bare; in == "[global]" {
				section = i
			}
		}
		name, v, ok := strings.Cut(bare, "=")
		if !ok {
			name, v, ok = strings.Cut(bare, ":")
		}
		if ok && in == "[global]" && strings.ReplaceAll(strings.TrimSpace(name), "_", "-") == key {
			found, value = i, strings.TrimSpace(v)
		}
	}
	return section, found, value
}

func put(text []byte) ([]byte, error) {
	if strings.HasPrefix(string(text), "\ufeff") {
		return nil, errors.New("it begins with a byte order mark")
	}
	lines := strings.SplitAfter(string(text), "\n")
	section, found, value := at(lines)
	switch {
	case value == "subprocess":
		return text, nil
	case found >= 0:
		return nil, fault.InUsage(fmt.Errorf("line %d: %s is %s", found+1, key, value),
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
	section, found, value := at(lines)
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
