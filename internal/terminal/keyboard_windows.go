package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// A keyboard is where lines are read: the console's input buffer, in its line
// mode. A read cannot be called off there: one that nobody waits for any more is
// left behind, and whoever reads next gets its line. Depending on the version of
// Windows a line ends at some 8,000 to 32,000 characters.
type keyboard struct {
	file *os.File
	one  sync.Mutex // held by who reads

	asked bool // a read is under way
	lines chan consoleLine
}

type consoleLine struct {
	text string
	err  error
}

func openKeyboard() (*keyboard, error) {
	f, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("no console: %w", err)
	}
	return &keyboard{file: f, lines: make(chan consoleLine, 1)}, nil
}

func (k *keyboard) close() { _ = k.file.Close() }

// readLine reads a line without echo. echo is called with a form of the line once
// that is whole.
func (k *keyboard) readLine(ctx context.Context, form func(*editor) []string, echo func(forms []string)) (string,
	error) {
	if !k.one.TryLock() {
		return "", ErrInUse
	}
	defer k.one.Unlock()
	end, err := held.begin(windows.Handle(k.file.Fd()))
	if err != nil {
		return "", err
	}
	defer end()
	text, err := k.next(ctx)
	if err != nil {
		return "", err
	}
	var e editor
	if ended, err := e.add([]byte(text)); ended && err != nil {
		return "", err
	}
	echo(form(&e))
	return string(e.line), nil
}

// waitEnter reads lines until an empty one comes. What was typed before offer is
// called is dropped. entered is called after each line with whether it was empty.
func (k *keyboard) waitEnter(ctx context.Context, offer func(), entered func(empty bool)) error {
	if !k.one.TryLock() {
		return ErrInUse
	}
	defer k.one.Unlock()
	if err := k.dropTyped(); err != nil {
		return err
	}
	offer()
	for {
		text, err := k.next(ctx)
		if err != nil {
			return err
		}
		empty := strings.TrimRight(text, "\r\n") == ""
		entered(empty)
		if empty {
			return nil
		}
	}
}

// dropTyped throws away what was typed and not read, the line of a read that was
// left behind too. While another program takes keys it is ErrInUse.
func (k *keyboard) dropTyped() error {
	handle := windows.Handle(k.file.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return os.NewSyscallError("GetConsoleMode", err)
	}
	if mode&windows.ENABLE_LINE_INPUT == 0 {
		return ErrInUse
	}
	_ = windows.FlushConsoleInputBuffer(handle)
	select {
	case <-k.lines:
		k.asked = false
	default:
	}
	return nil
}

// next waits for a line.
func (k *keyboard) next(ctx context.Context) (string, error) {
	if !k.asked {
		k.asked = true
		go func() { k.lines <- k.readConsole() }()
	}
	select {
	case l := <-k.lines:
		k.asked = false
		if l.err != nil {
			awaitInterrupt(ctx)
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// awaitInterrupt waits for ctx to end, for a moment. At Ctrl-C Windows ends a read of the
// console at once, as at the end of the input, and starts the handler's thread meanwhile:
// which of the two comes first is not said.
func awaitInterrupt(ctx context.Context) {
	const moment = 500 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(moment):
	}
}

func (k *keyboard) readConsole() consoleLine {
	var line []byte
	buf := make([]byte, 4096)
	for len(line) < maxLine {
		n, err := k.file.Read(buf)
		line = append(line, buf[:n]...)
		switch {
		case err != nil:
			return consoleLine{"", err}
		case n == 0:
			return consoleLine{"", io.EOF}
		case line[len(line)-1] == '\n':
			return consoleLine{string(line), nil}
		}
	}
	return consoleLine{"", ErrTooLong}
}

// held is the mode of the console while a line is read without echo.
var held modeHolder

type modeHolder struct {
	mu     sync.Mutex
	active bool
	handle windows.Handle
	saved  uint32
}

// begin turns the echo off until end is called.
func (h *modeHolder) begin(handle windows.Handle) (end func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return nil, os.NewSyscallError("GetConsoleMode", err)
	}
	if mode&windows.ENABLE_LINE_INPUT == 0 {
		return nil, ErrInUse
	}
	if err := windows.SetConsoleMode(handle, mode&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, os.NewSyscallError("SetConsoleMode", err)
	}
	h.active, h.handle, h.saved = true, handle, mode
	return Restore, nil
}

// Restore puts the console's mode back where a line is being read. It is for
// whoever is about to end the process; it does not wait, and does no harm where
// there is nothing to put back.
func Restore() {
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.active {
		held.active = false
		_ = windows.SetConsoleMode(held.handle, held.saved)
	}
}
