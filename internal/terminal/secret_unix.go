//go:build unix

package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ReadSecret reads a line from a terminal, which does not show it; err is io.EOF
// where the input ends (Ctrl-D) before there is any. Whoever gives up on it puts
// the terminal's mode back: see golang.org/x/term's GetState.
//
// That package's own ReadPassword takes no end of input for one, and goes on.
func ReadSecret(f *os.File) ([]byte, error) {
	before, err := getMode(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	mode := *before
	mode.Lflag &^= unix.ECHO
	mode.Lflag |= unix.ICANON | unix.ISIG
	mode.Iflag |= unix.ICRNL
	if err := setMode(int(f.Fd()), &mode); err != nil {
		return nil, err
	}
	defer func() { _ = setMode(int(f.Fd()), before) }()
	var line []byte
	for one := make([]byte, 1); ; { // byte by byte: what follows the line is for others
		switch n, err := f.Read(one); {
		case n > 0 && one[0] == '\n', err == io.EOF && len(line) > 0: //nolint:errorlint // os.File's own
			return line, nil
		case n > 0:
			line = append(line, one[0])
		case err != nil:
			return nil, err
		}
	}
}
