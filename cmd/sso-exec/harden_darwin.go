package main

import "golang.org/x/sys/unix"

// harden keeps debuggers of the same user out of this process's memory (ptrace(2),
// PT_DENY_ATTACH); package fast has seen to core dumps. A process that is traced from its
// beginning, as by lldb, ends here with status 45: so XNU has it
// (bsd/kern/mach_process.c).
func harden() { _ = unix.PtraceDenyAttach() }
