// Package git has the command that makes git call sso-exec.
package git

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// New makes the command that has git call sso-exec.
func New() *cobra.Command {
	return (&setup.Tool{
		Name: settings.ToolGit, Short: "have git get its tokens from sso-exec",
		Long: `Write a credential helper into git's global config, for each host of the
profile, or those of --host: at the end, and with an empty helper first, so that
no other one stores the token. git itself makes the change; the file as it was
is kept as FILE.bak.

A host that the profile does not name yet is added to its hosts.`,
		Example: `  sso-exec setup git --profile corp --host git.example.com
  sso-exec setup git --host git.example.com --remove`,
		File:  "(default: git's global config)",
		Usual: globalConfig, Put: plan,
		Undo: func(r *setup.Run) ([]setup.Edit, error) {
			return edit(r, func(g *gitFile) error { return undo(g, r.Hosts) })
		},
	}).New()
}

// plan writes the helper for each host: the line that git runs, by its shell.
func plan(r *setup.Run) ([]setup.Edit, func(), error) {
	program, args, err := r.Program()
	if err != nil {
		return nil, nil, err
	}
	value := "!" + commandline.Line(commandline.POSIX, append([]string{program}, args...)...)
	edits, err := edit(r, func(g *gitFile) error {
		for _, name := range r.Hosts {
			if err := g.put(name, value); err != nil {
				return err
			}
		}
		return nil
	})
	return edits, func() {
		fmt.Fprintf(talk.Out, "Try it: git ls-remote https://%s/…\n", strings.Replace(r.Hosts[0], "*", "NAME", 1))
	}, err
}

// undo takes out of git's config what setup put there, for the hosts that are given, or
// for all.
func undo(g *gitFile, names []string) error {
	keys, err := g.keys()
	for _, key := range keys {
		if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return key == keyOf(name) }) {
			continue
		}
		err = errors.Join(err, g.remove(key))
	}
	return err
}

// edit plans a change to git's config: git makes it in a copy.
func edit(r *setup.Run, change func(*gitFile) error) ([]setup.Edit, error) {
	e, err := r.Edit("git's config", r.File, withoutHeaders, func(text []byte) ([]byte, error) {
		dir, err := os.MkdirTemp("", "sso-exec-git")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		g := &gitFile{path: filepath.Join(dir, "config")}
		if err := os.WriteFile(g.path, text, 0o600); err != nil {
			return nil, err
		}
		if err := change(g); err != nil {
			return nil, err
		}
		return os.ReadFile(g.path)
	})
	return []setup.Edit{e}, err
}

// globalConfig is the file that git config --global changes (git-config(1), "FILES").
func globalConfig() (string, error) {
	if path := os.Getenv("GIT_CONFIG_GLOBAL"); path != "" {
		return filepath.Abs(path)
	}
	home, err := home()
	if err != nil {
		return "", settings.NoHome("no global config of git", "give --git-config FILE")
	}
	base := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) {
		base = filepath.Join(home, ".config")
	}
	usual, other := filepath.Join(home, ".gitconfig"), filepath.Join(base, "git", "config")
	_, err = os.Stat(usual)
	if _, there := os.Stat(other); errors.Is(err, fs.ErrNotExist) && there == nil {
		return other, nil
	}
	return usual, nil
}

