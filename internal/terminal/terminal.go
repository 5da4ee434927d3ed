// Package terminal is the only place that knows terminals: how wide one is and
// what it can show, how a sign-in's prompt looks on it, how a line is read from
// it. It gets finished facts and decides nothing about the sign-in.
//
// Start with [Open] or [Of], then [Show] a [Browser], [Device] or [Paste]
// prompt. [Show] also takes a writer that is not a terminal.
//
// Whoever ends the process by other means than by returning from [Live.ReadLine]
// calls [Restore] first.
package terminal

import (
	"cmp"
	"errors"
	"os"
	"runtime"
	"sync"
)

// What a terminal is taken to be that does not say.
const (
	defaultColumns = 80
	defaultRows    = 24
)

// ErrInUse says that the terminal is not in the mode in which a shell hands it
// over: another program is reading keys from it, perhaps another sign-in.
var ErrInUse = errors.New("another program is reading from the terminal")

// A Terminal is one that a person looks at. Its methods may be called from
// several goroutines.
type Terminal struct {
	// Shared says that others write to it while a block is shown: a calling tool
	// that is busy, or another sign-in. Nothing is erased or rewritten then, and
	// [Live.Replace] goes below. It is set before [Show].
	Shared bool

	out   *os.File
	owned bool // out is ours to close
	style Style

	mu       sync.Mutex
	keyboard *keyboard // nil until it is needed
}

// Open opens the controlling terminal, past whatever the standard streams are:
// /dev/tty, or CONIN$ and CONOUT$ on Windows. It is an error if there is none.
func Open() (*Terminal, error) {
	out, err := openScreen()
	if err != nil {
		return nil, err
	}
	t := Of(out)
	if t == nil {
		_ = out.Close()
		return nil, errors.New(out.Name() + " is not a terminal")
	}
	t.owned = true
	return t, nil
}

// Of takes f for what is shown, if it is a terminal; else it returns nil. Lines
// are still read from the controlling terminal, which f need not be open for
// reading. Close does not close f.
func Of(f *os.File) *Terminal {
	if f == nil {
		return nil
	}
	isTerminal, sequences := prepare(f)
	if !isTerminal {
		return nil
	}
	return &Terminal{out: f, style: styleOf(surroundings{runtime.GOOS, sequences, os.Getenv})}
}

// Style tells what the terminal can show.
func (t *Terminal) Style() Style { return t.style }

// Size returns its columns and rows; 80 and 24 where it does not say.
func (t *Terminal) Size() (columns, rows int) {
	columns, rows = size(t.out)
	return cmp.Or(max(columns, 0), defaultColumns), cmp.Or(max(rows, 0), defaultRows)
}

// Write writes to the terminal.
func (t *Terminal) Write(p []byte) (int, error) { return t.out.Write(p) }

// Foreground tells whether the terminal is this process's to write on and read
// from: it is the controlling terminal, and the shell has not put the process
// into the background.
func (t *Terminal) Foreground() bool { return foreground(t.out) }

// Close closes what was opened. Nothing may be reading any more.
func (t *Terminal) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keyboard != nil {
		t.keyboard.close()
		t.keyboard = nil
	}
	if !t.owned {
		return nil
	}
	return t.out.Close()
}

// keys opens the keyboard when it is first needed.
func (t *Terminal) keys() (*keyboard, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.keyboard == nil {
		t.keyboard, err = openKeyboard()
	}
	return t.keyboard, err
}

// Facts are what a process can tell of the terminals that it has.
type Facts struct {
	Stderr     bool   // stderr is one
	Open       bool   // the controlling one can be opened, and we are in its foreground
	Raw        bool   // the one where a prompt would go is not in line mode
	Stops      bool   // it is stderr, and whoever writes there from the background is stopped
	Owner      int    // the user who owns the one we are on; -1 if there is none
	StderrFile string // what stderr is, as JOURNAL_STREAM has it: device and inode
}
