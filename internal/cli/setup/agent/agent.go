// Package agent has the command that makes coding agents call sso-exec.
package agent

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// agentSetup is what setup agent was asked for.
type agentSetup struct {
	agent, file string
	found       int // servers at one of the hosts
}

// New makes the command that has coding agents call sso-exec.
func New() *cobra.Command {
	s := &agentSetup{}
	return (&setup.Tool{
		Name: "agent", Of: settings.ToolGit, // which asks by host too, and has no flags of its own
		Short: "have coding agents get their headers and keys from sso-exec",
		Long: `Write a command into the settings of coding agents, for each server that they
have at a host of the profile, or one of --host: the headers helper of an MCP
server, or the key of a model's API. The file as it was is kept as FILE.bak. A
server that has a command or a key already is left alone.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup agent --profile corp
  sso-exec setup agent --agent claude-code --agent-config .mcp.json
  sso-exec setup agent --remove`,
		File: ", with --agent (default: the agent's own)",
		More: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&s.agent, "agent", "", "only this `agent`: "+strings.Join(agents(), ", "))
			_ = cmd.RegisterFlagCompletionFunc("agent",
				cobra.FixedCompletions(agents(), cobra.ShellCompDirectiveNoFileComp))
		},
		Put: s.put, Undo: func(r *setup.Run) ([]setup.Edit, error) { return s.edits(r, nil) },
	}).New()
}

func agents() (names []string) {
	for _, h := range hooks() {
		names = append(names, h.agent)
	}
	return slices.Compact(names)
}

// Found lists the agents that have settings on this machine.
func Found() (names []string) {
	for _, h := range hooks() {
		path, err := new(agentSetup).path(h)
		if _, missing := os.Stat(path); err == nil && missing == nil && !slices.Contains(names, h.agent) {
			names = append(names, h.agent)
		}
	}
	return names
}

// put writes the commands.
func (s *agentSetup) put(r *setup.Run) ([]setup.Edit, func(), error) {
	line, err := s.line(r)
	if err != nil {
		return nil, nil, err
	}
	edits, err := s.edits(r, line)
	if err == nil && s.found == 0 {
		err = fault.InUsage(fmt.Errorf("no coding agent has a server at %s", strings.Join(r.Hosts, ", ")),
			"add the server to the agent first, then run this again")
	}
	return edits, func() {
		fmt.Fprintln(talk.Out, "Start the agent again. Nobody is asked to sign in there: sso-exec login comes first.")
	}, err
}

// line returns the command for a hook and the URL of a server. A sign-in would be asked
// for below the agent, so a command that could ask does not.
func (s *agentSetup) line(r *setup.Run) (func(hook, hosts.Host, string) string, error) {
	program, args, err := r.Program()
	if err != nil {
		return nil, err
	}
	return func(h hook, host hosts.Host, scheme string) string {
		words := append([]string{program, settings.ToolToken, "--output=" + h.output}, args[1:]...)
		if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--interactive=") }) {
			words = append(words, "--interactive=never")
		}
		words = append(words, "--for="+scheme+"://"+host.String())
		return h.before + commandline.Line(commandline.POSIX, words...) + h.after
	}, nil
}

// edits plans the change of each file; line nil: what is ours goes.
func (s *agentSetup) edits(r *setup.Run, line func(hook, hosts.Host, string) string) ([]setup.Edit, error) {
	s.file = r.File
	list, err := hosts.ParseList(r.Hosts)
	if err != nil {
		return nil, fault.Usagef("--host %w", err)
	}
	if s.agent != "" && !slices.Contains(agents(), s.agent) {
		return nil, fault.Usagef("invalid --agent %q: use %s", s.agent, strings.Join(agents(), ", "))
	}
	if s.file != "" && s.agent == "" {
		return nil, fault.InUsage(errors.New("whose file is --agent-config?"), "give --agent "+strings.Join(agents(), " or "))
	}
	var edits []setup.Edit
	s.found = 0
	for _, h := range hooks() {
		if s.agent != "" && h.agent != s.agent {
			continue
		}
		path, err := s.path(h)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(edits, func(e setup.Edit) bool { return e.Path == path })
		if at < 0 {
			text, err := userfile.ReadRegular(path)
			if errors.Is(err, fs.ErrNotExist) && s.file == "" {
				continue
			} else if err != nil {
				return nil, fault.Usagef("%s: %w", h.agent, err)
			}
			at, edits = len(edits), append(edits, setup.Edit{Path: path, Old: text, New: text, Show: shown})
		}
		if edits[at].New, err = s.change(h, path, edits[at].New, list, line); err != nil {
			return nil, err
		}
	}
	for i := range edits {
		edits[i].WriteFile()
	}
	return edits, nil
}

