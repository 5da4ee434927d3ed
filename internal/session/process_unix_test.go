//go:build unix

package session_test

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fullVariable has a child's files end early, as a full disk has.
const fullVariable = "SSO_EXEC_TEST_FULL"

func init() {
	if os.Getenv(fullVariable) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 16 << 10, Max: 16 << 10}); err != nil {
			panic(err)
		}
	}
}

// No refresh is sent where its successor could not be kept.
func TestNoRoomForARefresh(t *testing.T) {
	m := ended(t)
	full := m.start(t, fullVariable+"=yes")
	full.goOn(t, m)
	if got := full.line(t); !strings.HasPrefix(got, "failed: the session's storage cannot be used") {
		t.Errorf("it got %q", got)
	}
	m.requests(t, 0, 0)
	m.kept(t)
}
