package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// commandError is a command that could not be started.
type commandError struct {
	argv []string
	err  error
}

func (e *commandError) Error() string {
	why := e.err
	if file, ok := errors.AsType[*fs.PathError](e.err); ok {
		why = file.Err
	} else if lookup, ok := errors.AsType[*exec.Error](e.err); ok {
		why = lookup.Err
	}
	switch {
	case errors.Is(why, exec.ErrNotFound) && filepath.Base(e.argv[0]) != e.argv[0]: // Windows alone
		return fmt.Sprintf("run %s: no such program; its name must end in an extension of PATHEXT (.exe, .cmd, ...)",
			e.argv[0])
	case errors.Is(why, exec.ErrNotFound):
		return fmt.Sprintf("run %s: no such command on the PATH", e.argv[0])
	}
	// In some of Windows' messages it stands for the file.
	return fmt.Sprintf("run %s: %s", e.argv[0], strings.ReplaceAll(why.Error(), "%1", filepath.Base(e.argv[0])))
}
func (e *commandError) Unwrap() error { return e.err }

// ExitsWith is what a shell says.
func (e *commandError) ExitsWith() int {
	if errors.Is(e.err, exec.ErrNotFound) || errors.Is(e.err, fs.ErrNotExist) {
		return command.ExitNotFound
	}
	return command.ExitNotRunnable
}

// notRun is a command that could not be started, and what may be meant by it.
func notRun(argv []string, err error) error {
	e := &commandError{argv, err}
	return fault.Hint(e, e.hints()...)
}

func (e *commandError) hints() []string {
	switch {
	case strings.Contains(e.argv[0], " ") && !exists(e.argv[0]):
		line := "sh -c 'LINE'"
		if commandline.Here == commandline.Windows {
			line = `cmd /c "LINE"`
		}
		return []string{"give the command and its arguments as separate words; for a shell line: -- " + line}
	case errors.Is(e.err, syscall.ENOEXEC) && isText(e.argv[0]):
		ours := os.Args[1 : len(os.Args)-len(e.argv)]
		return []string{"a script without #! needs its interpreter, here a shell: " +
			talk.Paste(slices.Concat([]string{"sso-exec"}, ours, []string{"sh"}, e.argv)...)}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// isText reports whether a file may be a script: what was built for another
// machine, or was cut short, is none for a shell.
func isText(name string) bool {
	path, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begin, err := io.ReadAll(io.LimitReader(f, 4096))
	return err == nil && len(begin) > 0 && bytes.IndexByte(begin, 0) < 0
}
