package acquire

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// Assigned is an AWS account with the roles that are assigned there.
type Assigned struct {
	identitycenter.Account
	Roles []string `json:"roles"`
}

// ListAssigned signs in to IAM Identity Center where it must, and lists what is assigned
// to the person: accounts by name and ID, roles by name.
func ListAssigned(ctx context.Context, o *settings.Resolved, by Caller) ([]Assigned, error) {
	if o.Center() == nil {
		return nil, fault.Usagef("this is not IAM Identity Center: --provider %s", identitycenter.Name)
	}
	s, err := Open(o, by)
	if err != nil {
		return nil, err
	}
	need := Need(o, s, false)
	for again := false; ; again = true {
		c, _, err := Obtain(ctx, s, need)
		if err != nil {
			return nil, err
		}
		all, err := assignedTo(ctx, PortalOf(o, s, c.Token))
		if refused, ok := errors.AsType[*identitycenter.Error](err); ok && refused.RefusesToken() {
			if !again { // ended by another program, perhaps; a refresh finds out
				need.Force = true
				continue
			}
			err = sessionEnded(o, err)
		}
		return all, err
	}
}

// atOnce is how many requests for roles are under way: the portal throttles those who
// send more.
const atOnce = 8

func assignedTo(ctx context.Context, p identitycenter.Portal) ([]Assigned, error) {
	var accounts []identitycenter.Account
	if err := patient(ctx, func() (err error) { accounts, err = p.Accounts(ctx); return err }); err != nil {
		return nil, err
	}
	sort.Slice(accounts, func(i, j int) bool { return accounts[i].ID < accounts[j].ID })
	accounts = slices.CompactFunc(accounts, func(a, b identitycenter.Account) bool { return a.ID == b.ID })
	all := make([]Assigned, len(accounts))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var working sync.WaitGroup
	for range min(atOnce, len(accounts)) {
		working.Go(func() {
			for i := range next {
				var roles []string
				err := patient(ctx, func() (err error) { roles, err = p.Roles(ctx, accounts[i].ID); return err })
				if refused, ok := errors.AsType[*identitycenter.Error](err); ok && refused.NotAssigned() {
					err = nil // taken away a moment ago
				}
				if err != nil {
					cancel(err)
				}
				slices.Sort(roles)
				all[i] = Assigned{accounts[i], append([]string{}, slices.Compact(roles)...)}
			}
		})
	}
	for i := range accounts {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	working.Wait()
	sort.SliceStable(all, func(i, j int) bool { return strings.ToLower(all[i].Name) < strings.ToLower(all[j].Name) })
	return all, context.Cause(ctx)
}

// Between the tries at a portal that throttles or is in trouble.
const (
	patientTries = 4
	longestWait  = 10 * time.Second
)

// patient calls f again where the portal asks for patience.
func patient(ctx context.Context, f func() error) error {
	pause := 300 * time.Millisecond
	for tries := 1; ; tries++ {
		err := f()
		outage, ok := errors.AsType[*flows.UnavailableError](err)
		if !ok || tries == patientTries || outage.RetryAfter > longestWait {
			return err
		}
		select {
		case <-time.After(max(pause, outage.RetryAfter)):
			pause *= 2
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
