package environ

import (
	"os"
	"os/exec"
	"strings"

	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// given is the environment as the caller gave it; nil: it was not changed.
var given []string

// Given is the environment as the caller gave it: that of a command that is run for the
// caller.
func Given() []string {
	if given != nil {
		return given
	}
	return os.Environ()
}

// PinPrograms has no variable choose which programs are run here.
func PinPrograms() {
	keep()
	for _, kv := range given {
		name, _, _ := strings.Cut(kv, "=")
		switch known := commandline.Fold(name); {
		case known == "BROWSER", strings.HasPrefix(known, "LD_"), strings.HasPrefix(known, "DYLD_"):
			_ = os.Unsetenv(name)
		}
	}
	if browser.SystemPath != "" {
		_ = os.Setenv("PATH", browser.SystemPath)
	}
}

// LookPath is [exec.LookPath] in the PATH that the caller gave.
func LookPath(name string) (string, error) {
	now := os.Getenv("PATH")
	for _, kv := range given {
		if name, path, _ := strings.Cut(kv, "="); commandline.Fold(name) == "PATH" {
			_ = os.Setenv("PATH", path)
			defer os.Setenv("PATH", now) //nolint:errcheck // it was set before
		}
	}
	return exec.LookPath(name)
}

func keep() {
	if given == nil {
		given = os.Environ()
	}
}

// Pin takes from this process what a caller could choose by variables where settings
// are the system's alone: home and base directories come from the user's entry, and who
// vouches for a server, AWS's endpoints and the browser from no variable. It must be
// called before the system's roots are first used.
func Pin() error {
	home, err := userfile.EntryHome()
	if err != nil {
		return &fault.Error{Kind: fault.Storage, Err: err}
	}
	keep()
	for _, kv := range given {
		name, _, _ := strings.Cut(kv, "=")
		switch name := commandline.Fold(name); {
		case strings.HasPrefix(name, "SSL_CERT_"), strings.HasPrefix(name, "AWS_ENDPOINT_"), name == "AWS_CA_BUNDLE",
			name == "AWS_PROFILE", name == "AWS_DEFAULT_PROFILE", name == "BROWSER", strings.HasPrefix(name, "XDG_") &&
				strings.HasSuffix(name, "_HOME"):
			_ = os.Unsetenv(name)
		}
	}
	return userfile.SetHome(home)
}
