// Package doctor has the command that checks this machine, the storage and the
// provider. A check is a row of [checks]: a name, and a function that tells what it
// found and how to fix it. Checks run at the same time, each within a bounded time, and
// are shown in the order of the table.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Results of a check.
const (
	pass    = "pass"
	warning = "warning"
	failure = "failure"
)

// found is what a check found. One without details did not apply, and is not shown.
type found struct {
	result  string   // empty: pass
	details []string // a fact each
	fixes   []fix
}

// fix is what to do: in words, in a command or line to paste, or both.
type fix struct{ say, paste string }

// add adds facts, of which the worst result counts.
func (f *found) add(result string, details ...string) {
	if f.result == "" || f.result == pass || result == failure {
		f.result = result
	}
	f.details = append(f.details, details...)
}

func (f *found) fix(say, paste string) { f.fixes = append(f.fixes, fix{say, paste}) }

// fail adds an error with its hints.
func (f *found) fail(result string, o *settings.Resolved, err error) {
	f.add(result, strings.Split(err.Error(), "\n")...)
	paste := ""
	if unsafe, ok := errors.AsType[*cache.UnsafeError](err); ok {
		paste = command.Pasted(unsafe.Fix, unsafe.Path)
	} else if unsafe, ok := errors.AsType[*userfile.UnsafeError](err); ok {
		paste = command.Pasted(unsafe.Fix, unsafe.Path)
	}
	if paste != "" {
		f.fix("check why first; then fix it with", paste)
		return
	}
	for _, hint := range command.Hints(o, err) {
		say, paste, ok := strings.Cut(hint, ": sso-exec ")
		if ok {
			f.fix(say, "sso-exec "+paste)
		} else {
			f.fix(hint, "")
		}
	}
}

// check is a row of the table.
type check struct {
	name string
	run  func(context.Context, *doctor) found
}

// checks are in the order in which they are shown. Names are only ever added.
func checks() []check {
	return []check{
		{"version", checkVersion}, {"config", checkConfig}, {"settings", checkSettings}, {"policy", checkPolicy},
		{"storage", checkStorage}, {"locks", checkLocks}, {"keyring", checkKeyring}, {"audit", checkAudit},
		{"network", checkNetwork}, {"provider", checkProvider}, {"keys", checkKeys}, {"tls", checkTLS},
		{"clock", checkClock},
		{"flow", checkFlow}, {"redirect", checkRedirect}, {"session", checkSession},
		{"kubectl", checkKubectl}, {"aws", checkAWS}, {"git", checkGit}, {"docker", checkDocker}, {"cargo", checkCargo},
		{"terraform", checkTerraform}, {"pip", checkPip}, {"pnpm", checkPNPM}, {"bazel", checkBazel}, {"gcp", checkGCP},
	}
}

// most is how long one check, and with it the whole run, may take.
const most = 20 * time.Second

// doctor is a run of the command. Once it is prepared it is only read.
type doctor struct {
	o       *settings.Resolved
	version string

	readErr  error                // why the settings could not be read
	checkErr error                // what is wrong with them
	bound    *settings.Resolved   // the same as a command that obeys the policy has them
	profiles []*settings.Resolved // of the config
	programs map[string]string    // their paths
	provider func() *answers      // asks the provider, once
}

