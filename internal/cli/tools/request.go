package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is what all tools share that ask by host: in words of the command line
// and on stdin.

// request is what such a tool asks for.
type request struct {
	host     hosts.Host // the zero value: nothing that is ours to answer
	rejected credential.Secret
	reject   bool // the host has refused a token: it is not asked for one
	stale    bool // the host has refused the token that it was sent last, whichever that was
	none     []byte
	only     []byte // the answer to what is not a question for a token, at a host that is ours
	code     int    // with none
	refuse   error  // what cannot be done at a host that is ours
	// next has another program answer what is not ours, in place of none; may be nil.
	next   func(*settings.Resolved) error
	encode func(*settings.Resolved, credential.Credential) ([]byte, error)
	failed []byte // the protocol's own failure, where it has one and exits 0 with it
	// own answers what no host is asked in, and no token is the answer to.
	own func(*settings.Resolved) ([]byte, error)
}

// nothing answers what is not ours to answer.
func (q *request) nothing(o *settings.Resolved) error {
	if q.next != nil {
		return q.next(o)
	}
	if err := write(q.none); err != nil || q.code == 0 {
		return err
	}
	return fault.Silently(exits(q.code))
}

// exits is an exit code after all that there was to say is on stdout.
type exits int

func (e exits) Error() string  { return fmt.Sprintf("exit code %d", int(e)) }
func (e exits) ExitsWith() int { return int(e) }

// Args are the command's words and flags, by the name that the program was called
// by: git-credential-sso-exec get is sso-exec git get.
func Args(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	for _, t := range All {
		if !isCalled(t.calledAs, argv) {
			continue
		}
		if _, _, err := settings.ParseWords(t.name, argv[1:]); err != nil && t.others {
			return append([]string{t.name, "--"}, argv[1:]...)
		}
		return append([]string{t.name}, argv[1:]...)
	}
	return argv[1:]
}

// isCalled reports whether the program was called by a name.
func isCalled(name string, argv []string) bool {
	return name != "" && name == strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
}

// maxRequest is how much of stdin is read.
const maxRequest = 1 << 20

var input struct {
	once sync.Once
	read bool
	text []byte
	err  error
}

// readRequest reads a tool's request from stdin, as far as it goes: ended tells
// whether it is complete. It is read once in a process, whoever answers it.
func readRequest(ended func([]byte) bool) ([]byte, error) {
	input.once.Do(func() { input.read = true; input.text, input.err = readAll(os.Stdin, ended) })
	return input.text, input.err
}

func readAll(r io.Reader, ended func([]byte) bool) ([]byte, error) {
	var text bytes.Buffer
	for part := make([]byte, 4096); ; {
		n, err := r.Read(part)
		text.Write(part[:n])
		switch {
		case text.Len() > maxRequest:
			return nil, fmt.Errorf("the request on stdin has more than %d bytes", maxRequest)
		case ended(text.Bytes()), errors.Is(err, io.EOF):
			return text.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("the request on stdin cannot be read: %w", err)
		}
	}
}

// newToken is how old a token is of which nothing is said when it is kept: of many that
// hear of a refusal at once, the first has renewed it, and the others mean the one before.
const newToken = 10 * time.Second

// drop forgets the token that was refused, and says so where that was done a moment ago
// already.
func (q *request) drop(ctx context.Context, o *settings.Resolved, by acquire.Caller) error {
	var kept credential.Credential
	if q.stale {
		kept, _, _ = acquire.CachedForHost(o, false)
		q.rejected = kept.Token
	}
	if q.rejected.IsZero() {
		return nil
	}
	again, err := acquire.Reject(ctx, o, by, q.rejected)
	if again && time.Since(kept.StoredAt).Abs() > newToken {
		talk.Warn(fmt.Errorf("%s does not accept the token of %s; it was renewed less than a minute ago", q.host,
			o.Provider.Issuer))
	}
	return err
}
