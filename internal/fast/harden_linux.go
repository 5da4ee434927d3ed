package fast

import "syscall"

// harden keeps the token out of core dumps and of other processes of this user
// (prctl(2), PR_SET_DUMPABLE), as the rest of the program does later.
func harden() {
	const setDumpable = 4
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
}
