// Spawn runs a program and prints how many KiB of it were resident at most. A process
// that is started counts what its parent had: this one is small.
package main

import (
	"os"
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
	_, _ = os.Stdout.WriteString(strconv.FormatInt(usage.Maxrss, 10))
}
