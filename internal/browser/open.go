package browser

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// settle is how long a command has to fail in. One that still runs then is a
// browser that stays in the foreground, or an opener that has found one.
const settle = 1500 * time.Millisecond

// Open shows a page: it tries the commands in their order until one neither
// fails to start nor ends in failure within a second and a half. It does not
// wait for a browser that stays, but until then it blocks; who has an answer
// from the page before that ends ctx, which leaves the browser alone. The error
// tells what each command did, and nothing of the URL.
func (cs Commands) Open(ctx context.Context, url string) error {
	return cs.open(ctx, url, settle)
}

func (cs Commands) open(ctx context.Context, url string, settle time.Duration) error {
	if err := checkURL(url); err != nil {
		return err
	}
	if len(cs) == 0 {
		return errors.New("no browser")
	}
	var failures []string
	for _, c := range cs {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := c.open(ctx, url, settle)
		if err == nil || ctx.Err() != nil {
			return err
		}
		failures = append(failures, err.Error())
	}
	return errors.New(strings.Join(failures, "; "))
}

func (c Command) open(ctx context.Context, url string, settle time.Duration) error {
	cmd := exec.Command(c.Program, c.words(url)...)
	// Stdin, stdout and stderr are the null device. Stderr is not looked at: a
	// browser outlives us, and would be ended by a pipe that nobody reads, or
	// fill a disk with a file that nobody sees; and openers put the URL into it.
	if cmd.Env = scrub(os.Environ()); c.alone {
		cmd.Env = Environment()
	}
	if c.system {
		// $BROWSER was looked at already. xdg-open would take a text-mode
		// browser from it or, without it, from its own list.
		cmd.Env = append(cmd.Env, "BROWSER="+graphical)
	}
	// A browser would keep our working directory busy for as long as it runs.
	cmd.Dir = neutralDir(os.Getenv)
	cmd.SysProcAttr = detached() // a Ctrl-C meant for us must not close the browser
	closeInherited()
	if err := cmd.Start(); err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		return fmt.Errorf("%s could not be started: %w", c.name(), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // also when nobody listens any more, so that no zombie is left
	select {
	case err := <-ended:
		return c.failure(err)
	case <-time.After(settle):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// graphical are the browsers of xdg-open's own list that need no terminal.
const graphical = "x-www-browser:firefox:chromium:chromium-browser:google-chrome:konqueror:epiphany"

// failure tells how a command failed, if it did.
func (c Command) failure(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err // nil, except for what never happens
	}
	code := exit.ExitCode()
	switch {
	case code < 0:
		return fmt.Errorf("%s was ended (%s)", c.name(), exit.ProcessState)
	case c.name() == "explorer.exe": // ends with 1 whatever it did; people under WSL name it
		return nil
	case c.name() == "xdg-open" && code == 3: // its manual's exit codes
		return fmt.Errorf("%s found no browser (exit code %d)", c.name(), code)
	}
	return fmt.Errorf("%s failed (exit code %d)", c.name(), code)
}

// name is fit for a message: programs are named by the environment too.
func (c Command) name() string {
	name := filepath.Base(c.Program)
	if quoted := fmt.Sprintf("%q", name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// scrub leaves out what a browser has no business to see.
func scrub(env []string) []string {
	// The names of variables that hold credentials, and values that are addresses
	// with a password in them. Compiled here: every run would pay for it otherwise.
	secretName := regexp.MustCompile(`(?i)^SSO_EXEC_|^KUBERNETES_EXEC_INFO$|TOKEN|SECRET|PASSW|PASSPHRASE|(^|_)(PASS|PAT|AUTH|KEY)$|_PWD$|^SSHPASS$|AUTH_CONFIG|^(BW|OP)_SESSION|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY`)
	withPassword := regexp.MustCompile(`://[^/?#@\s]*:[^/?#\s]*@`)
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, value, _ := strings.Cut(kv, "=")
		proxy := strings.HasSuffix(strings.ToLower(name), "_proxy") // which the browser needs as well
		return secretName.MatchString(name) && name != "XDG_ACTIVATION_TOKEN" || withPassword.MatchString(value) && !proxy
	})
}
