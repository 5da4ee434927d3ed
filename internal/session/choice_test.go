package session_test

import (
	"context"
	"errors"
	"testing"
)

// A choice that was made after a process had looked for one, and before it could have
// waited, is its choice as well; what does not fit is not.
func TestChooseOnce(t *testing.T) {
	bubble(t, hourly, func(t *testing.T, m *machine) {
		m.signIn(t)
		asked := 0
		choose := func(last, fits, answer string) string {
			t.Helper()
			p := m.process()
			choice, err := p.ChooseOnce(t.Context(), last, func(c string) bool { return c == fits },
				func(context.Context) error { return nil },
				func(context.Context) (string, error) { asked++; return answer, nil })
			if err != nil {
				t.Error(err)
			}
			return choice
		}
		if got := choose("", "a", "a"); got != "a" || asked != 1 {
			t.Errorf("nothing was chosen yet: %q, asked %d times", got, asked)
		}
		if got := choose("", "a", "b"); got != "a" || asked != 1 {
			t.Errorf("it was chosen meanwhile: %q, asked %d times", got, asked)
		}
		if got := choose("", "b", "b"); got != "b" || asked != 2 {
			t.Errorf("what was chosen meanwhile does not fit: %q, asked %d times", got, asked)
		}
		if got := choose("b", "b", "c"); got != "c" || asked != 3 {
			t.Errorf("it is to be chosen again: %q, asked %d times", got, asked)
		}
		_, err := m.process().ChooseOnce(t.Context(), "c", nil,
			func(context.Context) error { return errors.ErrUnsupported }, nil)
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("it cannot be prepared: %v", err)
		}
	})
}
