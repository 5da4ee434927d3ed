//go:build unix

package keyring

import "syscall"

// apart gives a command a process group of its own, to which the terminal's keys do not
// speak. Windows that ask for a password belong to the login session, not to the group.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
