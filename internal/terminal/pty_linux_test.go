package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/ptytest"
)

// childEnv makes the test binary a program on a terminal: what it is to do.
const childEnv = "TERMINAL_TEST_CHILD"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childEnv); what {
	case "":
		os.Exit(m.Run())
	case "shell":
		shell()
	default:
		child(what)
	}
}

// child reads from the terminal, and tells the test on stdout what came. Lines
// on stdin tell it what else to do.
func child(what string) {
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGQUIT)
	defer cancel()
	offer := make(chan struct{})
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			switch in.Text() {
			case "cancel":
				cancel()
			case "offer":
				close(offer)
			case "restore":
				Restore()
				fmt.Println("restored")
			}
		}
	}()
	t, err := Open()
	if err != nil {
		fmt.Println("no terminal:", err)
		return
	}
	if rest, ok := strings.CutSuffix(what, " in use"); ok {
		what = rest
		mode, _ := getMode(2)
		modeKeys(mode)
		_ = setMode(2, mode)
	}
	t.Shared = what == "shared"
	if what == "orphan" {
		what, leftAlone = "line", 5*time.Second // in which the test must look, however busy the machine
	}
	l := Show(t, Paste{Asker: Asker{Provider: "login.example.com"}, URL: "https://login.example.com/",
		RedirectURI: "http://127.0.0.1:1/callback"})
	switch what {
	case "line", "two lines":
		text, err := l.ReadLine(ctx)
		fmt.Printf("%q %v\n", text, err)
		if what == "two lines" {
			text, err = l.ReadLine(ctx)
			fmt.Printf("%q %v\n", text, err)
		}
	case "enter":
		fmt.Println("waiting")
		<-offer
		fmt.Println(l.Offer(ctx, "Press Enter."))
	case "wait", "shared":
		<-offer
	case "facts":
		columns, rows := t.Size()
		fmt.Println(columns, rows, t.Foreground(), Of(os.Stdout) == nil, Of(os.Stderr) != nil)
	}
	l.Replace("Signed in as ada.")
	if err := t.Close(); err != nil {
		fmt.Println(err)
	}
}

// shell runs a child in the foreground as a shell does, and tells when it was
// stopped; a line on stdin has it continued.
func shell() {
	exe, _ := os.Executable()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=line")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 2}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return
	}
	signal.Ignore(unix.SIGTTOU) // to take the foreground, and to give it back
	in := bufio.NewScanner(os.Stdin)
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || !status.Stopped() {
			return
		}
		_ = unix.IoctlSetPointerInt(2, unix.TIOCSPGRP, unix.Getpgrp())
		mode, _ := getMode(2)
		fmt.Printf("stopped, line mode %v\n", mode.Lflag&unix.ICANON != 0 && mode.Lflag&unix.ECHO != 0)
		in.Scan()
		_ = unix.IoctlSetPointerInt(2, unix.TIOCSPGRP, cmd.Process.Pid)
		_ = unix.Kill(cmd.Process.Pid, unix.SIGCONT)
	}
}

// A pty is a terminal with a program on it.
type pty struct {
	t      *testing.T
	master *os.File
	slave  *os.File // kept open, to look at the mode
	stdin  io.Writer
	stdout *bufio.Reader
	cmd    *exec.Cmd

	mu     sync.Mutex
	shown  *emulator
	raw    strings.Builder
	change chan struct{}
}

// on starts a child of the test on a terminal of its own.
func on(t *testing.T, what string) *pty {
	t.Helper()
	master, slave := ptytest.Open(t, 60, 40)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, master: master, slave: slave, shown: newEmulator(t, 60, 40), change: make(chan struct{}, 1)}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+what, "TERM=xterm", "LANG=C.UTF-8", "LC_ALL=", "NO_COLOR=", "ACCESSIBLE=",
		"GOTRACEBACK=none",
		"GORACE=atexit_sleep_ms=0") // or it takes a second to end
	cmd.Stderr = slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.stdout, p.cmd = stdin, bufio.NewReader(stdout), cmd
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	watched := make(chan struct{})
	go func() { p.watch(); close(watched) }()
	t.Cleanup(func() { master.Close(); <-watched })
	return p
}

// watch shows what the program writes.
func (p *pty) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.raw.Write(buf[:n])
		_, _ = p.shown.Write(buf[:n])
		p.mu.Unlock()
		select {
		case p.change <- struct{}{}:
		default:
		}
	}
}

// sees waits until the screen has a text on it.
func (p *pty) sees(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q on the screen", text), func() bool { return strings.Contains(p.shown.String(), text) })
}

func (p *pty) until(what string, holds func() bool) {
	p.t.Helper()
	for {
		p.mu.Lock()
		ok, screen := holds(), p.shown.String()
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-p.change:
		case <-time.After(20 * time.Millisecond):
		case <-p.t.Context().Done():
			p.t.Fatalf("no %s:\n%s", what, screen)
		}
	}
}

