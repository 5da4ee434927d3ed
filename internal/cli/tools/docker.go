package tools

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

// Version is what a tool is told that asks for it.
var Version string

var docker = &tool{
	name: settings.ToolDocker, short: "answer docker, podman and skopeo as a credential helper",
	long: `Speak docker's credential helper protocol on stdin and stdout; podman, skopeo,
crane and ORAS speak it too. get prints a token for a registry that the hosts of
the profile name, erase drops the stored token, list prints the registries, and
store fails: sso-exec login keeps sign-ins. Without --profile, the profile is
the one that names the registry. Failures are on stdout.`,
	example: `  # in ~/.docker/config.json, as sso-exec setup docker writes it
  {"credHelpers": {"registry.example.com": "sso-exec"}}

  printf registry.example.com | sso-exec docker get`,
	words: "get|store|erase|list|version", calledAs: "docker-credential-sso-exec",
	by:      acquire.Caller{Name: "docker", StdinTaken: func() bool { return true }},
	request: dockerRequest, onStdout: true,
}

func dockerRequest(words []string) (*request, error) {
	toEnd := func([]byte) bool { return false }
	switch op := strings.Join(words, " "); op {
	case "list":
		return &request{own: dockerList}, nil
	case "version":
		return &request{own: func(*settings.Resolved) ([]byte, error) {
			return []byte("docker-credential-sso-exec " + Version + "\n"), nil
		}}, nil
	case "store":
		in, err := readRequest(toEnd)
		if err == nil {
			err = plugin.CheckDockerStore(in)
		}
		if err != nil {
			return dockerFailure(err)
		}
		return nil, fault.Hint(
			errors.New("nothing is stored: docker login is not needed here, since sso-exec keeps your sign-in"),
			"to sign in, run: sso-exec login", "to keep a password for this registry, take it out of credHelpers")
	case "get", "erase":
		in, err := readRequest(toEnd)
		server := ""
		if err == nil {
			server, err = plugin.ParseDockerServer(in)
		}
		if err != nil {
			return dockerFailure(err)
		}
		q := &request{reject: op == "erase", stale: op == "erase"}
		if !q.reject {
			q.none, q.code = plugin.DockerNotFound(), 1
		}
		url := server
		if !strings.ContainsAny(url, "?#") && !strings.Contains(url, "://") { // a name has none of them
			url = "https://" + url
		}
		q.host, _ = hosts.OfURL(url)
		q.encode = func(o *settings.Resolved, c credential.Credential) ([]byte, error) {
			return plugin.EncodeDocker(server, cmp.Or(o.HostTarget().Username, dockerUser(q.host.String())), c)
		}
		return q, nil
	case "":
		return nil, errors.New("docker's operation is missing: get, store, erase, list or version")
	default:
		return nil, fmt.Errorf("unknown operation %q of docker: use get, store, erase, list or version", op)
	}
}

// dockerUser is the user name next to a token where the profile says none.
func dockerUser(host string) string {
	if _, ok := sts.ECR(host); ok {
		return sts.ECRUser
	}
	return plugin.DockerUser
}

// dockerFailure answers in docker's own words what docker knows by them.
func dockerFailure(err error) (*request, error) {
	if errors.Is(err, plugin.ErrDockerServer) || errors.Is(err, plugin.ErrDockerUser) {
		return &request{none: []byte(err.Error() + "\n"), code: 1}, nil
	}
	return nil, err
}

// dockerList lists the registries with their user names, of the profile or of all.
func dockerList(o *settings.Resolved) ([]byte, error) {
	users, err := o.EachHost()
	for host, name := range users {
		users[host] = cmp.Or(name, dockerUser(host))
	}
	if err != nil {
		return nil, err
	}
	return plugin.EncodeDockerList(users)
}
