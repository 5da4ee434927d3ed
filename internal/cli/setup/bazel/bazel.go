// Package bazel has the command that makes Bazel call sso-exec.
package bazel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// New makes the command that has Bazel call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolBazel, Short: "have Bazel get its headers from sso-exec",
		Long: `Write a credential helper into your .bazelrc, for each host of the profile, or
those of --host. Bazel runs its helper without flags: a small script next to
sso-exec's config has them. Not a byte of anything else changes; the file as it
was is kept as FILE.bak. Another helper of such a host is not replaced.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup bazel --profile corp --host cache.example.com
  sso-exec setup bazel --remove`,
		File: "(default: .bazelrc in the home)",
		Usual: func() (string, error) {
			return setup.InHome("", "", ".bazelrc", "no configuration of Bazel", "give --bazel-config FILE")
		},
		Put: plan, Undo: undo,
	}).New()
}

const what = "bazel's configuration"

// line is that of a host: Bazel goes by names, without ports.
func line(host, script string) string {
	host, _, _ = strings.Cut(host, ":")
	option := "--credential_helper=" + host + "=" + script
	if strings.ContainsAny(option, " \t'\"\\#") {
		option = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(option) + `"`
	}
	return "common " + option
}

func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	path, err := setup.ScriptPath("bazel")
	if err != nil {
		return nil, nil, err
	}
	script, err := setup.Script(path, append([]string{program}, args...)...)
	if err != nil {
		return nil, nil, err
	}
	isIPv6 := func(name string) bool { return strings.HasPrefix(name, "[") }
	var lines, named []string
	for _, name := range r.Hosts {
		if l := line(name, path); !isIPv6(name) && !slices.Contains(lines, l) {
			host, _, _ := setup.BazelHelper(l)
			lines, named = append(lines, l), append(named, host)
		}
	}
	if len(lines) == 0 {
		return nil, nil, fault.Usagef("no host that Bazel's helpers can be for: they go by names and IPv4 addresses")
	}
	edit, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) {
		for have := range strings.Lines(string(text)) {
			if host, other, ok := setup.BazelHelper(have); ok && other != path && slices.Contains(named, host) {
				return nil, fault.InUsage(fmt.Errorf("%s has another credential helper: %s", host, other),
					"nothing was changed; remove it first, or name only the other hosts, each by --host HOST")
			}
		}
		return setup.EditLines(text, func(string) bool { return false }, lines...), nil
	})
	return []setup.Edit{script, edit}, func() {
		fmt.Fprintln(talk.Out, "There is no prompt under bazel: run sso-exec login first.")
	}, err
}

// undo takes out the lines of the hosts that are given, or all of them with the script.
func undo(r *setup.Run) ([]setup.Edit, error) {
	path, err := setup.ScriptPath("bazel")
	if err != nil {
		return nil, err
	}
	left := false
	edit, err := r.Edit(what, r.File, setup.HideSecrets, func(text []byte) ([]byte, error) {
		text = setup.EditLines(text, func(have string) bool {
			_, script, ok := setup.BazelHelper(have)
			drop := len(r.Hosts) == 0 || slices.ContainsFunc(r.Hosts, func(h string) bool { return line(h, path) == have })
			left = left || ok && script == path && !drop
			return ok && script == path && drop
		})
		return text, nil
	})
	if err != nil || left {
		return []setup.Edit{edit}, err
	}
	script, err := setup.Script(path)
	return []setup.Edit{edit, script}, err
}