// offers has the child offer something that Enter accepts.
func (p *pty) offers() {
	p.t.Helper()
	p.says("waiting")
	fmt.Fprintln(p.stdin, "offer")
	p.sees("Press Enter.")
}

// ready waits until the child reads keys.
func (p *pty) ready() {
	p.t.Helper()
	p.until("mode for keys", func() bool { return !p.lineMode() })
	p.sees("address:")
}

func (p *pty) lineMode() (yes bool) {
	_ = control(p.slave, func(fd int) {
		mode, err := getMode(fd)
		if err != nil {
			p.t.Error(err)
			return
		}
		yes = mode.Lflag&unix.ICANON != 0 && mode.Lflag&unix.ECHO != 0
	})
	return yes
}

// unread is how many bytes nobody has read; in line mode, of whole lines.
func (p *pty) unread() (n int) {
	_ = control(p.slave, func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ) })
	return n
}

func (p *pty) types(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.master, s); err != nil {
		p.t.Fatal(err)
	}
}

// says waits for a line that the child tells the test.
func (p *pty) says(want string) {
	p.t.Helper()
	got, err := p.stdout.ReadString('\n')
	if got = strings.TrimSuffix(got, "\n"); err != nil || got != want {
		p.t.Fatalf("the child says %.300q, %v; want %.300q", got, err, want)
	}
}

// ends waits for the end of the child; the mode is what it was then.
func (p *pty) ends() {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the child: %v", err)
	}
	if !p.lineMode() {
		p.t.Error("the terminal's mode was not put back")
	}
}

const bigAddress = "http://127.0.0.1:41234/callback?code="

// A paste of 10,000 bytes comes whole, which line mode would have cut at 4,095,
// and none of its query is ever shown.
func TestPaste(t *testing.T) {
	p := on(t, "line")
	p.ready()
	secret := strings.Repeat("S3CR3T", 2000)[:10_000-len(bigAddress)]
	p.types(bigAddress + secret)
	p.sees("(10,000 characters)")
	p.types("\r")
	p.says(fmt.Sprintf("%q <nil>", bigAddress+secret))
	p.sees("Signed in as ada.")
	p.ends()
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Contains(p.raw.String(), "S3CR3T") {
		t.Error("the code was shown")
	}
	if got := p.shown.String(); got != "Signed in as ada." {
		t.Errorf("on the screen:\n%s", got)
	}
}

// The rest of a paste of several lines is not left to the shell. The child is
// stopped so that all of it is there when it reads.
func TestPasteOfSeveralLines(t *testing.T) {
	p := on(t, "line")
	p.ready()
	_ = p.cmd.Process.Signal(unix.SIGSTOP)
	p.until("stopped child", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		return strings.Contains(string(stat), ") T ")
	})
	paste := "first\r" + strings.Repeat("rm -rf /\r", 300)
	p.types(paste)
	p.until("paste in the kernel", func() bool { return p.unread() == len(paste) })
	_ = p.cmd.Process.Signal(unix.SIGCONT)
	p.says(`"first" <nil>`)
	p.ends()
	if n := p.unread(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestTwoLines(t *testing.T) {
	p := on(t, "two lines")
	p.ready()
	p.types("abcx\x7f\r")
	p.says(`"abc" <nil>`)
	p.ready()
	p.types("\x04")
	p.says(`"" EOF`)
	p.ends()
}

// Ctrl-C and Ctrl-\ in the middle of a paste are signals as ever.
func TestInterruptedPaste(t *testing.T) {
	for key, signal := range map[string]string{"\x03": "interrupt", "\x1c": "quit"} {
		p := on(t, "line")
		p.ready()
		p.types(bigAddress + strings.Repeat("x", 5000))
		p.sees("characters)")
		p.types(key)
		got, err := p.stdout.ReadString('\n')
		if err != nil || !strings.Contains(got, signal) {
			t.Errorf("%q, %v", got, err)
		}
		p.ends()
	}
}

// The end of the context is the end of the wait, as when the browser was
// quicker; for Enter as well.
func TestCancelled(t *testing.T) {
	p := on(t, "line")
	p.ready()
	fmt.Fprintln(p.stdin, "cancel")
	p.says(`"" context canceled`)
	p.sees("Signed in as ada.")
	p.ends()

	p = on(t, "enter")
	p.offers()
	fmt.Fprintln(p.stdin, "cancel")
	p.says("context canceled")
	p.ends()
}

// Restore is for who is about to end the process.
func TestRestore(t *testing.T) {
	p := on(t, "line")
	p.ready()
	fmt.Fprintln(p.stdin, "restore")
	p.says("restored")
	if !p.lineMode() {
		t.Error("the mode was not put back")
	}
	fmt.Fprintln(p.stdin, "cancel")
	p.says(`"" context canceled`)
	p.ends()
}
