//go:build unix

package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A keyboard is where lines are read: the controlling terminal. The descriptor
// is kept out of Go's poller.
type keyboard struct {
	fd  int
	one sync.Mutex // held by who reads
}

func openKeyboard() (*keyboard, error) {
	fd, err := openTTY()
	if err != nil {
		return nil, err
	}
	return &keyboard{fd: fd}, nil
}

func (k *keyboard) close() { _ = unix.Close(k.fd) }

// backgroundPause is how often a process in the background looks whether it has
// been brought back. No signal tells.
const backgroundPause = 250 * time.Millisecond

// readLine reads a line with the kernel's line editing and echo turned off.
// echo is called with a form of the line whenever that has changed.
func (k *keyboard) readLine(ctx context.Context, form func(*editor) []string, echo func(forms []string)) (string,
	error) {
	if !k.one.TryLock() {
		return "", ErrInUse
	}
	defer k.one.Unlock()
	var e editor
	buf := make([]byte, 1024)
	err := k.read(ctx, func() (bool, error) {
		for {
			n, err := k.once(buf)
			if n == 0 || err != nil {
				return true, err
			}
			if ended, err := e.add(buf[:n]); ended {
				return true, err
			}
			if more, err := ready(0, k.fd); err != nil || more == 0 {
				break
			}
		}
		e.pause()
		echo(form(&e))
		return false, nil
	}, modeKeys)
	if err != nil {
		return "", err
	}
	echo(form(&e))
	return string(e.line), nil
}

// waitEnter reads lines as the kernel edits and echoes them, until an empty one
// comes. What was typed before offer is called is dropped. entered is called
// after each line with whether it was empty.
func (k *keyboard) waitEnter(ctx context.Context, offer func(), entered func(empty bool)) error {
	if !k.one.TryLock() {
		return ErrInUse
	}
	defer k.one.Unlock()
	lines, err := k.dropTyped()
	if err != nil {
		return err
	}
	if lines {
		entered(false)
	}
	offer()
	buf := make([]byte, 4096) // the kernel gives one line at most
	fresh := true             // not in the middle of a line that was longer
	return k.read(ctx, func() (bool, error) {
		n, err := k.once(buf)
		if n == 0 || err != nil {
			return true, err
		}
		empty := fresh && n == 1
		if fresh = buf[n-1] == '\n'; fresh {
			entered(empty)
		}
		return fresh && empty, nil
	}, nil)
}

// dropTyped throws away what was typed and not read, and tells whether there
// were whole lines. In the background it is not ours, and while another program
// takes keys it is ErrInUse.
func (k *keyboard) dropTyped() (lines bool, err error) {
	if !inForeground(k.fd) {
		return false, nil
	}
	if err := lineMode(k.fd); err != nil {
		return false, err
	}
	which, err := ready(0, k.fd)
	dropInput(k.fd)
	return which != 0, err
}

// read calls next whenever something can be read, until that says that it is
// done, or ctx ends. It reads only in the foreground, since the kernel stops
// whoever tries otherwise. mode is set meanwhile, unless it is nil; a terminal
// that is not in line mode to begin with is ErrInUse.
func (k *keyboard) read(ctx context.Context, next func() (done bool, err error), mode func(*unix.Termios)) error {
	wake, wakeUp, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wake.Close()
	defer wakeUp.Close()
	poke := func() { _, _ = wakeUp.Write([]byte{0}) }
	defer context.AfterFunc(ctx, poke)()
	var wakeFD int
	if err := control(wake, func(fd int) { wakeFD = fd }); err != nil {
		return err
	}
	if mode != nil {
		defer held.begin(k.fd, mode, poke)()
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		which, err := 0, error(nil)
		if inForeground(k.fd) {
			if mode == nil {
				err = lineMode(k.fd)
			} else {
				err = held.set()
			}
			if err == nil {
				which, err = ready(-1, wakeFD, k.fd)
			}
		} else {
			which, err = ready(backgroundPause, wakeFD)
		}
		if err != nil {
			return err
		}
		if which&1 != 0 {
			_, _ = wake.Read(make([]byte, 64))
			continue
		}
		if which&2 == 0 || !inForeground(k.fd) {
			continue
		}
		if done, err := next(); done || err != nil {
			return err
		}
	}
}

// once reads what there is; nothing at all is io.EOF.
func (k *keyboard) once(buf []byte) (int, error) {
	for {
		n, err := unix.Read(k.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return 0, os.NewSyscallError("read from the terminal", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// lineMode looks whether the terminal is as a shell hands it over.
func lineMode(fd int) error {
	mode, err := getMode(fd)
	if err == nil && mode.Lflag&unix.ICANON == 0 {
		return ErrInUse
	}
	return err
}

// modeKeys turns off the kernel's line editing, with its bound for a line, and
// the echo of what may be a secret. Ctrl-C and Ctrl-Z stay what they are, and so
// does all that concerns output.
func modeKeys(mode *unix.Termios) {
	mode.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
}

// ready waits until some of the descriptors can be read, for as long as d, or
// without end if that is negative. It returns which, as bits in their order.
//
// It is select(2), since on macOS neither kqueue nor poll(2) takes /dev/tty (poll(2), BUGS).
func ready(d time.Duration, fds ...int) (which int, err error) {
	var until time.Time
	if d >= 0 {
		until = time.Now().Add(d)
	}
	for {
		var set unix.FdSet
		most := 0
		for _, fd := range fds {
			if fd >= unix.FD_SETSIZE {
				return 0, errors.New("too many open files to wait for the terminal")
			}
			set.Set(fd)
			most = max(most, fd)
		}
		var left *unix.Timeval
		if d >= 0 {
			tv := unix.NsecToTimeval(max(0, time.Until(until)).Nanoseconds())
			left = &tv
		}
		_, err := unix.Select(most+1, &set, nil, nil, left)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, os.NewSyscallError("select", err)
		}
		for i, fd := range fds {
			if set.IsSet(fd) {
				which |= 1 << i
			}
		}
		return which, nil
	}
}
