package talk

import (
	"os"
	"sync"
)

// Stderr is where everything goes that is not the tool's document: past a
// prompt that is being shown, if there is one, so that neither tears the other.
var Stderr = &talk{}

type talk struct {
	mu     sync.Mutex
	prompt *prompt // what is being shown
}

// Write waits for a terminal that takes no output, but not for ever.
func (t *talk) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.prompt != nil && t.prompt.past {
		return visibleWriter{t.prompt.live}.Write(b)
	}
	return visibleWriter{os.Stderr}.Write(b)
}

// End ends the prompt. What follows begins on a line of its own.
func (t *talk) End() {
	if p := t.take(nil); p != nil {
		p.end()
		p.live.Stop()
	}
}

func (t *talk) begin(p *prompt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prompt = p
}

// take takes what is being shown off, if it is this one; nil: whichever it is.
func (t *talk) take(this *prompt) *prompt {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.prompt
	if this != nil && p != this {
		return nil
	}
	t.prompt = nil
	return p
}
