package workload

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// command runs a helper that prints a token, JWT or opaque. What it prints is
// for the audience that its words ask for.
type command struct {
	base
	words []string
}

func newCommand(b base, line string) (Source, error) {
	words, err := commandline.Command(line)
	if err != nil {
		return nil, err
	}
	return &command{b, words}, nil
}

func (s *command) FixedAudience() bool { return true }

func (s *command) Available() error {
	if _, err := commandline.LookPath(s.words[0]); err != nil {
		return s.notHere("no command " + programName(s.words[0]))
	}
	return nil
}

func (s *command) Token(ctx context.Context, audience string) (Token, error) {
	out, err := s.env.Command(ctx, s.words)
	if err != nil {
		return Token{}, s.tell(err)
	}
	token, err := tokenIn(out)
	if err != nil {
		return Token{}, &RefusedError{Source: s.shown(),
			Why: "the output of " + programName(s.words[0]) + " is not a token: " + err.Error()}
	}
	return s.any("the token that "+programName(s.words[0])+" printed", token, audience)
}

func (s *command) tell(err error) error {
	switch {
	case fault.Holds[*CommandError](err) &&
		(errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return s.notHere(err.Error())
	case fault.Holds[*CommandError](err):
		return &RefusedError{Source: s.shown(), Why: err.Error()}
	}
	return err
}

// Principal is the command, and in CI the job that it runs in.
func (s *command) Principal() (string, error) {
	parts := append([]string{}, s.words...)
	if job := s.env.job(); job != nil {
		parts = append(append(parts, ""), job...)
		if token := s.env.Getenv(githubToken); token != "" {
			parts = append(parts, hash(token))
		}
	}
	return principal(parts...), nil
}

const (
	commandTime = 30 * time.Second
	maxOutput   = 64 << 10
	maxStderr   = 4 << 10
)

// CommandError says that a helper command could not be run, or failed. Its text
// has the last line of what the command wrote to stderr, cleaned, and nothing of
// its stdout.
type CommandError struct {
	Why string
	Err error // of os/exec, nil if there is none
}

func (e *CommandError) Error() string { return e.Why }
func (e *CommandError) Unwrap() error { return e.Err }

// RunCommand runs a helper command without a shell and returns its stdout, 64
// KiB at most. The command gets the null device as stdin, no terminal, and env
// as its environment (nil: ours, without our settings, secrets among them). It has 30
// seconds; then, or when ctx ends, it is killed with all that it has started; on Linux
// it ends also where this process is killed. It returns a
// [*CommandError], a [*flows.UnavailableError] where it took too long, or the cause of
// ctx.
func RunCommand(ctx context.Context, words, env []string) ([]byte, error) {
	name := programName(words[0])
	limited, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	stop, overflow := context.WithCancelCause(limited)
	defer overflow(nil)

	program, err := commandline.LookPath(words[0])
	if errors.Is(err, exec.ErrNotFound) {
		return nil, failure(name, nil, err, "")
	}
	// What is wrong with a path shows at the start.
	cmd := exec.CommandContext(stop, cmp.Or(program, words[0]), words[1:]...)
	stdout := &head{max: maxOutput, full: func() { overflow(errTooMuch) }}
	stderr := &tail{max: maxStderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if cmd.Env = env; env == nil {
		cmd.Env = commandline.WithoutOurs(os.Environ())
	}
	alone(cmd)
	runtime.LockOSThread() // PR_SET_PDEATHSIG goes by the thread that forks
	defer runtime.UnlockOSThread()
	// A process that it leaves behind can hold its stdout open.
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success() {
		err = nil
	}
	out := stdout.bytes()
	switch {
	case errors.Is(context.Cause(stop), errTooMuch):
		return nil, &CommandError{Why: fmt.Sprintf("%s printed more than %d bytes", name, maxOutput)}
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ended(ctx, "the command "+name, name)
	case limited.Err() != nil:
		return nil, &flows.UnavailableError{Doing: "the command " + name,
			Err: fmt.Errorf("it did not end within %v", commandTime)}
	}
	return nil, failure(name, cmd, err, hide(stderr.lastLine(), strings.TrimSpace(string(out)), 200))
}

func failure(name string, cmd *exec.Cmd, err error, line string) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	why := name + " could not be run: " + flows.Clean(err.Error(), 200)
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		why = fmt.Sprintf("%s failed (%s)", name, cmd.ProcessState)
	} else if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		why = "no command " + name
	}
	if line != "" {
		why += ": " + line
	}
	return &CommandError{Why: why, Err: err}
}

// programName is fit for a message. Arguments are left out: some write into them
// what does not belong there.
func programName(program string) string {
	return flows.Clean(filepath.Base(program), 60)
}

var errTooMuch = errors.New("too much output")

// head keeps the beginning of what is written, and tells when there is more.
type head struct {
	max  int
	full func()
	mu   sync.Mutex // a writer can be left behind when we stop waiting
	buf  bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := h.max - h.buf.Len(); len(p) > room {
		h.buf.Write(p[:room])
		h.full()
		return len(p), nil
	}
	return h.buf.Write(p)
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.buf.Bytes())
}

// tail keeps the end.
type tail struct {
	max int
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.buf)), "\n")
	return lines[len(lines)-1]
}
