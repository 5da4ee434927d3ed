//go:build unix

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// boundsFiles is 1 where a process may be allowed files of a size alone (setrlimit(2)).
const boundsFiles = 1

// systemLog is the log of the machine: the journal's socket if it is there, else
// syslog's. Both are root's, and what they were sent a user cannot take back.
type systemLog struct {
	journal string   // empty: where systemd has it
	syslog  []string // nil: where systems have it
}

// journalSocket speaks systemd's native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
const journalSocket = "/run/systemd/journal/socket"

// What is sent is authpriv.info (RFC 5424 §6.2.1).
const facility, severity = 10, 6

// sendWait bounds how long a log may take that does not read.
const sendWait = 2 * time.Second

func (l systemLog) reachable() error {
	c, _, err := l.dial()
	if err == nil {
		_ = c.Close()
	}
	return err
}

// dial connects to the first log that is there.
func (l systemLog) dial() (c net.Conn, journal bool, err error) {
	path, paths := l.journal, l.syslog
	if path == "" {
		path = journalSocket
	}
	if paths == nil {
		paths = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}
	}
	if c, err := net.DialTimeout("unixgram", path, sendWait); err == nil {
		return c, true, nil
	}
	for _, path := range paths {
		for _, kind := range []string{"unixgram", "unix"} {
			if c, err := net.DialTimeout(kind, path, sendWait); err == nil {
				return c, false, nil
			}
		}
	}
	return nil, false, errors.New("no journal and no syslog answers on this machine")
}

func (l systemLog) write(e Event) error {
	c, journal, err := l.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(sendWait)); err != nil {
		return err
	}
	message := bytes.TrimSuffix(e.line(), []byte("\n"))
	if journal {
		// Fields are lines while none has a line break in its value; JSON has none.
		message = fmt.Appendf(nil, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=sso-exec\n"+
			"SSO_EXEC_EVENT=%s\nSSO_EXEC_RESULT=%s\n", message, severity, facility, e.Event, e.Result)
	} else {
		// RFC 3164 §4.1 as local daemons read it: without the host's name.
		message = fmt.Appendf(nil, "<%d>%s sso-exec[%d]: %s\n", facility*8+severity, e.Time.Local().Format(time.Stamp),
			os.Getpid(), message)
	}
	if _, err = c.Write(message); err != nil {
		return fmt.Errorf("the system's log: %w", err)
	}
	return nil
}
