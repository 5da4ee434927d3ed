package userfile

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// Home returns the user's home directory, an absolute path: $HOME (on Windows
// %USERPROFILE%), and where that is not set (a service, env -i) the one in the
// user's entry of /etc/passwd. A variable that is empty or relative is an error:
// whoever sets it so means no home.
func Home() (string, error) {
	home, err := os.UserHomeDir()
	if _, set := os.LookupEnv("HOME"); err != nil && !set {
		if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
			return u.HomeDir, nil
		}
		return "", errors.New("HOME is not set, and this user has no home in /etc/passwd")
	}
	switch {
	case err != nil:
		return "", errors.New("HOME is empty")
	case !filepath.IsAbs(home):
		return "", fmt.Errorf("HOME is not an absolute path: %q", home)
	}
	return home, nil
}

// Expand puts the home in the place of a ~ that is all of a path's first part.
// Any other ~ is a character like others, also in ~user. A path of Windows on another
// system (in WSL) is an error: it would be a file of that name here.
func Expand(path string) (string, error) {
	drive := len(path) > 2 && path[1] == ':' && strings.ContainsAny(path[2:3], `\/`)
	if (drive || strings.HasPrefix(path, `\\`)) && filepath.VolumeName(path) == "" {
		return "", fmt.Errorf("%s is a path of Windows: use what wslpath prints for it", path)
	}
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := Home()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return filepath.Join(home, rest), nil
}

// StateDir returns where this program keeps what it has done; nothing where that has
// no place: no home, or one that this user cannot write to, as in many pods, and no
// variable that names another.
func StateDir() string {
	base := stateBase()
	if base == "" {
		return ""
	}
	dir := filepath.Join(base, "sso-exec")
	if home, err := Home(); err == nil && base == filepath.Join(home, ".local", "state") && !canWrite(home) {
		if _, err := os.Stat(dir); err != nil {
			return ""
		}
	}
	return dir
}

// TrailDir is [StateDir], or below the home in the user's entry, whatever variables say.
func TrailDir(entry bool) string {
	if !entry {
		return StateDir()
	}
	dir, err := EntryStateDir()
	if err != nil {
		return "" // where a trail is required, that is said
	}
	return dir
}

// BaseDir returns a directory of the XDG Base Directory Specification: that of a
// variable, unless it is relative, else name below the home; or nothing if there
// is neither.
func BaseDir(variable, name string) string {
	if dir, err := Expand(strings.TrimSpace(os.Getenv(variable))); err == nil && filepath.IsAbs(dir) {
		return dir
	}
	home, err := Home()
	if err != nil {
		return ""
	}
	return filepath.Join(home, name)
}
