package terminal

import (
	"fmt"
	"os"

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
// most one, and no background.
func Look(bool) Facts {
	f := Facts{Owner: -1}
	var mode uint32
	f.Stderr = windows.GetConsoleMode(windows.Stderr, &mode) == nil
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
	if windows.GetConsoleMode(windows.Handle(in.file.Fd()), &mode) == nil {
		f.Open = true
		// As on Unix: off while a program takes keys one by one.
		f.Raw = mode&windows.ENABLE_LINE_INPUT == 0
	}
	return f
}

// ReadSecret reads a line from a terminal, which does not show it.
func ReadSecret(f *os.File) ([]byte, error) { return term.ReadPassword(int(f.Fd())) }
