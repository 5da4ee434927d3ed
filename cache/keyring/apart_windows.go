package keyring

import "syscall"

// apart: the keychain is only tested here.
func apart() *syscall.SysProcAttr { return nil }
