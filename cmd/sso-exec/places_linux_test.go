package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestNowhereToKeep: a user without a home (a container's random user id with
// HOME=/, sudo -u that keeps root's HOME, a read-only home) gets the credential
// that was asked for, and one warning that says what to do.
func TestNowhereToKeep(t *testing.T) {
	readOnly := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(readOnly, 0o555); err != nil { //nolint:gosec // somebody else must see it
		t.Fatal(err)
	}
	open(t, readOnly)
	for _, home := range []string{"/", "/root", readOnly} {
		b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1})
		open(t, b.bin)
		cmd := exec.Command(b.bin, "kube", "--flow", "device", "--ca-data", encodeCA(b.idp.CAPEM()),
			"--issuer", b.idp.Issuer(), "--client-id", "cli")
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		asStranger(cmd)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), "ExecCredential") {
			t.Errorf("HOME=%s: %v\nstdout: %s\nstderr: %s", home, err, &stdout, &stderr)
		}
		if n := strings.Count(stderr.String(), "--cache-dir"); n != 1 {
			t.Errorf("HOME=%s: %d warnings that name --cache-dir, want one\n%s", home, n, &stderr)
		}
	}
}

// asStranger runs a command as a user id that nobody has, if this is root, who
// could write anywhere.
func asStranger(cmd *exec.Cmd) {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	}
}

// open lets that user reach a file of the test's.
func open(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil && !errors.Is(err, os.ErrPermission) { //nolint:gosec // see above
			t.Fatal(err)
		}
	}
}
