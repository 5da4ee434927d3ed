package userfile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-gethandleinformation
var getHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")

// takeInherited reports whether a handle is one that the parent has given us, and keeps
// it from programs that we start: those that Go and we open are not inherited from the
// beginning. 0 is stdin, as everywhere: no handle has that number.
func takeInherited(fd int) (handle uintptr, ok bool) {
	if fd == 0 { // the command of run has it
		h, err := windows.GetStdHandle(windows.STD_INPUT_HANDLE)
		return uintptr(h), err == nil && h != 0
	}
	if fd%4 != 0 { // Windows does not look at the last two bits: 9 would be 8
		return 0, false
	}
	var flags uint32
	got, _, _ := getHandleInformation.Call(uintptr(fd), uintptr(unsafe.Pointer(&flags)))
	if got == 0 || flags&windows.HANDLE_FLAG_INHERIT == 0 {
		return 0, false
	}
	return uintptr(fd), windows.SetHandleInformation(windows.Handle(fd), windows.HANDLE_FLAG_INHERIT, 0) == nil
}

// instead says what to give: cmd and PowerShell open no other descriptor.
func instead(int) string {
	return "pipe the secret into --client-secret-fd 0, or use --client-secret-file or --client-secret-command"
}

func isTerminal(_ int, st os.FileInfo) bool { return st.Mode()&os.ModeCharDevice != 0 }
