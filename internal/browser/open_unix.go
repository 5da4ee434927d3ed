//go:build unix

package browser

import (
	"os"
	"strconv"
	"syscall"
)

// SystemPath is where programs are looked for that no variable may choose.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"

// detached gives the browser a session of its own.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// neutralDir is where a browser runs.
func neutralDir(func(string) string) string { return "/" }

// systemDirectory is Windows' own; here it is only looked for in tests.
func systemDirectory(getenv func(string) string) string { return getenv("SystemRoot") + `\System32` }

// closeInherited keeps files from the browser that our parent had open and
// handed down, such as the lock of a script: the browser would hold it for as
// long as it runs. Go sees to those that we opened.
func closeInherited() {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}
