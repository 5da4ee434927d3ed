package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestNotDumpable: while it runs, another process of the same user can neither
// trace it nor read its memory or environment; the kernel shows that by giving
// its files in /proc to root. Run as root, the test runs the command as somebody else.
func TestNotDumpable(t *testing.T) {
	b := newBench(t, providertest.Config{})
	cmd := exec.Command(b.bin, "token", "--flow", "device", "--store", "none", "--ca-file", "", "--ca-data",
		encodeCA(b.idp.CAPEM()))
	cmd.Env = b.env
	asStranger(cmd)
	open(t, b.bin)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for lines := bufio.NewScanner(stderr); ; {
		if !lines.Scan() {
			t.Fatal("no prompt")
		}
		if strings.Contains(lines.Text(), "Enter this code") {
			break
		}
	}
	st, err := os.Stat(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("/proc/PID/environ belongs to user %d, so that user can read it", uid)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Fields(rest)[0] != "0" {
			t.Errorf("core dumps: %s", line)
		}
	}
}
