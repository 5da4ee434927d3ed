package place

import "golang.org/x/sys/unix"

// nameOf returns the name of a process, of which at most 16 bytes are kept: MAXCOMLEN of
// <sys/param.h>, as p_comm of a kinfo_proc (<sys/proc.h>), which sysctl(3) returns for
// KERN_PROC_PID (<sys/sysctl.h>; XNU, bsd/kern/kern_sysctl.c).
func nameOf(pid int) string {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.Proc.P_comm[:])
}
