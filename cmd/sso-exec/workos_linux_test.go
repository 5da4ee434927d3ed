package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestInterruptedWhileAnswersAreLost: an interrupt ends the tries at once.
func TestInterruptedWhileAnswersAreLost(t *testing.T) {
	b, w, idp := newWorkOSBench(t, "org_a=Acme")
	b.mustRun(t, "login")
	b.expire(t)
	w.SetOption("lose", "all")
	cmd := exec.Command(b.bin, "token")
	cmd.Env = b.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); idp.Counts().Lost < 2 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	w.SetOption("lose", "")
	b.mustRun(t, "token")
	if c := idp.Counts(); c.Reuses != 0 || c.Rotations != 1 || !idp.Live(refreshTokenOf(t, b)) {
		t.Errorf("%+v", c)
	}
}
