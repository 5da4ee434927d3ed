package audit

import (
	"errors"
	"os"
	"testing"
)

// TestEventLog: where the trail is required, the event log takes each event too, of a
// source that nobody has registered. It is enough without the file, at the price of one
// warning.
func TestEventLog(t *testing.T) {
	for _, file := range []bool{true, false} {
		said := 0
		tr := newTrail(t)
		tr.Required, tr.Warn = true, func(string) { said++ }
		if !file {
			if err := os.WriteFile(tr.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := errors.Join(tr.Ready(), tr.Record(Event{Event: SignIn, Subject: "zoë \"%1\"\n"}),
			tr.Record(Event{Event: Logout}))
		if err != nil || (said == 0) != file || said > 1 {
			t.Errorf("file %v: %v, %d warnings", file, err, said)
		}
	}
}
