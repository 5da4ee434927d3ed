//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// held is the mode of the terminal while a line is read, and the one to be put
// back. A process has one controlling terminal, so it is one for the process;
// and it is needed where nobody has a Terminal at hand, in a signal handler.
var held modeHolder

type modeHolder struct {
	watch sync.Once

	mu      sync.Mutex
	active  bool // between begin and its end
	isSet   bool // the terminal is in our mode
	missing bool // set is to set it
	fd      int
	change  func(*unix.Termios)
	saved   *unix.Termios // what it was when it was still in line mode
	wakeUp  func()
}

// begin says that mode is wanted for fd until the function is called that it
// returns. wakeUp has the reader call set again.
func (h *modeHolder) begin(fd int, change func(*unix.Termios), wakeUp func()) (end func()) {
	h.watch.Do(h.watchSignals)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active, h.missing, h.fd, h.change, h.saved, h.wakeUp = true, true, fd, change, nil, wakeUp
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.restore()
		h.active = false
	}
}

// set sets the mode where that is called for. After Restore it is not, until the
// process has been stopped and continued.
func (h *modeHolder) set() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.missing {
		return nil
	}
	mode, err := getMode(h.fd)
	if err != nil {
		return err
	}
	switch {
	case mode.Lflag&unix.ICANON != 0:
		before := *mode
		h.saved = &before
	case h.saved == nil:
		return ErrInUse
	}
	h.change(mode)
	if err := setMode(h.fd, mode); err != nil {
		return err
	}
	h.isSet, h.missing = true, false
	return nil
}

// restore puts the old mode back, and drops what nobody has read: the rest of a
// paste would be run by the shell, or put into its history. In the background
// the mode is the shell's, and to touch it would stop the process.
func (h *modeHolder) restore() {
	if !h.active || !h.isSet {
		return
	}
	h.isSet = false
	if inForeground(h.fd) {
		dropInput(h.fd)
		_ = setMode(h.fd, h.saved)
	}
}

// Restore puts the terminal's mode back where a line is being read. It is for
// whoever is about to end the process; it does not wait, and does no harm where
// there is nothing to put back.
func Restore() {
	held.mu.Lock()
	defer held.mu.Unlock()
	held.restore()
}

// again has the reader set the mode once more.
func (h *modeHolder) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active {
		h.missing = true
		h.wakeUp()
	}
}

// watchSignals puts the mode back around a stop (Ctrl-Z and fg). Signals that end
// the process are the caller's. It goes on as long as the process: Go cannot give
// SIGTSTP its default action back.
func (h *modeHolder) watchSignals() {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, unix.SIGTSTP, unix.SIGCONT)
	go func() {
		for sig := range ch {
			switch sig {
			case unix.SIGTSTP:
				Restore()
				stop(ch)
				h.again()
			case unix.SIGCONT: // after a SIGSTOP, say
				h.again()
			}
		}
	}()
}

// stop stops this process as SIGTSTP would have, and returns when it goes on.
// SIGTTOU, whose action is still the default one, does the same: unlike SIGSTOP
// it leaves a process alone whose group nobody could continue.
func stop(ch <-chan os.Signal) {
	if err := unix.Kill(unix.Getpid(), unix.SIGTTOU); err != nil {
		return
	}
	select {
	case <-ch: // SIGCONT
	case <-time.After(leftAlone):
	}
}

// leftAlone is how long a stop takes at most to come; after that there was none.
var leftAlone = time.Second

// watchContinue calls back whenever the process goes on after a stop.
func watchContinue(call func()) (stop func()) {
	ch := make(chan os.Signal, 1)
	end := make(chan struct{})
	signal.Notify(ch, unix.SIGCONT)
	go func() {
		for {
			select {
			case <-ch:
				call()
			case <-end:
				return
			}
		}
	}()
	return func() { signal.Stop(ch); close(end) }
}
