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
// that was asked for, and one warning that says what to do; so does a service.
// There is nobody to be signed out.
func TestNowhereToKeep(t *testing.T) {
	readOnly := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(readOnly, 0o555); err != nil { //nolint:gosec // somebody else must see it
		t.Fatal(err)
	}
	open(t, readOnly)
	b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1,
		Clients: []providertest.Client{{ID: "cli"}, {ID: "svc", Secret: serviceSecret}}})
	open(t, b.bin)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(serviceSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(secret, stranger(), -1); err != nil {
		t.Fatal(err)
	}
	open(t, secret)
	person := []string{"--client-id", "cli", "--flow", "device"}
	service := []string{"--client-id", "svc", "--flow", "client-credentials", "--client-secret-file", secret}
	for _, home := range []string{"/", "/root", readOnly} {
		for _, c := range []struct {
			command string
			as      []string
			stdout  string
		}{
			{"kube", person, "ExecCredential"},
			{"kube", service, "ExecCredential"},
			{"logout", person, "Nobody is signed in to "},
			{"logout", service, "Nobody is signed in to "},
		} {
			cmd := exec.Command(b.bin,
				append([]string{c.command, "--ca-data", encodeCA(b.idp.CAPEM()), "--issuer", b.idp.Issuer()}, c.as...)...)
			cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
			asStranger(cmd)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), c.stdout) {
				t.Errorf("HOME=%s %v: %v\nstdout: %s\nstderr: %s", home, cmd.Args, err, &stdout, &stderr)
			}
			if n := strings.Count(stderr.String(), "warning: "); n != 1 || !strings.Contains(stderr.String(), "--cache-dir") {
				t.Errorf("HOME=%s %v: %d warnings, want one that names --cache-dir\n%s", home, cmd.Args, n, &stderr)
			}
		}
	}
}

// TestDirectoryOfEverybody: a pod's emptyDir is root's, and everybody can write to
// it. Nothing is kept there until it is sticky, and the hint is one that a user
// without root's rights can follow.
func TestDirectoryOfEverybody(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "emptydir")
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, shared)
	b := newBench(t, providertest.Config{Clients: []providertest.Client{{ID: "svc", Secret: serviceSecret}}})
	open(t, b.bin)
	run := func(mode os.FileMode) (code int, stderr string) {
		t.Helper()
		if err := os.Chmod(shared, mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(b.bin, "token", "--flow", "client-credentials", "--ca-data", encodeCA(b.idp.CAPEM()), "--issuer",
			b.idp.Issuer(), "--client-id", "svc",
			"--cache-dir", filepath.Join(shared, "sso-exec"))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SSO_EXEC_CLIENT_SECRET=" + serviceSecret}
		asStranger(cmd)
		var text bytes.Buffer
		cmd.Stderr = &text
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), text.String()
	}
	hint := "chmod go-w " + shared
	if stranger() != os.Geteuid() {
		hint = "/dev/shm/sso-exec"
	}
	if code, stderr := run(0o777); code != exitStorage || !strings.Contains(stderr, hint) {
		t.Errorf("exit code %d, stderr %q, want %d and %q", code, stderr, exitStorage, hint)
	}
	for range 2 {
		if code, stderr := run(0o777 | os.ModeSticky); code != 0 || stderr != "" {
			t.Errorf("sticky: exit code %d, stderr %q", code, stderr)
		}
	}
	if n := b.idp.Requests().ClientCredentials; n != 1 {
		t.Errorf("%d requests, want one for both", n)
	}
}

// TestEmptyRoot: an image that has this program alone: no C library, home, /tmp, /dev,
// /etc, /proc, and a user id that nobody has, who can write nowhere but to a volume.
func TestEmptyRoot(t *testing.T) {
	b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1,
		Clients: []providertest.Client{{ID: "cli"}, {ID: "svc", Secret: serviceSecret}}})
	root := t.TempDir()
	program, err := os.ReadFile(b.bin)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(root, "sso-exec"), program, 0o755), //nolint:gosec // others run it
			os.Mkdir(filepath.Join(root, "volume"), 0o700), os.Chown(filepath.Join(root, "volume"), stranger(), -1),
			os.Chmod(root, 0o555)) //nolint:gosec // as above
	}
	if err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(root, "sso-exec"))
	run := func(env []string, args ...string) outcome {
		t.Helper()
		cmd := exec.Command("/sso-exec", args...)
		cmd.Env, cmd.Dir = append([]string{"SSO_EXEC_ISSUER=" + b.idp.Issuer(), "SSO_EXEC_CLIENT_ID=cli"}, env...), "/"
		asStranger(cmd)
		if cmd.SysProcAttr == nil { // who is not root may change the root in a namespace of users
			ids := []syscall.SysProcIDMap{{ContainerID: stranger(), HostID: stranger(), Size: 1}}
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids}
		}
		cmd.SysProcAttr.Chroot = root
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
	ca := "--ca-data=" + encodeCA(b.idp.CAPEM())
	service := []string{"SSO_EXEC_CLIENT_ID=svc", "SSO_EXEC_CLIENT_SECRET=" + serviceSecret}
	volume := []string{"SSO_EXEC_CACHE_DIR=/volume/cache"}
	for _, c := range []struct {
		env      []string
		args     []string
		code     int
		stdout   string
		warnings int
	}{
		{service, []string{"kube", "--flow=client-credentials", ca}, 0, "ExecCredential", 1},
		{nil, []string{"kube", "--flow=device", ca}, 0, "ExecCredential", 1},
		{nil, []string{"run", "--flow=device", "--token-env=T", ca, "--", "/sso-exec", "version"}, 0, "sso-exec ", 1},
		{volume, []string{"login", "--flow=device", ca}, 0, "", 0},
		{volume, []string{"kube", "--interactive=never", ca}, 0, "ExecCredential", 0},
		{volume, []string{"status", ca}, 0, b.idp.Issuer(), 0},
		{volume, []string{"logout", ca}, 0, "", 0},
		{volume, []string{"kube", ca}, exitLogin, "", 0}, // there is nobody to ask
	} {
		o := run(c.env, c.args...)
		if o.code != c.code || !strings.Contains(o.stdout, c.stdout) || strings.Count(o.stderr, "warning: ") != c.warnings {
			t.Errorf("%q: %d, want %d, %q, %d warnings: %s%s", c.args, o.code, c.code, c.stdout, c.warnings, o.stdout, o.stderr)
		}
	}
}

// asStranger runs a command as a user id that nobody has, if this is root, who
// could write anywhere.
func asStranger(cmd *exec.Cmd) {
	if id := stranger(); id != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(id),
			Gid: uint32(id)}} //nolint:gosec // it fits
	}
}

// stranger is that user id; who is not root can be nobody else.
func stranger() int {
	if os.Geteuid() == 0 {
		return 54321
	}
	return os.Geteuid()
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
