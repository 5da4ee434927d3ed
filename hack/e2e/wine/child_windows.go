package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// roles are what this program is under these words as its first argument.
var roles = map[string]func(args []string) (code int, err error){
	"child":   child,
	"wait":    wait,
	"watch":   watch,
	"inherit": inherit,
}

// child says on stdout what it was given, a word on stderr, and ends with a code.
func child(args []string) (int, error) {
	code, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return 0, err
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 0, err
	}
	// By Windows' own rules; Go has its own for os.Args.
	words, err := windows.DecomposeCommandLine(windows.UTF16PtrToString(windows.GetCommandLine()))
	if err != nil {
		return 0, err
	}
	var file []byte // the one that a variable names
	if variable, ok := strings.CutPrefix(args[len(args)-1], "read:"); ok {
		if file, err = os.ReadFile(os.Getenv(variable)); err != nil {
			return 0, err
		}
	}
	fmt.Fprintln(os.Stderr, "the child's stderr")
	return int(code), json.NewEncoder(os.Stdout).Encode(map[string]any{
		"args": words[3:], "env": os.Environ(), "stdin": string(stdin), "file": string(file),
	})
}

// wait is a program that Ctrl-C ends: at once, or in its own way with a code.
func wait(args []string) (int, error) {
	interrupts := make(chan os.Signal, 1)
	if len(args) == 1 {
		signal.Notify(interrupts, os.Interrupt)
	}
	fmt.Println("the child waits")
	select {
	case <-interrupts:
		fmt.Println("the child was interrupted")
	case <-time.After(time.Minute):
	}
	return strconv.Atoi(args[0])
}

// watch says how a program has ended: of its exit code Linux sees the last eight bits.
// Ctrl-C is the program's.
func watch(args []string) (int, error) {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "ended with %d\n", uint32(cmd.ProcessState.ExitCode()))
	return 0, nil
}

// inherit runs a program that inherits a handle of a file, whose number is added to its
// last argument.
func inherit(args []string) (int, error) {
	f, err := os.Open(args[0])
	if err != nil {
		return 0, err
	}
	defer f.Close()
	handle := windows.Handle(f.Fd())
	if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
		return 0, err
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Args[len(cmd.Args)-1] += strconv.Itoa(int(handle))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{AdditionalInheritedHandles: []syscall.Handle{syscall.Handle(handle)}}
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
