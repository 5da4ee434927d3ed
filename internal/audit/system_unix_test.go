//go:build unix

package audit

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// listen is a log of the machine: a socket of datagrams.
func listen(t *testing.T, name string) (path string, next func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "log") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, name)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path, func() string {
		b := make([]byte, 1<<16)
		_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

const nowhere = "/nonexistent/log"

// The journal gets fields of its native protocol, else syslog a line. What is sent
// there is the line of the file.
func TestSystemLog(t *testing.T) {
	journal, fromJournal := listen(t, "journal")
	syslog, fromSyslog := listen(t, "log")
	tr := newTrail(t)
	tr.Required, tr.system = true, systemLog{journal, []string{nowhere, syslog}}
	event := Event{Event: Refused, Result: "denied", Subject: "a\nPRIORITY=0\nb=\"c\"", Tool: "kube"}
	if err := errors.Join(tr.Ready(), tr.Record(event)); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	message := fromJournal()
	if !strings.HasSuffix(message, "\n") {
		t.Errorf("the last field has no end: %q", message)
	}
	for line := range strings.Lines(message) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || !regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`).MatchString(name) || fields[name] != "" {
			t.Errorf("no field of a journal's: %q", line)
		}
		fields[name] = value
	}
	b, err := os.ReadFile(filepath.Join(tr.Dir, fileName))
	if err != nil || fields["MESSAGE"]+"\n" != string(b) || fields["PRIORITY"] != "6" ||
		fields["SYSLOG_FACILITY"] != "10" ||
		fields["SYSLOG_IDENTIFIER"] != "sso-exec" || fields["SSO_EXEC_EVENT"] != "refused" ||
		fields["SSO_EXEC_RESULT"] != "denied" || len(fields) != 6 {
		t.Errorf("%v, %v\nfile: %s", err, fields, b)
	}

	tr.system.journal = nowhere
	if err := tr.Record(event); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`^<86>([A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8}) sso-exec\[[0-9]+\]: (\{.*\})\n$`).
		FindStringSubmatch(fromSyslog())
	var e Event
	if m == nil || json.Unmarshal([]byte(m[2]), &e) != nil || e.Result != "denied" || e.Tool != "kube" {
		t.Errorf("%q", m)
	}
}

// Where the trail is required one of the two is enough, which costs one warning.
// With neither there is an error of the kind storage, before anything is done too.
func TestRequired(t *testing.T) {
	for _, file := range []bool{true, false} {
		for _, log := range []bool{true, false} {
			said := 0
			tr := newTrail(t)
			tr.Required, tr.Warn, tr.system = true, func(string) { said++ }, systemLog{nowhere, []string{}}
			if log {
				tr.system.journal, _ = listen(t, "journal")
			}
			if !file {
				if err := os.WriteFile(tr.Dir, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ready := tr.Ready()
			err := tr.Record(Event{Event: SignIn})
			_ = tr.Record(Event{Event: SignIn})
			if want := file || log; (err == nil) != want || (ready == nil) != want || !want && (!errors.Is(err, fault.Storage) ||
				!errors.Is(ready, fault.Storage)) || (said == 1) != (file != log) || said > 1 {
				t.Errorf("file %v, log %v: %v, %v, %d warnings", file, log, ready, err, said)
			}
		}
	}
}

// A log that does not read holds nobody up for long.
func TestSystemLogThatHangs(t *testing.T) {
	path, _ := listen(t, "journal")
	l := systemLog{path, []string{}}
	for began := time.Now(); ; {
		err := l.write(Event{Event: Refresh})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil || time.Since(began) > time.Minute {
			t.Fatalf("the socket's buffer does not fill up: %v", err)
		}
	}
}

// A trail that somebody else could read, replace or have put there is not written
// to: not the file, not its directory, not what a link leads to. Nothing hangs.
func TestUnsafeTrail(t *testing.T) {
	file := func(do func(path string) error) func(dir string) error {
		return func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), do(filepath.Join(dir, fileName)))
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	cases := map[string]func(dir string) error{
		"a link":         file(func(path string) error { return os.Symlink(elsewhere, path) }),
		"a FIFO":         file(func(path string) error { return unix.Mkfifo(path, 0o600) }),
		"a directory":    file(func(path string) error { return os.Mkdir(path, 0o700) }),
		"open to others": file(func(path string) error { return os.WriteFile(path, nil, 0o644) }),
		"a hard link": file(func(path string) error {
			return errors.Join(os.WriteFile(path+"x", nil, 0o600), os.Link(path+"x", path))
		}),
		"a lock that is a link": file(func(path string) error {
			return os.Symlink(elsewhere, filepath.Join(filepath.Dir(path), lockName))
		}),
		"a directory that is a link": func(dir string) error {
			return errors.Join(os.Mkdir(dir+".real", 0o700), os.Symlink(dir+".real", dir))
		},
		"a directory open to others": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o711))
		},
		"a file in place of the directory": func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"a parent that others can write to": func(dir string) error {
			return os.Chmod(filepath.Dir(dir), 0o777)
		},
	}
	if os.Geteuid() == 0 {
		cases["another user's"] = file(func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 4711, -1))
		})
		cases["another user's directory"] = func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 4711, -1))
		}
	}
	for name, lay := range cases {
		t.Run(name, func(t *testing.T) {
			said := 0
			parent := filepath.Join(t.TempDir(), "parent")
			tr := &Trail{Dir: filepath.Join(parent, "state"), Warn: func(string) { said++ }}
			if err := errors.Join(os.Mkdir(parent, 0o700), lay(tr.Dir)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := tr.Record(Event{Event: SignIn}); err != nil {
					t.Error(err)
				}
			}
			if said != 1 {
				t.Errorf("%d warnings", said)
			}
			if _, err := os.Stat(elsewhere); err == nil {
				t.Error("written where a link leads")
			}
			if _, err := Read(tr.Dir, func(Event) { t.Error("an event") }); err == nil && !strings.HasPrefix(name, "a lock") {
				t.Error("it was read")
			}
		})
	}
}
