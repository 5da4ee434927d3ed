//go:build unix

// Spawn runs a program and prints how many bytes of it were resident at most. A process
// that is started counts what its parent had: this one is small.
package main

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
)

func main() {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil || len(os.Args) < 2 {
		os.Exit(2)
	}
	p, err := os.StartProcess(os.Args[1], os.Args[1:], &os.ProcAttr{Files: []*os.File{os.Stdin, null, os.Stderr}})
	if err != nil {
		os.Exit(2)
	}
	state, err := p.Wait()
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if err != nil || !ok || !state.Success() {
		os.Exit(1)
	}
	bytes := int64(usage.Maxrss)
	if runtime.GOOS == "linux" {
		bytes <<= 10 // getrusage(2)
	}
	_, _ = os.Stdout.WriteString(strconv.FormatInt(bytes, 10))
}
