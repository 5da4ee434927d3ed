package terminal

import "golang.org/x/sys/windows"

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
