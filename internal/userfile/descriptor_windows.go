package userfile

import (
	"os"
)

// takeInherited: handles are inherited only if they were meant to be.
func takeInherited(int) bool { return true }

func isTerminal(_ int, st os.FileInfo) bool { return st.Mode()&os.ModeCharDevice != 0 }