// home is the home that git sees: Git for Windows wants HOME, then HOMEDRIVE and HOMEPATH
// if they name a directory, and only then what is one elsewhere on Windows.
func home() (string, error) {
	if dir := os.Getenv("HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	dir := os.Getenv("HOMEDRIVE") + os.Getenv("HOMEPATH")
	if st, err := os.Stat(dir); err == nil && st.IsDir() && filepath.IsAbs(dir) {
		return dir, nil
	}
	return userfile.Home()
}

// withoutHeaders hides what may be secret near what is shown.
func withoutHeaders(text []byte) ([]byte, error) {
	text = regexp.MustCompile(`(?im)^(\s*extraheader\s*=\s*)\S.*$`).ReplaceAll(text, []byte("${1}(hidden)"))
	return setup.HideSecrets(text)
}

// gitFile is a config file that git itself reads and changes.
type gitFile struct{ path string }

// git runs git config; ok is false where there is no such value.
func (g *gitFile) git(args ...string) (out string, ok bool, err error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", false, fault.InUsage(errors.New("git is not on the PATH"), "install git, then run this again")
	}
	cmd := exec.Command(git, append([]string{"config", "--file", g.path}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(g.path), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	cmd.Dir = filepath.Dir(g.path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 1 && stderr.Len() == 0 {
		return "", false, nil
	}
	if err != nil {
		return "", false, fault.InUsage(fmt.Errorf("git config: %s", talk.OneLine(strings.TrimSpace(stderr.String()))),
			"nothing was changed; fix git's config, then run this again")
	}
	return string(b), true, nil
}

func keyOf(host string) string { return "credential.https://" + host + ".helper" }

// entry is a key with one of its values.
type entry struct{ key, value string }

// entries lists the values of all keys that match, in the order in which git reads them.
func (g *gitFile) entries(match string) (list []entry, err error) {
	out, ok, err := g.git("-z", "--get-regexp", match)
	if !ok || err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		key, value, _ := strings.Cut(text, "\n")
		list = append(list, entry{key, value})
	}
	return list, nil
}

// put has a host's last helpers be an empty one and ours, in a section of their own
// at the end: git reads in order, and a helper for all hosts (or a file with one) that
// came later would store our token.
func (g *gitFile) put(host, value string) error {
	key := keyOf(host)
	have, err := g.entries(`^(credential\.(.*\.)?helper|include(if\..*)?\.path)$`)
	have = slices.DeleteFunc(have, func(e entry) bool {
		return e.key != key && e.key != "credential.helper" && !strings.HasPrefix(e.key, "include")
	})
	want := []entry{{key, ""}, {key, value}}
	if n := len(have); err != nil || n >= 2 && slices.Equal(have[n-2:], want) {
		return err
	}
	if err := g.remove(key); err != nil {
		return err
	}
	section := &gitFile{path: g.path + ".section"}
	defer func() { _ = os.Remove(section.path) }()
	for _, e := range want {
		if _, _, err := section.git("--add", e.key, e.value); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(g.path)
	if err != nil {
		return err
	}
	more, err := os.ReadFile(section.path)
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	if bytes.HasSuffix(bytes.TrimRight(text, "\r\n"), []byte(`\`)) {
		text = append(text, '\n') // or the last line would go on with ours
	}
	return errors.Join(err, os.WriteFile(g.path, append(text, more...), 0o600))
}

// remove takes our helpers from a key, and the empty one that came before.
func (g *gitFile) remove(key string) error {
	have, err := g.entries("^" + regexp.QuoteMeta(key) + "$")
	if err != nil {
		return err
	}
	empty := 0
	for i, e := range have {
		switch v := e.value; {
		case v == "":
			empty++
		case isOurs(v):
			if _, _, err := g.git("--unset-all", key, "^"+regexp.QuoteMeta(v)+"$"); err != nil {
				return err
			}
			if i > 0 && have[i-1].value == "" && empty == 1 {
				if _, _, err := g.git("--unset", key, "^$"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// keys lists the keys of hosts that have one of our helpers.
func (g *gitFile) keys() (keys []string, err error) {
	have, err := g.entries(`^credential\..*\.helper$`)
	for _, e := range have {
		if isOurs(e.value) && !slices.Contains(keys, e.key) {
			keys = append(keys, e.key)
		}
	}
	return keys, err
}

// isOurs reports whether a helper runs sso-exec git.
func isOurs(value string) bool {
	return regexp.MustCompile(`^!(.*[/\\])?sso-exec(\.exe)?['"]? git( |$)|^!['"].*[/\\]sso-exec(\.exe)?['"] git( |$)`).
		MatchString(value)
}
