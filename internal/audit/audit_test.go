package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
)

func newTrail(t *testing.T) *Trail {
	t.Helper()
	return &Trail{Dir: filepath.Join(t.TempDir(), "state"), Warn: func(what string) { t.Error(what) }}
}

// events reads a trail.
func events(t *testing.T, dir string) (all []Event, broken int) {
	t.Helper()
	broken, err := Read(dir, func(e Event) { all = append(all, e) })
	if err != nil {
		t.Fatal(err)
	}
	return all, broken
}

// A line has the fields of the event, those of the run where it has none, and
// nothing in it that a terminal or a reader of lines would take for something else.
func TestRecord(t *testing.T) {
	tr := newTrail(t)
	tr.Base = Event{Profile: "corp", Tool: "kube", Caller: "kub\x1b[2Jectl\u202e\nx", Target: "https://api.example"}
	long := strings.Repeat("é", 3*maxText)
	if err := tr.Record(Event{Event: Role, Target: "role", Subject: long, Result: OK}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(tr.Dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(b, &fields); err != nil || bytes.Count(b, []byte("\n")) != 1 {
		t.Fatalf("%v: %s", err, b)
	}
	if at, err := time.Parse(time.RFC3339, fields["time"]); err != nil || time.Since(at) > time.Minute ||
		at.Location() != time.UTC {
		t.Errorf("time %q, %v", fields["time"], err)
	}
	delete(fields, "time")
	want := map[string]string{"event": "role", "profile": "corp", "issuer": "", "subject": long[:2*maxText] + "…",
		"session": "", "flow": "", "tool": "kube", "caller": "kub[2Jectl x", "target": "role", "result": "ok"}
	if fmt.Sprint(fields) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", fields, want)
	}
	var none *Trail
	if err := errors.Join(none.Record(Event{}), none.Ready()); err != nil {
		t.Error(err)
	}
}

// A target that is an address has no password in it, nor what else may be a secret.
func TestTargetsAreBare(t *testing.T) {
	for target, want := range map[string]string{
		"https://u:PW@k8s.example:6443/c?token=PW#PW": "https://k8s.example:6443/c",
		"cluster-a, https://PW@api.example, b?PW":     "cluster-a, https://api.example, b",
		"u:PW@k8s:6443":                      "u:k8s:6443",
		"urn:example?=PW":                    "urn:example",
		"https://u:P/PW@k8s":                 "",
		"https://u:PW\x01@k8s":               "",
		"alice@example.com":                  "alice@example.com",
		"arn:aws:iam::123456789012:role/dev": "arn:aws:iam::123456789012:role/dev",
		"API key acme":                       "API key acme",
	} {
		var e Event
		if err := json.Unmarshal(Event{Target: target}.line(), &e); err != nil || e.Target != want {
			t.Errorf("%q: %v, %q, want %q", target, err, e.Target, want)
		}
	}
}

func TestResult(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{nil, fault.Other, fault.Forbidden, fault.Usage, fault.SignIn, fault.Denied,
		fault.Unavailable,
		fault.Storage, errors.New("hunter2")} {
		word := Result(err)
		if word == "" || strings.Contains(word, "hunter2") || seen[word] && err != nil && fault.KindOf(err) != fault.Other {
			t.Errorf("%v: %q", err, word)
		}
		seen[word] = true
	}
}

// fill makes a trail's file so large that the next line does not fit in.
func fill(t *testing.T, dir string) {
	t.Helper()
	line := Event{Time: time.Unix(1e9, 0), Event: SignIn, Subject: strings.Repeat("x", maxText)}.line()
	b := bytes.Repeat(line, maxSize/len(line)+1)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, fileName), b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// The newest file keeps its name; four are kept next to it. Where a file is missing
// between them, a process having died, none is dropped.
func TestRotation(t *testing.T) {
	tr := newTrail(t)
	names := func() string {
		all, _ := filepath.Glob(filepath.Join(tr.Dir, fileName+"*"))
		for i := range all {
			all[i] = strings.TrimPrefix(filepath.Base(all[i]), fileName)
		}
		return strings.Join(all, " ")
	}
	next := 0
	rotated := func() {
		fill(t, tr.Dir)
		next++
		if err := tr.Record(Event{Event: Refresh, Subject: fmt.Sprint(next)}); err != nil {
			t.Fatal(err)
		}
		if got, _ := events(t, tr.Dir); got[len(got)-1].Subject != fmt.Sprint(next) {
			t.Fatalf("the last event is %v", got[len(got)-1])
		}
	}
	for _, want := range []string{" .1", " .1 .2", " .1 .2 .3", " .1 .2 .3 .4", " .1 .2 .3 .4"} {
		if rotated(); names() != want {
			t.Errorf("files %q, want %q", names(), want)
		}
	}
	oldest := filepath.Join(tr.Dir, fileName+".4")
	if err := errors.Join(os.WriteFile(oldest, []byte("oldest"), 0o600),
		os.Remove(filepath.Join(tr.Dir, fileName+".2"))); err != nil {
		t.Fatal(err)
	}
	rotated()
	if b, err := os.ReadFile(oldest); err != nil || string(b) != "oldest" || names() != " .1 .2 .3 .4" {
		t.Errorf("%v, %q: %s", err, b[:min(len(b), 20)], names())
	}
}

// What a killed process or a full disk has left of a line spoils no other.
func TestBrokenLines(t *testing.T) {
	tr := newTrail(t)
	whole := func(subject string) string {
		return string(Event{Time: time.Now(), Event: Refresh, Subject: subject}.line())
	}
	text := "\n\n" + whole("a") + "no JSON\n" + `{"time":"yesterday","event":"refresh"}` + "\n{}\n[]\n" +
		`{"time":"2026-01-02T03:04:05Z"}` + "\n" + whole("b")[:40] + "\n" +
		`{"event":"refresh","subject":"` + strings.Repeat("x", 3*maxLine) + "\"}\n" + whole("c") + whole("d")[:60]
	if err := errors.Join(os.Mkdir(tr.Dir, 0o700),
		os.WriteFile(filepath.Join(tr.Dir, fileName), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := tr.Record(Event{Event: SignIn, Subject: "e"}); err != nil {
		t.Fatal(err)
	}
	got, broken := events(t, tr.Dir)
	var subjects []string
	for _, e := range got {
		subjects = append(subjects, e.Subject)
	}
	if !slices.Equal(subjects, []string{"a", "c", "e"}) || broken != 8 {
		t.Errorf("%q, %d broken", subjects, broken)
	}
}

// No trail is no event. That it has no place is nobody's concern, unless it is required
// (see TestRequired).
func TestNoPlace(t *testing.T) {
	if got, broken := events(t, filepath.Join(t.TempDir(), "none")); len(got)+broken != 0 {
		t.Error(got, broken)
	}
	tr := &Trail{Warn: func(what string) { t.Error(what) }}
	if err := errors.Join(tr.Ready(), tr.Record(Event{Event: Refresh})); err != nil {
		t.Error(err)
	}
}
