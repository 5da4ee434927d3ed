package place

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/ptytest"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// roleEnv makes the test binary a process that looks at the place where it was
// put, and writes what it sees to file 3.
const roleEnv = "PLACE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "look", "look swallowed":
		p, err := Look(Asked{StderrSwallowed: role != "look"})
		if err != nil {
			panic(err)
		}
		_ = json.NewEncoder(os.NewFile(3, "answer")).Encode(p.Facts)
	case "background": // a job of the shell that we are
		self, _ := os.Executable()
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), roleEnv+"=look")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "answer")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Run(); err != nil {
			panic(err)
		}
	}
	os.Exit(0)
}

// seen starts the test binary in a session of its own and returns what it sees.
func seen(t *testing.T, role string, controlling, stderr *os.File, env ...string) flows.Facts {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(self)
	cmd.Env = append(env, roleEnv+"="+role,
		"GORACE=atexit_sleep_ms=0", // or it takes a second to end
		"GOCOVERDIR="+t.TempDir())  // or, under -cover, it complains on the terminal, which stops a job in the background
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if stderr != nil {
		cmd.Stderr = stderr
	} else {
		cmd.Stderr = io.Discard // a pipe
	}
	if controlling != nil {
		cmd.Stdin, cmd.SysProcAttr.Setctty = controlling, true
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	answer, err := io.ReadAll(r)
	if werr := cmd.Wait(); werr != nil || err != nil {
		t.Fatal(werr, err)
	}
	var f flows.Facts
	if err := json.Unmarshal(answer, &f); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return f
}

// mode switches one of a terminal's modes.
func mode(t *testing.T, f *os.File, flag uint32, on bool) {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if mode.Lflag &^= flag; on {
		mode.Lflag |= flag
	}
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
}

// Real terminals, and none.
func TestRealTerminals(t *testing.T) {
	_, tty := ptytest.Open(t, 0, 0)
	_, other := ptytest.Open(t, 0, 0)
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		place               string
		role                string
		controlling, stderr *os.File
		full                *os.File // a program fills this one's screen
		want                string   // stderr is a terminal, it can be opened, a screen is full, a line can be read
	}{
		{"in a terminal", "look", tty, tty, nil, "true true false true"},
		{"stderr is captured", "look", tty, nil, nil, "false true false true"},
		{"stderr is captured and kept", "look swallowed", tty, nil, nil, "false true false true"},
		{"without a terminal", "look", nil, nil, nil, "false false false false"},
		{"without a terminal, under a device", "look", nil, null, nil, "false false false false"},
		{"stderr is a terminal that is not ours to control", "look", nil, tty, nil, "true false false false"},
		{"in the background", "background", tty, tty, nil, "true false false false"},
		{"below k9s", "look", tty, tty, tty, "true true true false"},
		{"below k9s, stderr captured", "look", tty, nil, tty, "false true true false"},
		{"below k9s, stderr captured and kept", "look swallowed", tty, nil, tty, "false true true false"},
		{"another terminal's screen is full", "look", tty, other, tty, "true true false true"},
		{"stderr's screen is full", "look", tty, other, other, "true true true false"},
		{"stderr's screen is full, but we would not write there", "look swallowed", tty, other, other,
			"true true false true"},
		{"a full screen that nobody would write to", "look swallowed", nil, other, other, "true false false false"},
		{"a job in the background of an editor", "background", tty, tty, tty, "true false true false"},
	} {
		t.Run(c.place, func(t *testing.T) {
			if c.full != nil {
				mode(t, c.full, unix.ICANON, false)
				defer mode(t, c.full, unix.ICANON, true)
			}
			f := seen(t, c.role, c.controlling, c.stderr)
			if got := fmt.Sprint(f.StderrTerminal, f.Terminal, f.FullScreen != "", f.Keyboard); got != c.want {
				t.Errorf("%s, want %s: %+v", got, c.want, f)
			}
		})
	}
}

// A job in the background that writes is stopped under "stty tostop", with all
// the locks that it holds: that terminal is no place for a prompt.
func TestStoppedByWriting(t *testing.T) {
	_, tty := ptytest.Open(t, 0, 0)
	_, other := ptytest.Open(t, 0, 0)
	for _, f := range []*os.File{tty, other} {
		mode(t, f, unix.TOSTOP, true)
	}
	for _, c := range []struct {
		place, role string
		stderr      *os.File
		prompt      string
	}{
		{"in the background", "background", tty, flows.PromptNowhere},
		{"in the foreground", "look", tty, flows.PromptStderr},
		{"not the controlling terminal", "background", other, flows.PromptStderr},
	} {
		f := seen(t, c.role, tty, c.stderr, "SSH_CONNECTION=a")
		got := flows.Choose(f)
		if stops := strings.Contains(f.FullScreen, "(stty tostop)"); got.Prompt != c.prompt ||
			stops != (c.prompt == flows.PromptNowhere) {
			t.Errorf("%s: %+v, from %+v", c.place, got, f)
		}
		f.Flow = flows.FlowDevice
		if named := flows.Choose(f); named.Prompt != c.prompt {
			t.Errorf("%s, --flow device: %+v", c.place, named)
		}
	}
	mode(t, tty, unix.TOSTOP, false)
	if f := seen(t, "background", tty, tty); f.FullScreen != "" {
		t.Errorf("without tostop: %+v", f)
	}
}

// The line of ancestors, the terminal's owner and the parent's variables, as
// they really are.
func TestRealProcess(t *testing.T) {
	h := here()
	own := h.above(os.Getpid())
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil || len(own) < 2 || own[0] != strings.TrimSpace(string(name)) {
		t.Errorf("we descend from %q, and are %q, %v", own, name, err)
	}
	_, tty := ptytest.Open(t, 0, 0)
	if f := seen(t, "look", tty, tty, "SUDO_UID="+strconv.Itoa(os.Geteuid())); strings.Contains(f.OtherUser, "sudo") {
		t.Errorf("sudo from ourselves to ourselves: %q", f.OtherUser)
	}
	if f := seen(t, "look", tty, tty, "SUDO_UID="+strconv.Itoa(os.Geteuid()+1)); !strings.Contains(f.OtherUser,
		"SUDO_UID") {
		t.Errorf("sudo: %q", f.OtherUser)
	}
	if f := seen(t, "look", nil, nil, "SSH_CONNECTION=a", "CI=true"); f.Remote == "" || f.CI == "" {
		t.Errorf("%+v", f)
	}
}

// A service's stderr is known by what the kernel says of it.
func TestRealJournal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	h := laid{env: map[string]string{"JOURNAL_STREAM": fmt.Sprintf("%d:%d", st.Dev, st.Ino)}}.host(t)
	saved, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(file.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	stderr := terminal.Look(false).StderrFile
	if err := unix.Dup3(saved, 2, 0); err != nil {
		t.Fatal(err)
	}
	unix.Close(saved)
	if got := h.service(nil, stderr); !strings.Contains(got, "journal") {
		t.Errorf("stderr is %q: %q", stderr, got)
	}
}
