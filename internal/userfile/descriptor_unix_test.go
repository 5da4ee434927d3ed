//go:build unix

package userfile

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// TestDescriptorReadAgain: a run that asks for several tokens reads its secret
// once, although nothing is left in the pipe, and another file that this process
// opens meanwhile does not take its place.
func TestDescriptorReadAgain(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD, 50) // as after exec: without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.WriteString("the-secret")
	_ = w.Close()
	for range 3 {
		if b, err := ReadDescriptor(t.Context(), fd); err != nil || string(b) != "the-secret" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("a program that is started would get it: %v", err)
	}
}

// TestDescriptorOfOurs: a file that this process has opened is nobody's secret.
func TestDescriptorOfOurs(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 60)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ReadDescriptor(t.Context(), fd)
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "no such descriptor") {
		t.Errorf("%v", err)
	}
}
