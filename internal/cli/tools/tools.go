// Package tools has the commands that other tools call, and the cached answer.
package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// encoder makes a tool's document of a credential.
type encoder func(*settings.Resolved, credential.Credential) ([]byte, error)

// New makes a tool's command.
func New(t *tool) *cobra.Command {
	o := settings.For(t.name)
	var q *request
	cmd := &cobra.Command{
		Use: t.name, Short: t.short, Long: t.long, Example: t.example, Args: command.NoArgs,
		Annotations: map[string]string{command.ForTool: ""},
	}
	cmd = command.WithSettings(o, cmd, func(ctx context.Context, _ []string) error {
		if q != nil { // of hosts that are not ours nothing is said, to coding agents neither
			if q.own != nil {
				doc, err := q.own(o)
				return cmp.Or(err, write(doc))
			}
			if named, err := o.NamesHosts(); !named && err == nil {
				return q.nothing(o)
			}
		}
		if err := command.ForAgent(o); err != nil {
			return err
		}
		named, err := o.NamesHosts()
		switch {
		case err != nil:
			return err
		case !named && q == nil:
			return o.HostError()
		case !named:
			return q.nothing(o)
		case q == nil:
			return t.answer(ctx, o, t.encode)
		case q.refuse != nil:
			return q.refuse
		case q.only != nil:
			return write(q.only)
		case q.reject:
			return q.drop(ctx, o, t.by)
		case q.stale:
			if err := q.drop(ctx, o, t.by); err != nil {
				return err
			}
		}
		return q.failing(o, t.answer(ctx, o, q.encode))
	})
	if t.below != nil {
		cmd.AddCommand(t.below()...)
	}
	if t.byName || t.request != nil {
		cmd.Annotations[command.ForTool] = "by name"
	}
	if t.request == nil {
		return cmd
	}
	cmd.Use, cmd.Args = strings.TrimSpace(t.name+" "+t.words), cobra.ArbitraryArgs
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, words []string) (err error) {
		if q, err = t.request(words); err != nil {
			return t.told(o, err)
		}
		if q.own == nil && q.host == (hosts.Host{}) {
			return command.Failed(o, q.nothing(o))
		}
		if q.own == nil {
			o.Asked = []hosts.Host{q.host}
		}
		return t.told(o, run(cmd, nil))
	}
	return cmd
}

// told says a failure on stdout too, where the tool reads it there. What is wrong on
// this machine keeps its exit code; to the tool they are all the same.
func (t *tool) told(o *settings.Resolved, err error) error {
	if failed, ok := errors.AsType[*command.Failure](err); ok {
		err = failed.Err
	}
	if err == nil || !t.onStdout || fault.Holds[*fault.Silent](err) || fault.Holds[fault.Coded](err) {
		return command.Failed(o, err)
	}
	if fails := write([]byte(command.Complaint(o, err))); fails != nil {
		return command.Failed(o, err)
	}
	switch fault.KindOf(err) {
	case fault.SignIn, fault.Denied, fault.Unavailable:
		acquire.Refused(o, err)
		command.Complain(o, err)
		err = fault.Silently(exits(1))
	}
	return command.Failed(o, err)
}

// failing answers a failure that is the server's or a person's to end in the tool's own
// protocol, and tells the person. What is wrong on this machine is an exit code.
func (q *request) failing(o *settings.Resolved, err error) error {
	switch fault.KindOf(err) {
	case fault.SignIn, fault.Denied, fault.Unavailable, fault.Other:
	default:
		return err
	}
	if err == nil || q.failed == nil || fault.Holds[fault.Coded](err) {
		return err
	}
	acquire.Refused(o, err)
	command.Complain(o, err)
	return write(q.failed)
}

// answer gets the credential and writes the document.
func (t *tool) answer(ctx context.Context, o *settings.Resolved, encode encoder) error {
	if t.keys {
		if err := acquire.SettleRole(ctx, o, t.by); err != nil {
			return err
		}
	}
	if err := o.Check(); err != nil {
		return err
	}
	if t.check != nil {
		if err := t.check(o); err != nil {
			return err
		}
	}
	if o.APIKey != "" {
		return acquire.PrintAPIKey(ctx, o)
	}
	explained, by := false, t.by
	by.Explained = &explained
	if o.Report.Explain {
		for _, line := range o.Clusters.Explained(o.Cluster(), o.Source.Profile) {
			fmt.Fprintln(talk.Stderr, "sso-exec: "+line)
		}
	}
	own, err := acquire.ForHost(ctx, o, by)
	if err != nil {
		return err
	}
	*o = *own // for hints too
	c, cached, err := acquire.Credential(ctx, o, by, t.keys)
	if err != nil {
		return err
	}
	switch {
	case !o.Report.Explain:
	case cached:
		fmt.Fprintf(talk.Stderr, "sso-exec: answered from the cache; it lasts %s\n", lasting(c))
	case !explained:
		fmt.Fprintln(talk.Stderr, "sso-exec: renewed, without a new sign-in")
	}
	doc, err := encode(o, c)
	if err != nil {
		return err
	}
	return write(doc)
}

func write(doc []byte) error {
	_, err := os.Stdout.Write(doc)
	return err
}

// lasting tells how long a credential is good for.
func lasting(c credential.Credential) string {
	if c.ExpiresAt.IsZero() {
		return "until the provider ends it"
	}
	return "another " + talk.Rough(time.Until(c.ExpiresAt))
}
