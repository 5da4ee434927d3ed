package fast

import "syscall"

// harden keeps tokens out of core dumps, and other processes of the same user out of
// this one's memory and environment (prctl(2), PR_SET_DUMPABLE). Where the system
// refuses, the run goes on: it is a second line.
func harden() {
	const setDumpable = 4
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
}
