package doctor

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is what the checks of tools share: which programs are here, and which hosts
// the profiles name.

// programs are those that may call us, with the words that have each tell its version:
// none of those that may fetch another version of themselves for that.
var programs = [][]string{
	{"kubectl", "version", "--client"}, {"aws", "--version"}, {"git", "--version"}, {"docker", "--version"},
	{"cargo", "--version"}, {"terraform", "version"}, {"pip", "--version"}, {"uv", "--version"}, {"pnpm"}, {"bazel"},
	{"gcloud"},
}

// find finds the programs, before the checks run: the PATH may be pinned by the policy.
func (d *doctor) find() {
	d.programs = map[string]string{}
	for _, p := range programs {
		if path, err := environ.LookPath(p[0]); err == nil {
			d.programs[p[0]] = path
		}
	}
}

// toolTimeout bounds the start of a tool.
const toolTimeout = 4 * time.Second

// tool tells where a program is, and its version; empty: it is not here. Where the
// policy denies helpers it is not run.
func (d *doctor) tool(ctx context.Context, name string) string {
	path := d.programs[name]
	if path == "" || d.o.Policy != nil && d.o.Policy.HelpersDenied {
		return path
	}
	at := slices.IndexFunc(programs, func(p []string) bool { return p[0] == name })
	if len(programs[at]) == 1 {
		return path
	}
	ctx, cancel := context.WithTimeout(ctx, toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, programs[at][1:]...)
	cmd.Env = append(commandline.WithoutOurs(os.Environ()), "CHECKPOINT_DISABLE=1") // Terraform asks for no news
	cmd.WaitDelay = time.Second
	var warnings bytes.Buffer // of some, the version too
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	first, _, _ := strings.Cut(cmp.Or(strings.TrimSpace(string(out)), strings.TrimSpace(warnings.String())), "\n")
	if err != nil || first == "" {
		return path
	}
	return path + ": " + first
}

// hosts are those that the profiles name, with their profile.
func (d *doctor) hosts() (list []string, of map[string]string) {
	of = map[string]string{}
	for _, p := range d.profiles {
		for _, h := range p.Target.Hosts {
			if of[h] == "" {
				list = append(list, h)
				of[h] = p.Source.Profile
			}
		}
	}
	return list, of
}

// named reports whether a profile names a host.
func names(list []string, host string) bool {
	l, err := hosts.ParseList(list)
	h, ok := hosts.OfURL("https://" + host)
	return err == nil && ok && l.Find(h) >= 0
}

// unserved adds hosts that a tool calls us for, though no profile names them: they get
// nothing.
func (f *found) unserved(d *doctor, calls []string) {
	list, _ := d.hosts()
	for _, host := range calls {
		if !strings.HasPrefix(host, "*") && !names(list, host) {
			f.add(warning, "no profile names "+host+", so it gets no token")
			f.fix("add the host to hosts of a profile", "sso-exec config edit")
		}
	}
}

// isUs reports whether a word of a command names this program.
func isUs(word string) bool {
	name := strings.TrimSuffix(strings.ToLower(word[strings.LastIndexAny(word, `/\`)+1:]), ".exe")
	return name == "sso-exec" || name == "kubectl-sso_exec"
}

// runs reports whether a program that a tool's config names can be run here.
func (f *found) runs(program, setup string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	f.add(failure, program+" is not found, or cannot be run")
	f.fix("put it on the PATH, or write the setting again", setup)
	return false
}

// variable adds a warning where one that is set wins over us.
func (f *found) variable(name, does string) {
	if os.Getenv(name) != "" {
		f.add(warning, "the variable "+name+" is set: "+does)
		f.fix("", "unset "+name)
	}
}

// below is a path below the home; empty: there is none.
func below(elem ...string) string {
	home, err := userfile.Home()
	if err != nil {
		return ""
	}
	return filepath.Join(append([]string{home}, elem...)...)
}

// read reads a tool's config; what is not there is empty.
func (f *found) read(path string) []byte {
	text, err := userfile.ReadRegular(path)
	if err != nil && !isAbsent(err) {
		f.add(warning, err.Error())
	}
	return bytes.TrimSpace(text)
}

// setupHint is how a tool is set up that does not call us.
func (f *found) setupHint(d *doctor, tool string) {
	list, of := d.hosts()
	words := "sso-exec setup " + tool
	if len(list) > 0 && tool != settings.ToolKube && tool != settings.ToolAWS {
		words += " --profile " + of[list[0]]
	}
	f.add(pass, "does not call sso-exec; to set it up: "+words)
}
