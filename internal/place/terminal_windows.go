package place

import "golang.org/x/sys/windows"

// lookAtTerminal looks at the console of this process. There is at most one,
// and no foreground.
func lookAtTerminal(bool) terminal {
	t := terminal{owner: -1}
	var mode uint32
	t.stderr = windows.GetConsoleMode(windows.Stderr, &mode) == nil
	in, err := openConsole("CONIN$")
	if err != nil {
		return t
	}
	defer func() { _ = windows.CloseHandle(in) }()
	out, err := openConsole("CONOUT$")
	if err != nil {
		return t
	}
	defer func() { _ = windows.CloseHandle(out) }()
	if windows.GetConsoleMode(in, &mode) == nil {
		t.open = true
		// As on Unix: off while a program takes keys one by one.
		t.raw = mode&windows.ENABLE_LINE_INPUT == 0
	}
	return t
}

func openConsole(name string) (windows.Handle, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
}
