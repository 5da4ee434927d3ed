//go:build unix && !linux

package fast

import "syscall"

// harden keeps tokens out of core dumps, also those of what this process runs: a limit is
// inherited (getrlimit(2)), and XNU writes none that is not smaller (bsd/kern/kern_core.c).
func harden() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
}
