package tools

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var keyring = &tool{
	name: settings.ToolKeyring, short: "answer pip and uv as the program keyring",
	long: `Be the program keyring, which pip and uv ask for the password of a package
index: get prints a token for a host that the profile's hosts name. Whatever
else keyring is asked goes to the next program of that name on the PATH; if
there is none, the exit code is 1. Nothing is stored: sso-exec login keeps
sign-ins.

pip and uv run keyring without flags: without --profile, the profile is the one
that names the host. stderr may be kept from you: sign in first with sso-exec
login where there is no browser.`,
	example: `  # with a link named keyring on the PATH, and in pip's config
  # keyring-provider = subprocess, as sso-exec setup keyring writes it
  pip install --index-url https://oauth2@pypi.example.com/simple/ PACKAGE

  sso-exec keyring get https://pypi.example.com/simple/ oauth2
  sso-exec keyring get pypi.example.com --mode creds`,
	words: "get SERVICE [USER]", calledAs: "keyring", others: true,
	by:      acquire.Caller{Name: "keyring", Swallows: true, StdinTaken: func() bool { return true }},
	request: keyringRequest, check: checkKeyring,
}

// keyringUser is the user name next to a token where nothing says one.
const keyringUser = "oauth2"

func keyringRequest(words []string) (*request, error) {
	q := &request{code: 1, next: func(o *settings.Resolved) error { return nextKeyring(o, words) }}
	dashed := func(w string) bool { return strings.HasPrefix(w, "-") }
	if len(words) < 2 || len(words) > 3 || slices.ContainsFunc(words, dashed) {
		return q, nil
	}
	switch words[0] {
	case "get":
	case "set", "del":
		q.refuse = fault.Hint(errors.New(words[0]+": nothing is kept for keyring: sso-exec keeps your sign-in"),
			"to sign in, run: sso-exec login", "to sign out, run: sso-exec logout")
	default:
		return q, nil
	}
	url, user := words[1], ""
	if len(words) == 3 {
		user = words[2]
	}
	if !strings.ContainsAny(url, "?#") && !strings.Contains(url, "://") { // HOST or HOST:PORT, which is asked second
		url = "https://" + url
	}
	q.host, _ = hosts.OfURL(url)
	q.encode = func(o *settings.Resolved, c credential.Credential) ([]byte, error) {
		if user == "" && o.Mode != plugin.KeyringCreds {
			return nil, fault.Usagef("keyring's user is missing: get SERVICE USER, or get SERVICE --mode creds")
		}
		return plugin.EncodeKeyring(o.Mode, o.Output, cmp.Or(user, o.HostTarget().Username, keyringUser), c)
	}
	return q, nil
}

func checkKeyring(o *settings.Resolved) error {
	if o.Mode != "" && o.Mode != plugin.KeyringPassword && o.Mode != plugin.KeyringCreds {
		return fault.Usagef("--mode %q: use %s or %s", o.Mode, plugin.KeyringPassword, plugin.KeyringCreds)
	}
	return checkOutput(o)
}

// passedOn marks what was handed to the next keyring: another copy of this program does
// not hand it on again.
const passedOn = "KEYRING_PASSED_ON_BY_SSO_EXEC"

// nextKeyring has the next keyring on the PATH answer, with its exit code.
func nextKeyring(o *settings.Resolved, words []string) error {
	none := fault.Silently(exits(1))
	if err := o.ReadPolicy(false); err != nil {
		return err
	}
	if os.Getenv(passedOn) != "" || o.Policy != nil && o.Policy.HelpersDenied {
		return none
	}
	argv := os.Args[1:]
	if !isCalled(settings.ToolKeyring, os.Args) { // without what is ours
		argv = words
		for name, value := range map[string]string{"mode": o.Mode, "output": o.Output} {
			if o.From.Typed(name) {
				argv = append(slices.Clip(argv), "--"+name+"="+value)
			}
		}
	}
	program := otherOnPath("keyring")
	if program == "" {
		return none
	}
	cmd := &exec.Cmd{Path: program, Args: append([]string{"keyring"}, argv...), Stdin: os.Stdin, Stdout: os.Stdout,
		Stderr: os.Stderr, Env: append(commandline.WithoutOurs(os.Environ()), passedOn+"=1"),
		SysProcAttr: commandline.WithUs(syscall.SIGTERM)}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if cmd.ProcessState == nil {
		return fault.Hint(err, "fix "+program+", or take it off the PATH")
	}
	return fault.Silently(exits(max(cmd.ProcessState.ExitCode(), 1)))
}

// otherOnPath is the first program of a name on the PATH that is not this one by another
// name.
func otherOnPath(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	own, err := os.Stat(self)
	if err != nil {
		return ""
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		found, err := exec.LookPath(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if st, err := os.Stat(found); err == nil && !os.SameFile(st, own) {
			return found
		}
	}
	return ""
}
