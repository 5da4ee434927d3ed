package perm

import (
	"os"
	"path/filepath"
	"strings"
)

// Windows file modes say nothing about access, and the access lists of the
// directories above are the user's own affair.

// Check finds nothing.
func Check(string) error { return nil }

func isOwn(string) bool { return true }

// shared are directories that hold what is many people's: an access list for one of them
// alone would lock out the others.
var shared = []string{`c:\users`, `c:\users\public`, `c:\users\default`}

func systemTrees() (trees []string) {
	for _, name := range []string{"SystemRoot", "ProgramFiles", "ProgramFiles(x86)", "ProgramW6432", "ProgramData"} {
		if dir := os.Getenv(name); filepath.IsAbs(dir) {
			trees = append(trees, strings.ToLower(filepath.Clean(dir)))
		}
	}
	return append(trees, `c:\windows`, `c:\program files`, `c:\program files (x86)`, `c:\programdata`)
}
