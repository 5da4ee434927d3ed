package kubeconfig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Files are the kubeconfig files that kubectl would read, in its order: what is
// in several of them counts as it is in the first.
type Files []string

// Preferences is the file of kubectl's own settings, kuberc: that of KUBERC, else
// ~/.kube/kuberc; empty if it is off, or there is no home. It need not be there.
func Preferences() string {
	switch path, home := os.Getenv("KUBERC"), home(); {
	case path == "off" || path == "" && home == "":
		return ""
	case path != "":
		return path
	default:
		return filepath.Join(home, ".kube", "kuberc")
	}
}

// Find returns explicit (kubectl's --kubeconfig) if it is given, else the files
// of KUBECONFIG without its empty entries and repeats, else ~/.kube/config. None
// of them need be there.
func Find(explicit string) (Files, error) {
	if explicit != "" {
		return Files{explicit}, nil
	}
	if v := os.Getenv("KUBECONFIG"); v != "" {
		var files Files
		for _, f := range filepath.SplitList(v) {
			if strings.HasPrefix(f, "~/") {
				return nil, fmt.Errorf("KUBECONFIG: kubectl does not expand the ~ of %s: write the whole path", f)
			}
			if f != "" && !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
		if len(files) == 0 {
			return nil, errors.New("KUBECONFIG names no file")
		}
		return files, nil
	}
	home := home()
	if home == "" {
		return nil, errors.New("no home directory for .kube/config: set HOME or KUBECONFIG")
	}
	return Files{filepath.Join(home, ".kube", "config")}, nil
}

// Default returns the file that gets what is in none yet, and the current
// context: the first that is there, else the last (PathOptions.GetDefaultFilename
// of client-go).
func (f Files) Default() string {
	for _, path := range f {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return f[len(f)-1]
}

// windowsHome prefers a directory that has a .kube\config, in an order that is
// older than that of the rest, then one that is there.
func windowsHome(home, profile, drive string) string {
	for _, dir := range []string{home, drive, profile} {
		if _, err := os.Stat(filepath.Join(dir, ".kube", "config")); dir != "" && err == nil {
			return dir
		}
	}
	var first string
	for _, dir := range []string{home, profile, drive} {
		if dir == "" {
			continue
		}
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir
		}
		if first == "" {
			first = dir
		}
	}
	return first
}

// Read reads a file. One that is not there is an [os.ErrNotExist]; the null
// device is empty.
func Read(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if path == os.DevNull {
		return nil, nil
	}
	if !userfile.IsRegular(st) { // a pipe could keep us waiting, and cannot be written back
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(b) > maxSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxSize)
	}
	return b, err
}
