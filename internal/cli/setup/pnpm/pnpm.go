// Package pnpm has the command that makes pnpm call sso-exec.
package pnpm

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

// New makes the command that has pnpm call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: "pnpm", Of: settings.ToolGit, // which asks by host too, and has no flags of its own
		Short: "have pnpm get its tokens from sso-exec",
		Long: `Write a tokenHelper into your .npmrc, for each registry of the profile, or those
of --host. pnpm runs it without arguments: a small script next to sso-exec's
config has them. Not a byte of anything else changes; the file as it was is kept
as FILE.bak. npm and yarn have no such helper: see sso-exec run --npm.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup pnpm --profile corp --host npm.example.com
  sso-exec setup pnpm --remove`,
		File:  "(default: $NPM_CONFIG_USERCONFIG, else .npmrc in the home)",
		Usual: setup.NPMConfig, Put: plan, Undo: undo,
	}).New()
}

const (
	what   = "pnpm's configuration"
	helper = setup.PNPMKey
)

// of is a host's script and line.
func of(host string) (script, line string, err error) {
	script, err = setup.ScriptPath("pnpm-" + strings.NewReplacer(":", "_", "[", "", "]", "").Replace(host))
	return script, "//" + host + helper + script, err
}

func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	isWildcard := func(name string) bool { return strings.HasPrefix(name, "*") }
	if r.O.Within != nil && slices.ContainsFunc(r.Hosts, isWildcard) {
		return nil, nil, fault.Usagef("--host: .npmrc has no wildcards; name each registry")
	}
	if r.Hosts = slices.DeleteFunc(slices.Clone(r.Hosts), isWildcard); len(r.Hosts) == 0 {
		return nil, nil, fault.InUsage(errors.New("which registry is it?"),
			"give --host npm.example.com, or name it in hosts of the profile")
	}
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	words := append([]string{program, settings.ToolToken, "--output=bearer"}, args[1:]...)
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--interactive=") }) {
		words = append(words, "--interactive=never") // pnpm keeps what is said to itself
	}
	var edits []setup.Edit
	var lines []string
	for _, host := range r.Hosts {
		path, line, err := of(host)
		if err != nil {
			return nil, nil, err
		}
		scheme := "https"
		if strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "[::1]") { // where plain http is served
			scheme = "http"
		}
		script, err := setup.Script(path, append(slices.Clip(words), "--for="+scheme+"://"+host+"/")...)
		if err != nil {
			return nil, nil, err
		}
		edits, lines = append(edits, script), append(lines, line)
	}
	edit, err := r.Edit(what, r.File, shown, func(text []byte) ([]byte, error) {
		for have := range strings.Lines(string(text)) {
			for i, host := range r.Hosts {
				key, value, _ := strings.Cut(have, "=")
				if strings.TrimSpace(key) == "//"+host+strings.TrimSuffix(helper, "=") && strings.TrimSpace(have) != lines[i] {
					return nil, fault.InUsage(fmt.Errorf("another tokenHelper for %s: %s", host, strings.TrimSpace(value)),
						"nothing was changed; remove it first, or name only the other hosts, each by --host HOST")
				}
			}
		}
		return setup.EditLines(text, func(string) bool { return false }, lines...), nil
	})
	return append(edits, edit), func() {
		fmt.Fprintln(talk.Out, "There is no prompt under pnpm: run sso-exec login first.")
	}, err
}

// undo takes out the lines of the hosts that are given, or all, with their scripts.
func undo(r *setup.Run) ([]setup.Edit, error) {
	var edits []setup.Edit
	edit, err := r.Edit(what, r.File, shown, func(text []byte) ([]byte, error) {
		var failed error
		text = setup.EditLines(text, func(have string) bool {
			host, path, ok := setup.PNPMHelper(have)
			script, line, err := of(host)
			if err != nil || !ok || have != line || len(r.Hosts) > 0 && !slices.Contains(r.Hosts, host) {
				return false
			}
			e, err := setup.Script(script)
			edits, failed = append(edits, e), errors.Join(failed, err)
			return path == script
		})
		return text, failed
	})
	return append([]setup.Edit{edit}, edits...), err
}

// shown hides what may be secret: all that is said of a registry's sign-in.
func shown(text []byte) ([]byte, error) {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		key, _, ok := strings.Cut(line, "=")
		if lower := strings.ToLower(key); ok && !strings.Contains(line, helper) &&
			(strings.Contains(lower, "_auth") || strings.Contains(lower, "password") || strings.Contains(lower, "username")) {
			line = key + "=(hidden)\n"
		}
		b.WriteString(line)
	}
	return []byte(b.String()), nil
}
