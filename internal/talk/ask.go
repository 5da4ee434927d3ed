package talk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// Confirm asks on the terminal; only yes is yes.
func Confirm(question string) (bool, error) {
	answer, err := Ask(question + " [y/N] ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	fmt.Fprintln(Stderr, "Nothing was changed.")
	return false, nil
}

// CanAsk reports whether there is somebody to answer: stdin is a terminal.
func CanAsk() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// ErrNobody is the error where there is nobody to answer.
func ErrNobody() error {
	return fault.InUsage(errors.New("cannot ask: stdin is not a terminal"),
		"give --yes, or --dry-run to look first")
}

// Ask asks for a line. Where nobody is there to answer, that is a usage error.
func Ask(question string) (string, error) {
	if !CanAsk() {
		return "", ErrNobody()
	}
	interrupted := make(chan os.Signal, 1)
	Notify(interrupted) // first: whoever sees the question may already press Ctrl-C
	defer signal.Stop(interrupted)
	fmt.Fprint(Stderr, question)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	stdin := bufio.NewReader(os.Stdin)
	go func() { // until the process ends, if nobody answers
		line, err := stdin.ReadString('\n')
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			fmt.Fprintln(Stderr)
			return "", fmt.Errorf("no answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	case sig := <-interrupted:
		fmt.Fprintln(Stderr)
		return "", &SignalError{Sig: sig.(syscall.Signal)}
	}
}

// SignalError is the cause of a context that a signal ended.
type SignalError struct{ Sig syscall.Signal }

func (e *SignalError) Error() string {
	if e.Sig == syscall.SIGINT {
		return "interrupted"
	}
	return "ended by signal: " + e.Sig.String()
}

// ExitsWith is what a shell says of a process that a signal ended.
func (e *SignalError) ExitsWith() int { return 128 + int(e.Sig) }

// Notify has the signals that end a program sent to ch.
func Notify(ch chan<- os.Signal) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) { // nohup, a shell's background job
			signal.Notify(ch, sig)
		}
	}
}

// OrgName makes a name or an ID fit for a line.
func OrgName(s string) string { return OneLine(strings.TrimSpace(s)) }

// OrgTitle names an organization for a person: by its name and its ID.
func OrgTitle(id, name string) string {
	if name == "" || name == id {
		return OrgName(id)
	}
	return OrgName(name) + " (" + OrgName(id) + ")"
}

// This file is what is said and asked about organizations around a sign-in.

// chooseOrganization has the person choose from the provider's list, where the
// prompt of the sign-in was, if something can be read there.
func (p *prompter) chooseOrganization(ctx context.Context, asking session.Ask, list []flows.Organization) (string,
	error) {
	if p.on(asking.Prompt).screen == nil || !p.here.Facts.Keyboard {
		return "", &session.OrganizationRequiredError{Organizations: list,
			Why: "no prompt was shown: no terminal to type on"}
	}
	p.replace(asking.Prompt, p.program()+"you belong to several organizations; the sign-in must be for one")
	q := p.begin(asking)
	var items []string
	for _, o := range list {
		items = append(items, OrgTitle(o.ID, o.Name))
	}
	if !q.show(terminal.Choice{Asker: p.who(asking), Question: "Which organization? Type its number.", Items: items,
		Until: asking.Until}) {
		return "", &session.OrganizationRequiredError{Organizations: list,
			Why: "no prompt was shown: no place for one"}
	}
	for {
		text, err := q.live.ReadAnswer(ctx, "number")
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, io.EOF): // Ctrl-D
			return "", flows.ErrCancelled
		case errors.Is(err, terminal.ErrTooLong):
		case err != nil:
			return "", &session.OrganizationRequiredError{Organizations: list, Why: err.Error()}
		default:
			if o, ok := pick(list, text); ok {
				p.chosen = o
				p.replace(asking.Prompt, p.program()+"signing in again, for "+OrgTitle(o.ID, o.Name))
				return o.ID, nil
			}
		}
		q.live.Note(fmt.Sprintf("Type a number from 1 to %d.", len(list)))
	}
}

// pick finds the organization that a person typed: by its number, else by its ID
// or its name.
func pick(list []flows.Organization, text string) (flows.Organization, bool) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(list) {
		return list[n-1], true
	}
	is := func(o flows.Organization) bool {
		return o.ID == text || o.Name != "" && strings.EqualFold(o.Name, text)
	}
	at := slices.IndexFunc(list, is)
	if at < 0 || slices.ContainsFunc(list[at+1:], is) {
		return flows.Organization{}, false
	}
	return list[at], true
}
