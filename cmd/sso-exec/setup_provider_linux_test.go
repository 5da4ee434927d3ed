package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestSetupProviderReadOnlyConfig: that a config file cannot be written to is
// told before anybody signs in for nothing.
func TestSetupProviderReadOnlyConfig(t *testing.T) {
	const content = "version: 1\n"
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o444); err != nil { //nolint:gosec // somebody else must read it
		t.Fatal(err)
	}
	open(t, path)
	b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1})
	open(t, b.bin)
	setup := func(flags ...string) *exec.Cmd {
		cmd := exec.Command(b.bin, append([]string{"setup", "provider", "corp", "--config", path, "--flow", "device",
			"--ca-data", encodeCA(b.idp.CAPEM()), "--issuer", b.idp.Issuer(), "--client-id", "cli"}, flags...)...)
		cmd.Env = []string{"HOME=/", "PATH=" + os.Getenv("PATH")}
		asStranger(cmd)
		return cmd
	}
	cmd := setup("--yes")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitStorage || stdout.Len() > 0 ||
		!strings.Contains(stderr.String(), "the config file cannot be written") ||
		!strings.Contains(stderr.String(), "--dry-run") {
		t.Errorf("%v\nstdout: %s\nstderr: %s", err, &stdout, &stderr)
	}
	if n := b.idp.Requests().Device; n != 0 {
		t.Errorf("%d sign-ins were begun", n)
	}
	if out, err := setup("--dry-run").Output(); err != nil || !bytes.Contains(out, []byte("+  corp:")) {
		t.Errorf("--dry-run: %v\n%s", err, out)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != content {
		t.Errorf("%q, %v", now, err)
	}
}
