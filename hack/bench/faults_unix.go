//go:build unix

package main

import (
	"os"
	"syscall"
)

// pageFaults is how often a process that has ended touched a page for the first time.
func pageFaults(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return usage.Minflt
	}
	return 0
}
