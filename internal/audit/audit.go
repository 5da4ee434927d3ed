// Package audit is the trail of what was done with a person's sessions: one JSON
// object a line, in a file of the person's own, and where an administrator requires
// it in the system's log as well.
//
// A [Trail] is what one run writes to. [Read] reads what all runs wrote. There is
// never a token, a code or a secret in it: an [Event] has no field for one, and what
// failed is told by a fixed word, not by an error's text.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// The events.
const (
	SignIn   = "sign-in"
	Refresh  = "refresh"
	Exchange = "exchange" // of a token for another one
	Role     = "role"     // keys of an AWS role
	Logout   = "logout"
	Refused  = "refused" // a call that ended without a credential
	Cached   = "cached"  // an answer that took none of these
)

// Event is a line of the trail. A text that is not known is empty.
type Event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Profile string    `json:"profile"`
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"` // whom the provider says the session belongs to
	Session string    `json:"session"` // the key of the session; its first 12 digits are the ID for people
	Flow    string    `json:"flow"`    // by which the session was signed in
	Tool    string    `json:"tool"`    // whose credential was asked for: the command's name
	Caller  string    `json:"caller"`  // the name of the program that ran this one
	Target  string    `json:"target"`  // the host, cluster or role that it was for
	Agent   string    `json:"agent,omitempty"`
	Result  string    `json:"result"` // see [Result]
}

// maxText is how many characters of a text are kept: many are a server's or a
// caller's choice.
const maxText = 200

// line is an event as it is written.
func (e Event) line() []byte {
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	targets := strings.Split(e.Target, ", ")
	for i, target := range targets {
		targets[i] = bare(target)
	}
	e.Target = strings.Join(targets, ", ")
	for v, i := reflect.ValueOf(&e).Elem(), 0; i < v.NumField(); i++ {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString(commandline.Clean(f.String(), maxText))
		}
	}
	b, _ := json.Marshal(e) // of texts and a time alone: it cannot fail
	return append(b, '\n')
}

// bare is a target without what may be a secret in an address: userinfo, query and
// fragment. It is empty where these cannot be determined from the rest.
func bare(target string) string {
	if !strings.ContainsAny(target, "@?#") {
		return target
	}
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	u.Opaque = u.Opaque[strings.LastIndexByte(u.Opaque, '@')+1:]
	return u.String()
}

// over returns e with the texts of base where it has none.
func (e Event) over(base Event) Event {
	v, b := reflect.ValueOf(&e).Elem(), reflect.ValueOf(base)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			v.Field(i).Set(b.Field(i))
		}
	}
	return e
}

// OK is the result of what went well.
const OK = "ok"

// Result is the word for how something ended: [OK], or what kind of failure it was.
func Result(err error) string {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return map[fault.Kind]string{fault.Other: "refused", fault.Forbidden: "forbidden", fault.Usage: "usage",
		fault.SignIn: "sign-in-needed", fault.Denied: "denied", fault.Unavailable: "unavailable",
		fault.Storage: "storage"}[fault.KindOf(err)]
}

// Trail is where the events of one run go. A nil Trail takes them and keeps nothing.
// Its methods may be called by many goroutines.
type Trail struct {
	Dir      string       // absolute; empty: it has no place, and is not missed unless it is required
	All      bool         // answers from the cache are wanted too; it is for callers to look at
	Required bool         // the system's log gets each event as well; at least one of the two must
	Base     Event        // what all events of the run have in common
	Warn     func(string) // told, once, what could not be written

	system systemLog // the zero value: this machine's
	mu     sync.Mutex
	warned bool
}

// Record writes an event; what it leaves empty is the run's Base. The error is of
// the kind storage, and only there where the trail is required and neither it nor
// the system's log can be written: no credential may be given then.
func (t *Trail) Record(e Event) error {
	if t == nil {
		return nil
	}
	e = e.over(t.Base)
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outcome(t.append(e.line()), func() error { return t.system.write(e) })
}

// Ready tells, where the trail is required, whether an event could be written now.
// It is asked before anything is done that would be one.
func (t *Trail) Ready() error {
	if t == nil || !t.Required {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.append(nil)
	if err == nil {
		return nil
	}
	if t.system.reachable() == nil {
		return nil // what is wrong with the file is said when an event is written
	}
	return t.outcome(err, t.system.reachable)
}

// outcome says what could not be written.
func (t *Trail) outcome(err error, system func() error) error {
	if !t.Required {
		if err != nil && t.Dir != "" {
			t.warn("the audit trail could not be written: " + err.Error())
		}
		return nil
	}
	serr := system()
	switch {
	case err != nil && serr != nil:
		return &fault.Error{Kind: fault.Storage,
			Err: fmt.Errorf("the policy requires an audit trail, and neither the file nor the system's log can be written: "+
				"%w; %w", err, serr),
			Hints: []string{"fix one of the two, or ask the administrator of this machine"}}
	case err != nil:
		t.warn("the audit trail could not be written, only the system's log: " + err.Error())
	case serr != nil:
		t.warn("the policy requires the system's log, which could not be written: " + serr.Error())
	}
	return nil
}

func (t *Trail) warn(what string) {
	if !t.warned && t.Warn != nil {
		t.Warn(what)
	}
	t.warned = true
}
