package terminal

import (
	"os"

	"golang.org/x/term"
)

// ReadSecret reads a line from a terminal, which does not show it.
func ReadSecret(f *os.File) ([]byte, error) { return term.ReadPassword(int(f.Fd())) }
