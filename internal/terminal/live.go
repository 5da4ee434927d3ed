package terminal

import (
	"context"
	"io"
	"sync"
	"time"
)

// patience bounds the wait for a terminal that takes no output: somebody pressed
// Ctrl-S, or a line is down. The sign-in goes on, and what was to be written is
// written when the terminal lets it.
const patience = time.Second

// A screen is where a block is shown.
type screen struct {
	w          io.Writer
	style      Style
	size       func() (columns, rows int)
	shared     bool                          // others write there as well
	foreground func() bool                   // writing over what is there is ours to do
	typed      func() bool                   // lines were typed that nobody has read
	continued  func(func()) (unwatch func()) // calls back when the process goes on after a stop
	isTerminal bool                          // Ctrl-C there is for who is in the foreground
	terminal   *Terminal                     // nil: nothing can be read
	now        func() time.Time
}

// A Live is a block that is being shown. Its methods may be called from several
// goroutines; none of them waits long for a terminal that takes no output. Each
// writes with one call, so that the output of others does not get into a line.
type Live struct {
	s screen

	mu    sync.Mutex
	queue []func()      // for the painter
	work  chan struct{} // there is something in the queue
	stuck bool          // the terminal did not take the last output in time
	gone  bool          // so is the painter

	// Only the painter knows these.
	waiting   waiting
	columns   int    // the width that was painted for
	rows      int    // above the last line, all ours
	erasable  bool   // where they are is known
	inPlace   bool   // the last line is rewritten
	last      string // what it says; the cursor is at its end
	input     bool   // it is what a person writes
	prompt    string // before that
	elsewhere bool   // the cursor may not be in the last line any more
	closed    bool   // the block has ended
	timer     *time.Timer
}

// Show shows a block on w, and a countdown in its last line, until [Live.Stop]
// or [Live.Replace]. If w is not a [*Terminal] the block is plain text, and
// nothing is rewritten.
func Show(w io.Writer, b Block) *Live {
	no := func() bool { return false }
	s := screen{w: w, now: time.Now, foreground: no, typed: no,
		size: func() (int, int) { return defaultColumns, defaultRows }}
	if t, ok := w.(*Terminal); ok {
		s.style, s.size, s.shared, s.foreground, s.typed = t.Style(), t.Size, t.Shared, t.Foreground, t.typed
		s.continued, s.isTerminal, s.terminal = watchContinue, true, t
	}
	return show(s, b)
}

func show(s screen, b Block) *Live {
	l := &Live{s: s, work: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	l.timer.Stop()
	unwatch := func() {}
	if s.continued != nil {
		unwatch = s.continued(func() { l.later(l.resume) })
	}
	go l.paint(unwatch)
	l.now(func() { l.begin(b) })
	return l
}

// Replace ends the block and puts one line in its place; below it, where it
// cannot be erased for sure: the terminal has another width than it had,
// something else has written to it or may have, somebody has typed, the process
// is in the background. After the end it only writes the line.
func (l *Live) Replace(text string) { l.now(func() { l.replace(text) }) }

// Stop ends the block, which stays except for the countdown. The cursor is at the
// beginning of a line then. It may be called more than once.
func (l *Live) Stop() { l.now(l.stop) }

// Note puts a paragraph above the last line, and below it each text that is to
// be copied, such as a command: it is not broken into lines. After the end Note
// only writes them.
func (l *Live) Note(text string, verbatim ...string) { l.now(func() { l.note(text, verbatim) }) }

// Write puts others' output, a log's, above the last line. The block cannot be
// erased any more. It never fails.
func (l *Live) Write(p []byte) (int, error) {
	out := string(p)
	l.now(func() { l.above(out); l.erasable = false })
	return len(p), nil
}

// ReadLine reads a line of up to 64 KiB that is pasted or typed in the block's
// last line; only how long it is is shown, and an address up to its query. The
// error is io.EOF at Ctrl-D, [ErrTooLong], [ErrInUse], or the cause of ctx's
// end. The terminal's mode is as it was when ReadLine returns.
func (l *Live) ReadLine(ctx context.Context) (string, error) {
	return l.readLine(ctx, inputPrompt, (*editor).masked)
}

// ReadAnswer is ReadLine for what is not a secret, after a label: it is shown where
// the last line can be rewritten, else when it is whole.
func (l *Live) ReadAnswer(ctx context.Context, label string) (string, error) {
	return l.readLine(ctx, "  "+label+": ", (*editor).plain)
}

func (l *Live) readLine(ctx context.Context, prompt string, form func(*editor) []string) (string, error) {
	k, err := l.keys()
	if err != nil {
		return "", err
	}
	l.now(func() { l.prompt = prompt; l.ask(fit(l.columns, prompt), !l.inPlace) })
	if l.s.style.Cursor {
		l.now(func() { l.write(pasteMarksOn) })
		defer func() { l.now(func() { l.write(pasteMarksOff) }) }()
	}
	var forms []string
	text, err := k.readLine(ctx, form, func(f []string) {
		forms = f
		l.now(func() { l.ask(l.answer(f), false) })
	})
	if err == nil {
		l.now(func() { l.answered(forms) })
	}
	return text, err
}

// With these marks around it, what is pasted in several lines is one answer.
// A shell turns them on and off by itself, so that a process that is killed in
// between leaves no harm.
const (
	pasteMarksOn  = "\x1b[?2004h"
	pasteMarksOff = "\x1b[?2004l"
)

// Offer notes what Enter is for, and waits for it on an empty line. What was
// typed before the offer could be read does not count. It reads whole lines and
// nothing else. The error is as ReadLine's; without a keyboard nothing is noted.
func (l *Live) Offer(ctx context.Context, text string) error {
	k, err := l.keys()
	if err != nil {
		return err
	}
	return k.waitEnter(ctx, func() { l.Note(text) }, func(empty bool) { l.now(func() { l.entered(empty) }) })
}

func (l *Live) keys() (*keyboard, error) {
	if l.s.terminal == nil {
		return nil, errNoKeyboard
	}
	return l.s.terminal.keys()
}

// now has the painter do something, and waits until it is done, within reason.
func (l *Live) now(op func()) {
	done := make(chan struct{})
	stuck := l.later(func() { op(); close(done) })
	if stuck {
		return
	}
	select {
	case <-done:
	case <-time.After(patience):
		l.setStuck(true)
	}
}

// later is now without the wait. It reports whether the painter is held up.
func (l *Live) later(op func()) (stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, op)
	if l.gone { // something is said after the end
		l.gone = false
		go l.paint(func() {})
	}
	select {
	case l.work <- struct{}{}:
	default:
	}
	return l.stuck
}

func (l *Live) setStuck(stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = stuck
}

// paint is the goroutine that writes: all of what is shown comes in one order,
// and nobody else waits where a terminal takes no output. It ends with the
// block, when the queue is empty.
func (l *Live) paint(unwatch func()) {
	defer unwatch()
	for {
		select {
		case <-l.timer.C:
			l.tick()
		case <-l.work:
			for _, op := range l.take() {
				op()
			}
			l.setStuck(false)
			if l.closed && l.leave() {
				return
			}
		}
	}
}

func (l *Live) take() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	ops := l.queue
	l.queue = nil
	return ops
}

// leave ends the painter unless there is more to do.
func (l *Live) leave() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = len(l.queue) == 0
	return l.gone
}
