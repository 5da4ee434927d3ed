package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/toml"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// This file is about the tools that ask a helper by host: does it call us, for which
// hosts, and what would win.

// checkGit reads git's helpers, by git itself: they are in several files.
func checkGit(ctx context.Context, d *doctor) (f found) {
	at := d.tool(ctx, "git")
	if at == "" {
		return f
	}
	f.add(pass, at)
	if d.o.Policy != nil && d.o.Policy.HelpersDenied {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.programs["git"], "config", "--null", "--get-regexp", `^credential\.(.*\.)?helper$`)
	cmd.Env = commandline.WithoutOurs(os.Environ())
	cmd.Dir, cmd.WaitDelay = below(), time.Second
	out, err := cmd.Output()
	if cmd.ProcessState == nil || err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: there is none
		f.add(warning, fmt.Sprintf("git's config cannot be read: %v", err))
		f.fix("see what git says", "git config --list --show-origin")
		return f
	}
	var all [][2]string // a host, or none for all, and a helper
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		key, helper, _ := strings.Cut(entry, "\n")
		host := strings.TrimSuffix(strings.TrimPrefix(key, "credential."), "helper")
		host = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(host, "."), "https://"), "/")
		all = append(all, [2]string{host, helper})
	}
	var calls []string
	for _, e := range all {
		if isOurHelper(e[1]) && e[0] != "" && !slices.Contains(calls, e[0]) {
			calls = append(calls, e[0])
		}
	}
	if len(calls) == 0 {
		f.setupHint(d, settings.ToolGit)
		return f
	}
	f.add(pass, "calls sso-exec for "+strings.Join(calls, ", "))
	for _, host := range calls {
		for _, other := range othersOf(all, host) {
			f.add(warning, fmt.Sprintf("another helper sees the token for %s too, and may answer first: %s", host, other))
			f.fix("write the setting again, so that ours is the only one",
				"sso-exec setup git --host "+host)
		}
	}
	f.unserved(d, calls)
	return f
}

// othersOf are the helpers that git runs for a host next to us; an empty one forgets those
// before it (gitcredentials(7)).
func othersOf(all [][2]string, host string) (others []string) {
	for _, e := range all {
		switch {
		case e[0] != "" && e[0] != host:
		case e[1] == "":
			others = nil
		case !isOurHelper(e[1]):
			others = append(others, e[1])
		}
	}
	return others
}

// isOurHelper reports whether a helper of git's runs us.
func isOurHelper(value string) bool {
	words, err := commandline.Command(strings.TrimPrefix(value, "!"))
	if err != nil || len(words) == 0 {
		return false
	}
	return isUs(words[0]) || strings.HasSuffix(words[0], "git-credential-sso-exec") || value == "sso-exec"
}

// checkDocker reads docker's config.json.
func checkDocker(ctx context.Context, d *doctor) (f found) {
	at := d.tool(ctx, "docker")
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = below(".docker")
	}
	path := filepath.Join(dir, "config.json")
	text := f.read(path)
	if at == "" && len(text) == 0 {
		return f
	}
	if at != "" {
		f.add(pass, at)
	}
	var conf struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredsStore  string                     `json:"credsStore"`
		CredHelpers map[string]string          `json:"credHelpers"`
	}
	if err := json.Unmarshal(text, &conf); len(text) > 0 && err != nil {
		f.add(warning, fmt.Sprintf("%s cannot be read: %v", path, err))
		return f
	}
	var calls []string
	for host, helper := range conf.CredHelpers {
		if helper == "sso-exec" {
			calls = append(calls, host)
		}
	}
	slices.Sort(calls)
	list, of := d.hosts()
	for _, host := range list {
		if other := conf.CredHelpers[host]; other != "" && other != "sso-exec" {
			f.add(warning, fmt.Sprintf("docker asks another helper for %s: docker-credential-%s", host, other))
		}
		if _, ok := conf.Auths[host]; ok && !slices.Contains(calls, host) && conf.CredsStore == "" {
			f.add(warning, fmt.Sprintf("docker has a stored password for %s, and does not ask sso-exec", host))
			f.fix("", "sso-exec setup docker --profile "+of[host]+" --host "+host)
		}
	}
	if len(calls) == 0 {
		if f.result != warning {
			f.setupHint(d, settings.ToolDocker)
		}
		return f
	}
	f.add(pass, "calls sso-exec for "+strings.Join(calls, ", "))
	if conf.CredsStore == "sso-exec" {
		f.add(warning, "credsStore is sso-exec: docker asks it for every registry, and it keeps no passwords")
		f.fix("name registries in credHelpers instead, and take credsStore out of "+path, "")
	}
	if _, err := exec.LookPath("docker-credential-sso-exec"); err != nil {
		f.add(failure, "docker-credential-sso-exec is not on the PATH, so docker cannot ask it")
		f.fix("", setup.LinkOnPath("docker-credential-sso-exec"))
	}
	f.variable("DOCKER_AUTH_CONFIG", "docker uses what is in it first")
	f.unserved(d, calls)
	return f
}

// checkCargo reads cargo's config.toml.
func checkCargo(ctx context.Context, d *doctor) (f found) {
	at := d.tool(ctx, "cargo")
	dir := os.Getenv("CARGO_HOME")
	if dir == "" {
		dir = below(".cargo")
	}
	path := filepath.Join(dir, "config")
	if _, err := os.Stat(path); err != nil {
		path += ".toml"
	}
	text := f.read(path)
	if at == "" && len(text) == 0 {
		return f
	}
	if at != "" {
		f.add(pass, at)
	}
	doc, err := toml.Parse(text)
	if err != nil {
		f.add(warning, fmt.Sprintf("%s cannot be read: %v", path, err))
		return f
	}
	var calls []string
	for _, e := range doc.Entries {
		p := e.Path()
		words, _ := e.Strings()
		if len(words) == 1 {
			words = strings.Fields(words[0])
		}
		if len(p) != 3 || p[0] != "registries" || p[2] != "credential-provider" || len(words) == 0 {
			continue
		}
		if isUs(words[0]) || strings.HasSuffix(words[0], "cargo-credential-sso-exec") {
			calls = append(calls, p[1])
			f.runs(words[0], "sso-exec setup cargo")
			variable := strings.ToUpper(strings.ReplaceAll(p[1], "-", "_"))
			f.variable("CARGO_REGISTRIES_"+variable+"_CREDENTIAL_PROVIDER", "cargo asks that one instead")
		}
	}
	if len(calls) == 0 {
		f.setupHint(d, settings.ToolCargo)
		return f
	}
	f.add(pass, "calls sso-exec for the registries "+strings.Join(calls, ", "))
	return f
}