// New makes the command. version is this program's.
func New(version string) *cobra.Command {
	o := settings.For(settings.ToolDoctor)
	d := &doctor{o: o, version: version}
	output, tryLock, rotation, yes := "text", "", false, false
	c := &cobra.Command{
		Use:   settings.ToolDoctor,
		Short: "check this machine, the storage and the provider",
		Long: `Check this machine, the storage and the provider, and say how to fix what is
wrong. It needs no config and no network, and shows no secret. It changes
nothing, except for a file in the cache directory that it removes again. The
exit code is 1 if a check fails.

--rotation is another check, by itself: it signs you in once more, and uses
refresh tokens of that sign-in twice, to say how the provider rotates them.
A provider may end or report sessions for that, so it asks first.`,
		Example: "  sso-exec doctor\n  sso-exec doctor --profile corp -o json\n  sso-exec doctor --rotation",
		Args:    command.NoArgs,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&output, "output", "o", "text", "text or json")
	f.BoolVar(&rotation, "rotation", false, "say how the provider rotates refresh tokens, by a sign-in of its own")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask before --rotation")
	f.StringVar(&tryLock, "try-lock", "", "say whether the lock of this `file` is free")
	f.Lookup("try-lock").Hidden = true // the second process of a check calls it
	o.Bind(f)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if tryLock != "" {
			return command.Failed(nil, sayLock(tryLock))
		}
		if err := command.CheckOutput(output); err != nil {
			return command.Failed(o, err)
		}
		if rotation {
			err := d.rotation(cmd.Context(), yes, output)
			return command.Failed(d.bound, err)
		}
		return command.Failed(o, d.run(cmd.Context(), output))
	}
	return c
}

// run runs all checks, and shows each as soon as it and those before it have ended.
func (d *doctor) run(ctx context.Context, output string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("it took longer than %v", most))
	defer cancel()
	prepared := make(chan struct{})
	go func() { // a file may be where nothing answers
		d.prepare(ctx)
		close(prepared)
	}()
	select {
	case <-prepared:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var list []report
	show := newPrinter(output)
	for _, c := range begin(ctx, d, checks()) {
		r := c.wait(ctx)
		if err := interrupted(ctx); err != nil {
			return err
		}
		if len(r.details) == 0 {
			continue
		}
		list = append(list, r)
		if err := show.one(r); err != nil {
			return err
		}
	}
	failed, err := show.end(list)
	if err == nil && failed {
		err = fault.Silently(fault.Other)
	}
	return err
}

// interrupted is the signal that ended a context, if one did.
func interrupted(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil && fault.Holds[*talk.SignalError](err) {
		return err
	}
	return nil
}

// running is a check that was begun.
type running struct {
	check
	done chan found
}

func begin(ctx context.Context, d *doctor, all []check) (list []running) {
	for _, c := range all {
		r := running{c, make(chan found, 1)}
		list = append(list, r)
		go func() {
			defer func() {
				if v := recover(); v != nil {
					r.done <- found{result: failure, details: []string{fmt.Sprintf("the check itself failed: %v", v)}}
				}
			}()
			r.done <- c.run(ctx, d)
		}()
	}
	return list
}

// wait waits for a check. One that hangs (a dead network file system) is given up.
func (r running) wait(ctx context.Context) report {
	select {
	case f := <-r.done:
		return report{r.name, f}
	case <-ctx.Done():
	}
	select { // what ended by itself at the deadline says more
	case f := <-r.done:
		return report{r.name, f}
	case <-time.After(time.Second):
	}
	return report{r.name, found{result: failure, details: []string{"no answer within " + most.String()}}}
}

// prepare reads the settings, whatever is wrong with them.
func (d *doctor) prepare(ctx context.Context) {
	o := d.o
	if d.readErr = o.Read(nil); d.readErr != nil {
		_ = o.Settle() // for the cache directory
	}
	if d.readErr == nil {
		d.checkErr = o.Check()
	}
	o.LeaveOutHelpers()
	bound := *o
	bound.Tool = settings.ToolLogin
	d.bound = &bound
	d.profiles = profilesOf(o)
	d.find()
	_ = o.ExtraRoots() // read once, before the checks share it
	d.provider = sync.OnceValue(func() *answers {
		if !d.named() {
			return &answers{}
		}
		return d.ask(ctx)
	})
}

// named reports whether a provider is named by settings that can be used.
func (d *doctor) named() bool {
	return d.readErr == nil && d.checkErr == nil && (d.o.Provider.Issuer != "" || d.o.Center() != nil)
}

// sayLock is the other process of the check of locks.
func sayLock(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	free, err := tryLock(f)
	if err == nil {
		_, err = fmt.Fprintln(os.Stdout, map[bool]string{true: lockFree, false: lockHeld}[free])
	}
	return err
}
