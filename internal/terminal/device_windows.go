package terminal

import (
	"context"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// openScreen opens the console's active screen buffer.
func openScreen() (*os.File, error) {
	f, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("no console: %w", err)
	}
	return f, nil
}

// prepare tells whether f is a console, and turns on its escape sequences.
// Windows before 10 has none. They stay on: other programs on this console use
// them as well, and may have turned them on.
func prepare(f *os.File) (isTerminal, sequences bool) {
	h := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(h, &mode) != nil {
		return false, false
	}
	const want = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	return true, mode&want == want || windows.SetConsoleMode(h, mode|want) == nil
}

func size(f *os.File) (columns, rows int) {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0, 0
	}
	return int(info.Window.Right-info.Window.Left) + 1, int(info.Window.Bottom-info.Window.Top) + 1
}

// foreground: Windows has no background of that kind.
func foreground(*os.File) bool { return true }

// typed: a console echoes nothing before it is read.
func (t *Terminal) typed() bool { return false }

// watchContinue: nor are processes stopped and continued.
func watchContinue(func()) (stop func()) { return func() {} }

// Look looks at the console of this process, and changes nothing. There is at
// most one, and no background. In a terminal of Cygwin's or MSYS2's, as Git Bash's, it is
// one that nobody sees: a prompt goes to stderr, and nothing is read.
func Look(bool) Facts {
	f := Facts{Owner: -1}
	if f.Stderr = isConsole(windows.Stderr); !f.Stderr {
		// Stdin is not asked for its name: a parent that reads from it would hold that up.
		f.Stderr = isPTY(windows.Stderr)
		if f.Stderr || isPTY(windows.Stdout) || os.Getenv("TERM_PROGRAM") == "mintty" && // Git Bash's
			!isConsole(windows.Stdin) && !isConsole(windows.Stdout) {
			return f
		}
	}
	in, err := openKeyboard()
	if err != nil {
		return f
	}
	defer in.close()
	out, err := openScreen()
	if err != nil {
		return f
	}
	defer out.Close()
	var mode uint32
	if windows.GetConsoleMode(windows.Handle(in.file.Fd()), &mode) == nil {
		f.Open = true
		// As on Unix: off while a program takes keys one by one.
		f.Raw = mode&windows.ENABLE_LINE_INPUT == 0
	}
	return f
}

func isConsole(h windows.Handle) bool {
	var mode uint32
	return windows.GetConsoleMode(h, &mode) == nil
}

// isPTY recognizes a terminal of Cygwin's or MSYS2's, which to Windows is a pipe, by the
// pipe's name: \msys-1888ae32e00d56aa-pty0-to-master (winsup/cygwin/fhandler/pty.cc).
func isPTY(h windows.Handle) bool {
	if kind, err := windows.GetFileType(h); err != nil || kind != windows.FILE_TYPE_PIPE {
		return false
	}
	var info struct { // FILE_NAME_INFO
		length uint32 // in bytes
		name   [windows.MAX_PATH]uint16
	}
	if windows.GetFileInformationByHandleEx(h, windows.FileNameInfo, (*byte)(unsafe.Pointer(&info)),
		uint32(unsafe.Sizeof(info))) != nil {
		return false
	}
	name := windows.UTF16ToString(info.name[:min(info.length/2, windows.MAX_PATH)])
	name = name[strings.LastIndexByte(name, '\\')+1:]
	return (strings.HasPrefix(name, "msys-") || strings.HasPrefix(name, "cygwin-")) && strings.Contains(name, "-pty") &&
		strings.Contains(name, "-master")
}

// ReadSecret reads a line from a terminal, which does not show it. It does not end with
// ctx.
func ReadSecret(ctx context.Context, f *os.File) ([]byte, error) {
	b, err := term.ReadPassword(int(f.Fd()))
	if err != nil {
		awaitInterrupt(ctx)
	}
	return b, err
}
