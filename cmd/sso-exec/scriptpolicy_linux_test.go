package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// system runs a command of a script where $SYSTEM is /etc/sso-exec, $ENTRY_HOME is the
// home in root's entry, $SYSTEM_LOG has the journal's socket and nothing else takes a
// system's log, and with $AS_USER as that user: in a mount namespace of its own,
// so that the machine is not touched.
func system() {
	runtime.LockOSThread() // the namespace is the thread's, until it becomes the command
	must := func(what string, err error) {
		if err != nil {
			fatal(fmt.Errorf("system: %s: %w", what, err))
		}
	}
	must("unshare", unix.Unshare(unix.CLONE_NEWNS))
	must("private mounts", unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	if home := os.Getenv("ENTRY_HOME"); home != "" {
		must("home", unix.Mount(home, "/root", "", unix.MS_BIND, ""))
	}
	must("tmpfs", unix.Mount("tmpfs", "/mnt", "tmpfs", 0, "mode=0755"))
	for _, dir := range []string{"/mnt/upper", "/mnt/work", "/mnt/upper/sso-exec", "/mnt/bin"} {
		must("mkdir", os.Mkdir(dir, 0o755))
	}
	must("etc", unix.Mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work"))
	must("etc/sso-exec", unix.Mount(os.Getenv("SYSTEM"), "/etc/sso-exec", "", unix.MS_BIND, ""))
	if log := os.Getenv("SYSTEM_LOG"); log != "" {
		must("tmpfs", unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"))
		must("mkdir", os.MkdirAll("/run/systemd/journal", 0o755))
		must("journal", unix.Mount(log, "/run/systemd/journal", "", unix.MS_BIND, ""))
		if st, err := os.Lstat("/dev/log"); err == nil && st.Mode().Type() == os.ModeSocket {
			must("syslog", unix.Mount("/dev/null", "/dev/log", "", unix.MS_BIND, ""))
		}
	}
	path, err := exec.LookPath(os.Args[1])
	must("look", err)
	if user := os.Getenv("AS_USER"); user != "" {
		uid, err := strconv.Atoi(user)
		must("AS_USER", err)
		b, err := os.ReadFile(path)
		must("read", err)
		path = filepath.Join("/mnt/bin", filepath.Base(path))
		must("copy", os.WriteFile(path, b, 0o755)) //nolint:gosec // another user runs it
		must("mkdir", os.Mkdir("/mnt/home", 0o700))
		must("chown", os.Chown("/mnt/home", uid, uid))
		must("HOME", os.Setenv("HOME", "/mnt/home"))
		must("XDG", os.Unsetenv("XDG_CACHE_HOME"))
		must("cd", os.Chdir("/"))
		must("groups", unix.Setgroups(nil))
		must("gid", unix.Setresgid(uid, uid, uid))
		must("uid", unix.Setresuid(uid, uid, uid))
	}
	must("exec", unix.Exec(path, os.Args[1:], os.Environ()))
}

// canBeSystem reports whether system works here; where it does not, scripts that need it
// say so, and CI fails.
func canBeSystem() (bool, error) {
	if os.Geteuid() == 0 {
		return true, nil
	}
	if os.Getenv("CI") != "" {
		return false, fmt.Errorf("scripts about the system's policy need root: " +
			"sudo -E go test ./cmd/sso-exec -run TestScripts/policy")
	}
	fmt.Fprintln(os.Stderr, "NOT TESTED: the system's policy; that needs root")
	return false, nil
}

// cmdJournal listens where $SYSTEM_LOG has the journal's socket, and appends what comes
// to the file journal.txt, an empty line after each message.
func cmdJournal(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ts.Getenv("SYSTEM_LOG") + "/socket", Net: "unixgram"})
	ts.Check(err)
	f, err := os.Create(ts.MkAbs("journal.txt"))
	ts.Check(err)
	ts.Defer(func() { l.Close(); f.Close() })
	go func() {
		for b := make([]byte, 1<<16); ; {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			_, _ = f.Write(append(b[:n:n], '\n'))
		}
	}()
}
