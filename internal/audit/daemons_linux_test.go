package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// find returns the path of a daemon; empty, and said, where it is not installed. CI fails then.
func find(t *testing.T, paths ...string) string {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil && os.Geteuid() == 0 {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("this needs root, and one of %v (apt-get install rsyslog systemd)", paths)
	}
	t.Logf("NOT TESTED: this needs root, and one of %v (apt-get install rsyslog systemd)", paths)
	return ""
}

// rsyslog reads facility, severity, name and the line.
func TestRsyslog(t *testing.T) {
	daemon := find(t, "/usr/sbin/rsyslogd")
	if daemon == "" {
		return
	}
	dir, err := os.MkdirTemp("", "rsyslog") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	socket, out, conf := filepath.Join(dir, "log"), filepath.Join(dir, "out"), filepath.Join(dir, "conf")
	text := fmt.Sprintf(`module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket=%q)
template(name="line" type="string" string="%%pri-text%%|%%programname%%|%%msg%%\n")
action(type="omfile" file=%q template="line" asyncWriting="off")
`, socket, out)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	tr := newTrail(t)
	tr.Required, tr.system = true, systemLog{nowhere, []string{socket}}
	within(t, func() bool { return tr.system.reachable() == nil })
	if err := tr.Record(Event{Event: Refused, Result: "denied", Subject: `a "b" é`}); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(tr.Dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	want := "authpriv.info|sso-exec| " + string(file)
	var got string
	within(t, func() bool {
		b, _ := os.ReadFile(out)
		got = string(b)
		return got == want
	})
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// within waits until something is so, for a while.
func within(t *testing.T, is func() bool) {
	t.Helper()
	for began := time.Now(); !is() && time.Since(began) < 20*time.Second; {
		time.Sleep(50 * time.Millisecond)
	}
}

// The journal, in a mount namespace of its own, keeps each event with its fields.
func TestJournald(t *testing.T) {
	daemon := find(t, "/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald")
	if daemon == "" {
		return
	}
	writes := writer(t, filepath.Join(t.TempDir(), "state"), "journal", "unshare", "-m", "sh", "-ec", `
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log
"$0" 2>/dev/null & daemon=$!
trap 'kill $daemon' EXIT
tries=0; until [ -S /run/systemd/journal/socket ] || [ $tries -gt 200 ]; do sleep 0.1; tries=$((tries+1)); done
"$1" >/dev/null
journalctl --sync >/dev/null 2>&1 || sleep 2
journalctl --no-pager -q -o json SYSLOG_IDENTIFIER=sso-exec SSO_EXEC_EVENT=refresh`, daemon)
	writes.Env = append(writes.Env, "AUDIT_TEST_REQUIRED=1")
	var stderr strings.Builder
	writes.Stderr = &stderr
	out, err := writes.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %s%s", err, &stderr, out)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var entry struct{ Message, Priority, Syslog_Facility, Sso_Exec_Event string }
		var e Event
		if err := json.Unmarshal([]byte(line), &entry); err != nil || json.Unmarshal([]byte(entry.Message), &e) != nil ||
			e.Subject != fmt.Sprintf("journal.%d", n) || entry.Priority != "6" || entry.Syslog_Facility != "10" {
			t.Errorf("%v: %s", err, line)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d entries, want 5: %s", n, out)
	}
}
