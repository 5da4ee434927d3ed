// Package docker has the command that makes docker, and what reads docker's config,
// call sso-exec.
package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// helper is what docker's config calls this program: the name of the program that
// docker runs, without docker-credential-.
const helper = "sso-exec"

// New makes the command that has docker call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolDocker, Short: "have docker, podman and skopeo get their tokens from sso-exec",
		Long: `Write a credential helper into docker's config.json, for each registry of the
profile, or those of --host. podman, skopeo, crane and ORAS read it there too.
The file as it was is kept as FILE.bak.

A host that the profile does not name yet is added to its hosts. docker calls
its helper without a profile: the one that names the registry is used.`,
		Example: `  sso-exec setup docker --profile corp --host registry.example.com
  sso-exec setup docker --host registry.example.com --remove`,
		File: "(default: config.json in $DOCKER_CONFIG, else in ~/.docker)", NoFlags: true,
		Usual: func() (string, error) {
			return setup.InHome("DOCKER_CONFIG", ".docker", "config.json", "no config of docker", "give --docker-config FILE")
		},
		Put: plan,
		Undo: func(r *setup.Run) ([]setup.Edit, error) {
			return edit(r, func(text []byte) ([]byte, error) { return removeHelpers(text, r.Hosts) })
		},
	}).New()
}

// plan writes the helper for each registry. docker has no wildcards.
func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	isWildcard := func(name string) bool { return strings.HasPrefix(name, "*") }
	if r.O.Within != nil && slices.ContainsFunc(r.Hosts, isWildcard) {
		return nil, nil, fault.Usagef("--host: docker's config has no wildcards; name each registry")
	}
	if r.Hosts = slices.DeleteFunc(slices.Clone(r.Hosts), isWildcard); len(r.Hosts) == 0 {
		return nil, nil, fault.InUsage(errors.New("which registry is it?"),
			"give --host registry.example.com, or name it in hosts of the profile")
	}
	edits, err := edit(r, func(text []byte) ([]byte, error) { return putHelpers(text, r.Hosts) })
	return edits, func() {
		warn(r)
		fmt.Fprintf(talk.Out, "Try it: printf %s | docker-credential-%s get\n", r.Hosts[0], helper)
	}, err
}

func edit(r *setup.Run, change func([]byte) ([]byte, error)) ([]setup.Edit, error) {
	e, err := r.Edit("docker's config", r.File, withoutPasswords, func(text []byte) ([]byte, error) {
		text, err := change(text)
		if hints, _ := fault.HintsOf(err); err != nil && len(hints) == 0 {
			err = fault.InUsage(err, "nothing was changed; fix the file, then run this again")
		}
		return text, err
	})
	return []setup.Edit{e}, err
}

// withoutPasswords hides what may be secret near what is shown.
func withoutPasswords(text []byte) ([]byte, error) {
	text = regexp.MustCompile(`(?i)("[^"]*auth[^"]*"\s*:\s*")[^"]+"`).ReplaceAll(text, []byte(`${1}(hidden)"`))
	return setup.HideSecrets(text)
}

// warn says what is still missing, or stands in the way.
func warn(r *setup.Run) {
	say := func(text, hint string) {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n  %s\n", talk.OneLine(text), hint)
	}
	if fix := setup.LinkOnPath("docker-credential-" + helper); fix != "" {
		say("docker-credential-"+helper+" is not on the PATH, where docker looks for it", "make it a link: "+fix)
	}
	for _, name := range r.Hosts {
		to := settings.For(settings.ToolDocker)
		h, _ := hosts.Of("https", name)
		to.Asked = []hosts.Host{h}
		if err := to.Read(nil); err != nil {
			say("docker will get no token: "+err.Error(), "make one of the profiles the default-profile")
		} else if to.Source.Profile != r.O.Source.Profile {
			say(fmt.Sprintf("docker will get a token of the profile %s, which names %s too", to.Source.Profile, name),
				"take it out of its hosts")
		}
		for file, program := range map[string]string{r.File: "docker", podmanFile(name): "podman"} {
			if hasPassword(file, name) {
				say(fmt.Sprintf("%s has a password for %s", file, name), "to remove it, run: "+program+" logout "+name)
			}
		}
	}
}

// podmanFile is the first file that podman and skopeo read before docker's, and that
// has an entry for a registry (containers-auth.json(5)); empty: there is none.
func podmanFile(host string) string {
	home, _ := userfile.Home()
	for _, file := range []string{os.Getenv("REGISTRY_AUTH_FILE"),
		filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json"),
		filepath.Join("/run/containers", strconv.Itoa(os.Getuid()), "auth.json"),
		filepath.Join(home, ".config", "containers", "auth.json")} {
		if filepath.IsAbs(file) && hasPassword(file, host) {
			return file
		}
	}
	return ""
}

func hasPassword(file, host string) bool {
	var f struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	text, err := userfile.ReadRegular(file)
	if err != nil || json.Unmarshal(text, &f) != nil {
		return false
	}
	_, there := f.Auths[host]
	return there
}
