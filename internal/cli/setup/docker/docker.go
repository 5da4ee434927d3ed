// Package docker has the command that makes docker, and what reads docker's config,
// call sso-exec.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
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

// dockerSetup is what setup docker was asked for.
type dockerSetup struct {
	setup.Flags
	o    *settings.Resolved
	file string
}

// New makes the command that has docker call sso-exec.
func New() *cobra.Command {
	s := &dockerSetup{o: settings.For(settings.ToolDocker)}
	cmd := &cobra.Command{
		Use:   "docker",
		Short: "have docker, podman and skopeo get their tokens from sso-exec",
		Long: `Write a credential helper into docker's config.json, for each registry of the
profile, or those of --host. podman, skopeo, crane and ORAS read it there too.
The file as it was is kept as FILE.bak.

A host that the profile does not name yet is added to its hosts. docker calls
its helper without a profile: the one that names the registry is used.`,
		Example: `  sso-exec setup docker --profile corp --host registry.example.com
  sso-exec setup docker --host registry.example.com --remove`,
		Args: command.NoArgs,
	}
	f := cmd.Flags()
	f.Var(settings.Path.Var(&s.file), "docker-config",
		"`file` to change (default: config.json in $DOCKER_CONFIG, else in ~/.docker)")
	s.Add(f)
	cmd = command.WithSettings(s.o, cmd, func(context.Context, []string) error { return s.Plan(s.put) })
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !s.Remove {
			return run(cmd, args)
		}
		return command.Failed(s.o, s.Plan(s.undo)) // whatever the config of sso-exec says
	}
	return cmd
}

// put writes the helper for each registry, and the hosts into the profile.
func (s *dockerSetup) put() error {
	if err := s.o.Check(); err != nil {
		return err
	}
	names, err := s.names()
	if err != nil {
		return err
	}
	edit, err := s.edit(func(text []byte) ([]byte, error) { return putHelpers(text, names) })
	if err != nil {
		return err
	}
	more, err := s.HostsEdit(s.o, names)
	if err != nil {
		return err
	}
	done, err := s.Apply(append([]setup.Edit{edit}, more...)...)
	if done {
		s.warn(edit.Path, names)
		fmt.Fprintf(talk.Out, "Try it: printf %s | docker-credential-%s get\n", names[0], helper)
	}
	return err
}

// names are the registries that the helper is written for. docker has no wildcards,
// and runs its helper without flags.
func (s *dockerSetup) names() ([]string, error) {
	if !setup.UsesProfile(s.o, "issuer", "client-id") {
		return nil, fault.InUsage(errors.New("docker runs its helper without flags, so they must be in a profile"),
			"sso-exec setup provider makes one; then give --profile NAME")
	}
	names, err := setup.Hosts(s.o)
	if err != nil {
		return nil, err
	}
	isWildcard := func(name string) bool { return strings.HasPrefix(name, "*") }
	if s.o.Within != nil && slices.ContainsFunc(names, isWildcard) {
		return nil, fault.Usagef("--host: docker's config has no wildcards; name each registry")
	}
	if names = slices.DeleteFunc(slices.Clone(names), isWildcard); len(names) == 0 {
		return nil, fault.InUsage(errors.New("which registry is it?"),
			"give --host registry.example.com, or name it in hosts of the profile")
	}
	for _, r := range settings.Rows(s.o.Tool) {
		if s.o.From.Typed(r.Name) && r.Name != "host" && r.Name != "profile" {
			return nil, fault.InUsage(fmt.Errorf("docker runs its helper without flags: --%s has no effect there", r.Name),
				"write it into the profile "+s.o.Source.Profile)
		}
	}
	return names, nil
}

// undo takes out of docker's config what setup put there, for the hosts that are given,
// or for all.
func (s *dockerSetup) undo() error {
	edit, err := s.edit(func(text []byte) ([]byte, error) { return removeHelpers(text, s.o.Target.Hosts) })
	if err != nil {
		return err
	}
	_, err = s.Apply(edit)
	return err
}

func (s *dockerSetup) edit(change func([]byte) ([]byte, error)) (setup.Edit, error) {
	path := s.file
	if path == "" {
		dir := os.Getenv("DOCKER_CONFIG")
		if dir == "" {
			home, err := userfile.Home()
			if err != nil {
				return setup.Edit{}, settings.NoHome("no config of docker", "give --docker-config FILE")
			}
			dir = filepath.Join(home, ".docker")
		}
		path = filepath.Join(dir, "config.json")
	}
	e := setup.Edit{Path: path, Show: withoutPasswords}
	var err error
	if e.Old, err = userfile.ReadRegular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Usagef("docker's config: %w", err)
	}
	if e.New, err = change(e.Old); err != nil {
		hints, _ := fault.HintsOf(err)
		if len(hints) == 0 {
			hints = []string{"nothing was changed; fix the file, then run this again"}
		}
		return e, fault.InUsage(fmt.Errorf("docker's config: %s: %w", path, err), hints...)
	}
	was := append([]byte{}, e.Old...)
	e.Write = func() error {
		return userfile.WriteAtomic(path, e.New, userfile.WriteOptions{Perm: 0o600, Backup: true, Was: was})
	}
	return e, nil
}

// withoutPasswords hides what may be secret near what is shown.
func withoutPasswords(text []byte) ([]byte, error) {
	text = regexp.MustCompile(`(?i)("[^"]*auth[^"]*"\s*:\s*")[^"]+"`).ReplaceAll(text, []byte(`${1}(hidden)"`))
	return setup.HideSecrets(text)
}

// warn says what is still missing, or stands in the way.
func (s *dockerSetup) warn(path string, names []string) {
	say := func(text, hint string) {
		fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s\n  %s\n", talk.OneLine(text), hint)
	}
	if fix := setup.LinkOnPath("docker-credential-" + helper); fix != "" {
		say("docker-credential-"+helper+" is not on the PATH, where docker looks for it", "make it a link: "+fix)
	}
	for _, name := range names {
		to := settings.For(settings.ToolDocker)
		h, _ := hosts.Of("https", name)
		to.Asked = []hosts.Host{h}
		if err := to.Read(nil); err != nil {
			say("docker will get no token: "+err.Error(), "make one of the profiles the default-profile")
		} else if to.Source.Profile != s.o.Source.Profile {
			say(fmt.Sprintf("docker will get a token of the profile %s, which names %s too", to.Source.Profile, name),
				"take it out of its hosts")
		}
		for file, program := range map[string]string{path: "docker", podmanFile(name): "podman"} {
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
