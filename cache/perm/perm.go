// Package perm judges who else could change what is at a path: who can rename an
// entry of one of the directories that lead there can put a file or a directory
// of their own in its place. It opens directories that only this user can open, and
// files in them. It also decides which commands may be suggested to fix that.
package perm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// UnsafeError says that a file or directory that is ours could be read or replaced by
// somebody else. It is never repaired quietly: Fix is the command for the user to
// run once they know why. It is empty where a command could do harm; Hint then says
// what else helps, and ends with the directory to use instead; empty: any other one.
type UnsafeError struct {
	Path string
	Why  string
	Fix  string
	Hint string
}

func (e *UnsafeError) Error() string { return e.Path + " " + e.Why }

// Is tells the kind of the failure.
func (e *UnsafeError) Is(kind error) bool { return kind == fault.Storage }

// ErrTooLarge is in the chain of the error about a file that is larger than it can be.
var ErrTooLarge = errors.New("the file is too large")

// Command returns a command for a shell that does something to a file or a
// directory, which it names by its absolute path. It returns nothing where that
// could do harm: to the system's own places, to a directory that holds other
// people's, and to what is not this user's. The advice is another path then.
func Command(verb, path string) string {
	abs, err := filepath.Abs(path)
	if err != nil || !isOwn(abs) {
		return ""
	}
	// The path as it is written, and where it leads.
	all := []string{abs}
	if end, err := filepath.EvalSymlinks(abs); err == nil {
		all = append(all, end)
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		all = append(all, filepath.Join(dir, filepath.Base(abs)))
	}
	if slices.ContainsFunc(all, isSystem) {
		return ""
	}
	return verb + " " + abs
}

// isSystem reports whether a path is the system's, or is a directory in which
// several people have theirs. Systems that ignore case need no rule of their own:
// one path too many here costs only a suggestion.
func isSystem(path string) bool {
	path = strings.ToLower(path)
	if path == filepath.Dir(path) || slices.Contains(shared, path) {
		return true
	}
	if home, err := os.UserHomeDir(); err == nil && isBelow(strings.ToLower(filepath.Clean(home)), path) {
		return true
	}
	return slices.ContainsFunc(systemTrees(), func(tree string) bool { return path == tree || isBelow(path, tree) })
}

func isBelow(path, dir string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}
