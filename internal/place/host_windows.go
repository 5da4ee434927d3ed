package place

import "golang.org/x/sys/windows"

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
