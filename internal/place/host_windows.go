package place

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// nameOf returns the name of a process.
func nameOf(pid int) string {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = windows.CloseHandle(all) }()
	p := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &p); err == nil; err = windows.Process32Next(all, &p) {
		if int64(p.ProcessID) == int64(pid) {
			return windows.UTF16ToString(p.ExeFile[:])
		}
	}
	return ""
}

// owner and listens: what they are asked for is only on Unix.
func (h host) owner(string) int { return -1 }

func (h host) listens(string) bool { return false }

// session is the session that this process is in. Services are in 0, which has
// no desktop that anybody sees; so is what is started over SSH.
func session() (uint32, bool) {
	var id uint32
	err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &id)
	return id, err == nil
}
