package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// maxTyped is the longest line that every system's terminal hands over whole.
const maxTyped = 1000

// helperTimeout bounds a helper, which may have to ask a person.
const helperTimeout = 2 * time.Minute

// readKey reads a key that can be stored: the output of a helper, if there is one;
// else stdin, which on a terminal is asked without echo.
func (a *apiKeys) readKey(ctx context.Context, name, helper string) (credential.Secret, error) {
	var b []byte
	var err error
	switch {
	case helper != "":
		b, err = keyFromHelper(ctx, helper)
	case term.IsTerminal(int(os.Stdin.Fd())):
		b, err = keyFromTerminal(ctx, name)
	default:
		b, err = readAside(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(os.Stdin, apikeys.MaxKey+3)) })
	}
	if err != nil {
		return credential.Secret{}, err
	}
	key := credential.NewSecret(strings.TrimRight(string(b), "\r\n"))
	if err := apikeys.CheckKeyText(key.Reveal()); err != nil {
		return key, err
	}
	if err := a.store.FitsKeyring(key); err != nil {
		return key, fault.InUsage(err, "store it with --store file")
	}
	return key, nil
}

// readAside reads until there is an end, or an interrupt; the reading goes on then
// until the process ends.
func readAside(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := read()
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func keyFromTerminal(ctx context.Context, name string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(talk.Stderr, "API key %s (it is not shown): ", name)
	b, err := readAside(ctx, func() ([]byte, error) { return terminal.ReadSecret(ctx, os.Stdin) })
	_ = term.Restore(fd, before) // an interrupted read leaves the echo off
	fmt.Fprintln(talk.Stderr)
	switch {
	case errors.Is(err, io.EOF), err == nil && strings.TrimSpace(string(b)) == "":
		return nil, fault.Usagef("nothing was typed; nothing was changed")
	case err == nil && len(b) > maxTyped:
		return nil, fault.Usagef("the key is longer than what a terminal hands over for certain: pipe it instead")
	}
	return b, err
}

// keyFromHelper runs a command, without a shell, and takes what it prints. It has
// our environment without our own variables, our terminal and our stderr.
func keyFromHelper(ctx context.Context, command string) ([]byte, error) {
	words, err := commandline.Command(command)
	if err != nil {
		return nil, fault.InUsage(fmt.Errorf("--from-command: %w", err))
	}
	for _, word := range words {
		if apikeys.HasKeyPrefix(word) {
			return nil, apikeys.ErrKeyOnArgv()
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, helperTimeout,
		fmt.Errorf("the helper %s printed no key within %v", words[0], helperTimeout))
	defer cancel()
	program, err := commandline.LookPath(words[0])
	if err != nil {
		return nil, fault.Usagef("--from-command: %s cannot be run: it is split into words and run without a shell", words[0])
	}
	c := exec.CommandContext(ctx, program, words[1:]...)
	c.Env, c.Stderr, c.WaitDelay = commandline.WithoutOurs(os.Environ()), os.Stderr, time.Second
	if term.IsTerminal(int(os.Stdin.Fd())) {
		c.Stdin = os.Stdin
	}
	out := &bounded{most: apikeys.MaxKey + 3}
	c.Stdout = out
	err = c.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		return nil, fault.Usagef("--from-command: %s cannot be run: it is split into words and run without a shell", words[0])
	case err != nil:
		return nil, fmt.Errorf("the helper %s failed, so its output is not taken for a key: %w", words[0], err)
	case out.Len() == 0:
		return nil, fmt.Errorf("the helper %s printed nothing", words[0])
	}
	return out.Bytes(), nil
}

// bounded keeps the first bytes of an output and passes over the rest, so that
// what is too long is seen to be.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), b.most-b.Len())])
	return len(p), nil
}