// path is the file of a hook.
func (s *agentSetup) path(h hook) (string, error) {
	if s.file != "" {
		return filepath.Abs(s.file)
	}
	if dir := os.Getenv(h.variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, h.sub, h.file), nil
	}
	home, err := userfile.Home()
	if err != nil {
		return "", settings.NoHome("no settings of "+h.agent, "give --agent-config FILE")
	}
	return filepath.Join(home, filepath.FromSlash(h.home), h.file), nil
}

// change makes the changes of a hook in a text.
func (s *agentSetup) change(h hook, path string, text []byte, list hosts.List,
	line func(hook, hosts.Host, string) string) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return text, nil
	}
	var d document
	var err error
	if filepath.Ext(path) == ".toml" {
		d, err = parseTOML(text)
	} else {
		d, err = parseJSON(text)
	}
	if err != nil {
		return nil, fault.InUsage(fmt.Errorf("%s: %w", path, err), "--agent NAME leaves the other agents alone")
	}
	for _, server := range d.servers(h) {
		host, ok := hosts.OfURL(server.url)
		ours := isOurs(server.have)
		value := ""
		switch {
		case line == nil:
			if !ours || len(list) > 0 && (!ok || list.Find(host) < 0) {
				continue
			}
		case !ok || list.Find(host) < 0:
			continue
		case server.taken && !ours:
			s.found++
			fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s: %s has %s already, which is left alone\n",
				talk.OneLine(path), talk.OneLine(cmp.Or(strings.Join(server.path, "."), h.agent)), strings.Join(h.key, "."))
			continue
		default:
			s.found++
			scheme, _, _ := strings.Cut(server.url, "://")
			if value = line(h, host, strings.ToLower(scheme)); value == server.have {
				continue
			}
		}
		if d, err = d.set(server.path, h.key, value); err != nil {
			return nil, fault.Usagef("%s: %w", path, err)
		}
	}
	return d.text(), nil
}

// document is a file of settings.
type document interface {
	servers(hook) []server
	// set gives a key below a server a text, or takes it out if that is empty.
	set(server, key []string, text string) (document, error)
	text() []byte
}

// server is an entry of a file.
type server struct {
	path      []string
	url, have string // have: the text of the hook's key
	taken     bool   // the hook's key is there
}

// isOurs reports whether a value runs sso-exec token for a server.
func isOurs(value string) bool {
	ours := regexp.MustCompile(`^(!|\$\()?(\S*[/\\]|['"].*[/\\])?sso-exec(\.exe)?['"]? token (.* )?'?--for=`)
	return ours.MatchString(value)
}

// shown leaves every text out of JSON or TOML that is not a key, an address or ours: what else
// such a file holds, nobody knows.
func shown(text []byte) ([]byte, error) {
	return regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?|'[^'\n]*'`).ReplaceAllFunc(text, func(m []byte) []byte {
		if m[len(m)-1] == ':' || bytes.HasPrefix(m[1:], []byte("http")) {
			return m
		}
		if bytes.Contains(m, []byte("sso-exec")) && isOurs(strings.Trim(string(m), `"`)) {
			return m
		}
		return []byte(`"(hidden)"`)
	}), nil
}
