//go:build unix

package userfile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// EntryHome is the home directory in the user's entry, whatever variables say. Where
// /etc/passwd does not have the entry, the system's getent is asked, which knows
// directories such as LDAP's.
func EntryHome() (string, error) {
	id := strconv.Itoa(os.Getuid())
	if u, err := user.LookupId(id); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/getent", "passwd", id)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	if f := strings.Split(strings.TrimSuffix(string(out), "\n"), ":"); err == nil && len(f) == 7 && filepath.IsAbs(f[5]) {
		return f[5], nil
	}
	return "", fmt.Errorf("user %s has no entry with a home directory", id)
}

// SetHome has this process's variables name a home.
func SetHome(home string) error { return os.Setenv("HOME", home) }

// EntryCacheDir is the cache directory below the home in the user's entry.
func EntryCacheDir() (string, error) {
	home, err := EntryHome()
	return filepath.Join(home, ".cache", "sso-exec"), err
}

// EntryStateDir is [StateDir] below the home in the user's entry.
func EntryStateDir() (string, error) {
	home, err := EntryHome()
	return filepath.Join(home, ".local", "state", "sso-exec"), err
}
