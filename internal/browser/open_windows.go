package browser

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// SystemPath is empty: Windows looks into its own directories first.
const SystemPath = ""

func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// neutralDir is where a browser runs. Not the root of a drive: programs look
// for libraries in their working directory, and others may write there.
func neutralDir(getenv func(string) string) string { return systemDirectory(getenv) }

// systemDirectory asks Windows; the variable is only what somebody set.
func systemDirectory(getenv func(string) string) string {
	if dir, err := windows.GetSystemDirectory(); err == nil {
		return dir
	}
	return getenv("SystemRoot") + `\System32`
}

// closeInherited: a process is only given the handles that are named for it.
func closeInherited() {}
