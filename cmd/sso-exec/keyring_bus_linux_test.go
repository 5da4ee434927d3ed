package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestBusOfAnother: a refresh token goes to no bus but a unix: socket of this
// user's or root's, however the caller names another; nothing is sent there.
func TestBusOfAnother(t *testing.T) {
	u := newUsers(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	dir := t.TempDir()
	open(t, filepath.Join(dir, "x"))
	listen := func(path string, uid int) net.Listener {
		t.Helper()
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if path[0] != '@' && os.Geteuid() == 0 {
			if err := errors.Join(os.Chown(path, uid, uid),
				os.Chmod(path, 0o777)); err != nil { //nolint:gosec // whoever may connect
				t.Fatal(err)
			}
		}
		return l
	}
	heard := make(chan string, 100)
	hear := func(name string, l net.Listener) {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				b := make([]byte, 100)
				if n, _ := c.Read(b); n > 0 {
					heard <- name
				}
				c.Close()
			}
		}()
	}
	hear("tcp", tcp)
	port := tcp.Addr().(*net.TCPAddr).Port
	good := filepath.Join(dir, "gone")
	refused := map[string]string{
		"tcp":            fmt.Sprintf("tcp:host=127.0.0.1,port=%d", port),
		"tcp, upper":     fmt.Sprintf("TCP:host=127.0.0.1,port=%d", port),
		"nonce-tcp":      fmt.Sprintf("nonce-tcp:host=127.0.0.1,port=%d,noncefile=/dev/null", port),
		"second":         fmt.Sprintf("unix:path=%s;tcp:host=127.0.0.1,port=%d", good, port),
		"after nothing":  fmt.Sprintf(";tcp:host=127.0.0.1,port=%d", port),
		"behind auto":    fmt.Sprintf("unix:path=/gone;autolaunch:;tcp:host=127.0.0.1,port=%d", port),
		"unixexec":       "unixexec:path=/bin/sh,argv1=-c,argv2=touch%20" + filepath.Join(dir, "ran"),
		"launchd":        "launchd:env=DBUS_LAUNCHD_SESSION_BUS_SOCKET",
		"no transport":   "/run/user/1000/bus",
		"relative":       "unix:path=bus",
		"twice":          "unix:path=" + good + ",path=/tmp/other",
		"both":           "unix:path=" + good + ",abstract=x",
		"a bad escape":   "unix:path=%zz",
		"not a socket":   "unix:path=/etc/passwd",
		"only a runtime": "unix:runtime=yes",
	}
	me := os.Geteuid()
	if me == 0 {
		me = alice
		theirs := filepath.Join(dir, "theirs")
		hear("theirs", listen(theirs, mallory))
		open := filepath.Join(dir, "open")
		givenDir(t, open, mallory, mallory, 0o777|os.ModeSticky)
		hear("open", listen(filepath.Join(open, "bus"), alice))
		if err := os.Symlink(theirs, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		refused["of another user"] = "unix:path=" + theirs
		refused["a link to another user's"] = "unix:path=" + filepath.Join(dir, "link") +
			",guid=0123456789abcdef0123456789abcdef"
		refused["in another user's directory"] = "unix:path=" + filepath.Join(open, "bus")
		refused["escaped"] = "unix:path=%2f" + strings.TrimPrefix(theirs, "/")
	}
	home := filepath.Join(dir, "home")
	givenDir(t, home, me, me, 0o700)
	try := func(name string, env ...string) outcome {
		return u.runAs(me, me, nil, append(env, "HOME="+dir, "SSO_EXEC_STORE=keyring"),
			"kube", "--cache-dir", filepath.Join(home, "cache"), "--flow", "device", "--issuer", u.idp.Issuer(), "--ca-data",
			encodeCA(u.idp.CAPEM()), "--client-id", "cli")
	}
	for name, address := range refused {
		if o := try(name, "DBUS_SESSION_BUS_ADDRESS="+address); o.code != exitStorage || o.stdout != "" ||
			!strings.Contains(o.stderr, "is not used") {
			t.Errorf("%s: exit code %d, %s", name, o.code, o.stderr)
		}
	}
	if os.Geteuid() == 0 {
		runtime := filepath.Join(dir, "runtime")
		givenDir(t, runtime, alice, alice, 0o755)
		hear("runtime", listen(filepath.Join(runtime, "bus"), mallory))
		for _, auto := range []string{"", "autolaunch:", "autolaunch:scope=*user"} {
			if o := try("runtime", "XDG_RUNTIME_DIR="+runtime, "DBUS_SESSION_BUS_ADDRESS="+auto); o.code != exitStorage ||
				!strings.Contains(o.stderr, "belongs to user 54322") {
				t.Errorf("$XDG_RUNTIME_DIR, %q: exit code %d, %s", auto, o.code, o.stderr)
			}
		}
	}
	select {
	case name := <-heard:
		t.Errorf("something was sent to %s", name)
	default:
	}
	if exists(filepath.Join(dir, "ran")) {
		t.Error("a program was run")
	}
	// One's own, and root's, is spoken to: it hears us, whatever else comes of it.
	for name, path := range map[string]string{"own": filepath.Join(dir, "mine"),
		"abstract": "@sso-exec-test-" + strconv.Itoa(os.Getpid())} {
		hear(name, listen(path, me))
		address := "unix:path=" + path
		if path[0] == '@' {
			address = "unix:abstract=" + path[1:]
		}
		o := try(name, "DBUS_SESSION_BUS_ADDRESS="+address)
		if o.code != exitStorage {
			t.Errorf("%s: exit code %d, %s", name, o.code, o.stderr)
		}
		select {
		case who := <-heard:
			if who != name {
				t.Errorf("%s: %s was spoken to", name, who)
			}
		case <-time.After(patience):
			t.Errorf("%s was not spoken to: %s", name, o.stderr)
		}
	}
}
