//go:build unix

package awsconfig

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// variablePattern is a variable to Python's expandvars.
const variablePattern = `\$\w+|\$\{[^}]*\}`

// onlyOurs refuses a file with hard links, whose other name would keep the old
// text, and one of another user, which would become ours.
func onlyOurs(st os.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case sys.Nlink > 1:
		return errors.New("it has hard links, which would keep the old text; edit it by hand")
	case os.Geteuid() != 0 && int(sys.Uid) != os.Geteuid(): // root keeps the owner
		return fmt.Errorf("it belongs to user %d; edit it by hand", sys.Uid)
	}
	return nil
}
