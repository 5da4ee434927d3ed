package tools

import (
	"cmp"
	"fmt"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var git = &tool{
	name: settings.ToolGit, short: "answer git as a credential helper",
	long: `Speak git's credential helper protocol on stdin and stdout: get prints a token
for a host that the profile's hosts name, erase drops one that the host has
refused, store does nothing. For other hosts the answer is empty, so that git
asks its next helper. Without --profile, the profile is the one that names the
host.`,
	example: `  # in ~/.gitconfig, as sso-exec setup git writes it
  [credential "https://git.example.com"]
      helper =
      helper = !sso-exec git --profile=corp

  printf 'protocol=https\nhost=git.example.com\n\n' | sso-exec git get`,
	words: "get|store|erase", calledAs: "git-credential-sso-exec",
	by:      acquire.Caller{Name: "git", StdinTaken: func() bool { return true }},
	request: gitRequest,
}

func gitRequest(words []string) (*request, error) {
	if len(words) != 1 {
		return nil, fault.Usagef("git's operation is missing: get, store or erase")
	}
	in, err := readRequest(plugin.GitRequestEnds)
	if err != nil {
		return nil, err
	}
	q := &request{failed: plugin.GitQuit(), reject: words[0] == "erase"}
	if words[0] != "get" && !q.reject { // store, and what later versions of git may have
		return q, nil
	}
	r, err := plugin.ParseGitRequest(in)
	if err != nil {
		return nil, err
	}
	q.host, _ = hosts.Of(r.Protocol, r.Host)
	q.rejected = r.Rejected
	q.encode = func(o *settings.Resolved, c credential.Credential) ([]byte, error) {
		if r.Bearer && c.TokenType != "Bearer" {
			return nil, fmt.Errorf("git cannot send a token of the type %q", c.TokenType)
		}
		return plugin.EncodeGit(r, cmp.Or(o.HostTarget().Username, "oauth2"), c)
	}
	return q, nil
}
