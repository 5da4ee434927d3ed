// Package policy reads what an administrator allows on a machine, and says what
// it forbids. [Load] reads the file; a method for each rule answers for one value.
// Rules only ever tighten: a nil *Policy forbids nothing.
//
// A file that cannot be trusted or understood is an error of the kind
// [fault.Storage], and lets nothing through. What a rule forbids is a
// [ForbiddenError], of the kind [fault.Forbidden].
package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Policy is what a file says. A list that is nil and a value that is zero are rules
// that the file does not have.
type Policy struct {
	Path string // of the file

	Issuers       []string
	ClientIDs     []string
	Organizations []string
	Flows         []string // of people
	Stores        []string
	RedirectPorts []PortRange
	Hosts         []string // that tokens may go to: exact, or *.example.com

	MaxSessionAge time.Duration // since the person signed in
	MaxIdle       time.Duration // since the last answer that was not from the cache

	HelpersDenied   bool // no program that a flag, a variable or a user's file names is run
	OverridesDenied bool // settings come from the system's config alone
	Agents          Agents
	AuditRequired   bool
	RevokeRequired  bool
	APIKeys         string // "", Services or Deny
}

// The words of rules.
const (
	Deny     = "deny"
	Required = "required"
	Services = "services"
)

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last int }

func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Agents is what a coding agent gets: everything, nothing, or what a narrower
// profile gives.
type Agents struct {
	Deny    bool
	Profile string
}

// path is where the policy is, except on Windows. It is a variable so that a test's
// build can set another (-ldflags -X); nothing else moves it.
var path = "/etc/sso-exec/policy.yaml"

// maxSize bounds what is read of a policy.
const maxSize = 64 << 10

// Path returns where the policy is.
func Path() (string, error) { return userfile.SystemPath(path) }

// Load reads the system's policy; nil if there is none. Any error lets nothing
// through.
func Load() (*Policy, error) {
	at, err := Path()
	if err != nil {
		return nil, unusable(err)
	}
	text, err := userfile.ReadStrictly(at, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, unusable(err)
	}
	return Parse(at, text)
}

// unusable is a policy that cannot be obeyed.
func unusable(err error) error {
	return &fault.Error{Kind: fault.Storage, Err: fmt.Errorf("the policy cannot be used, so nothing is allowed: %w", err),
		Hints: []string{"ask the administrator of this machine"}}
}

// ForbiddenError says that a rule forbids something.
type ForbiddenError struct {
	Rule string // its key
	Path string // of the policy
	What string // that is forbidden
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s: forbidden by %s in %s", e.What, e.Rule, e.Path)
}

// Is tells the kind of the failure.
func (e *ForbiddenError) Is(kind error) bool { return kind == fault.Forbidden }

// Forbid is the error about what a rule forbids, with what is allowed instead.
func (p *Policy) Forbid(rule, what, instead string) error {
	return &fault.Error{Err: &ForbiddenError{Rule: rule, Path: p.Path, What: what}, Kind: fault.Forbidden,
		Hints: []string{instead}}
}
