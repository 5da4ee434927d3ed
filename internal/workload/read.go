package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// A token's file is replaced while we look: the kubelet swaps a link and removes
// what it pointed to, others write in place. So what is missing or odd is looked
// at again, for a tenth of a second at most.
const (
	readTries = 20
	readPause = 5 * time.Millisecond
)

// readToken reads a file with one token in it. Its mode may be loose, as the
// kubelet's is, and links are followed. Where jwt is set, what is not a JWT
// counts as half written. It returns a [*NotHereError] for a file that is not
// there or holds something else.
func (b base) readToken(path string, jwt bool) (string, error) {
	for try := 1; ; try++ {
		token, err := b.readOnce(path, jwt)
		if !fault.Holds[*passingError](err) || try == readTries {
			return token, b.tellFile(path, err)
		}
		_ = b.env.pause(context.Background(), readPause)
	}
}

// A passingError may be gone a moment later.
type passingError struct{ err error }

func (e *passingError) Error() string { return e.err.Error() }
func (e *passingError) Unwrap() error { return e.err }

// tellFile says in plain words why a file gave no token.
func (b base) tellFile(path string, err error) error {
	var unsafe *userfile.UnsafeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unsafe):
		return unsafe
	case errors.Is(err, fs.ErrNotExist):
		return b.notHere("no file " + flows.Clean(path, 200))
	case errors.Is(err, fs.ErrPermission):
		return b.notHere(flows.Clean(path, 200) + " cannot be read by this user")
	}
	return b.notHere(flows.Clean(err.Error(), 300))
}

func (b base) readOnce(path string, jwt bool) (string, error) {
	if err := checkFile(path); err != nil {
		return "", err
	}
	raw, err := userfile.Read(path)
	if err != nil {
		return "", &passingError{err}
	}
	token, err := tokenIn(raw)
	if err == nil && jwt {
		_, err = parseJWT(token)
	}
	if err != nil {
		return "", &passingError{fmt.Errorf("the content of %s is not a token: %w", path, err)}
	}
	return token, nil
}

// checkFile refuses what is not a file, before it is opened: a pipe can be read
// only once, and a device may have no end.
func checkFile(path string) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		return &passingError{err}
	case st.IsDir():
		return fmt.Errorf("%s is a directory; name the file in it", path)
	case st.Mode()&fs.ModeNamedPipe != 0:
		return fmt.Errorf("%s is a pipe, which can be read only once; name a file", path)
	case !userfile.IsRegular(st):
		return fmt.Errorf("%s is not a regular file", path)
	case st.Size() > maxToken:
		return fmt.Errorf("%s is larger than a token can be (%d bytes)", path, st.Size())
	}
	return nil
}

// tokenIn takes a token out of a file, a variable or a command's output, without
// the line's end. It must be one word of printable ASCII, as a header takes it.
// The error never holds a part of it.
func tokenIn(raw []byte) (string, error) {
	token := strings.TrimSpace(string(raw))
	switch {
	case token == "":
		return "", errors.New("it is empty")
	case len(token) > maxToken:
		return "", fmt.Errorf("it is larger than a token can be (%d bytes)", len(token))
	case token[0] == '{' || token[0] == '[' || token[0] == '"':
		return "", errors.New("it looks like JSON; the file must contain the token alone")
	case strings.HasPrefix(token, "-----BEGIN"):
		return "", errors.New("it is a key or a certificate in PEM form")
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return "", errors.New("it has spaces, several lines or bytes that are not printable ASCII")
		}
	}
	return token, nil
}

// fixed checks a token whose audience was decided where it was issued; opaque
// ones pass where they may be.
func (b base) fixed(what, token, audience string, hints func() []string) (Token, error) {
	c, err := parseJWT(token)
	if err != nil {
		return Token{}, b.notHere(what + " is not a usable token: " + err.Error())
	}
	if err := c.checkExpired(what, b.env.now()); err != nil {
		return Token{}, err
	}
	if err := c.checkAudience(what, audience); err != nil {
		return Token{}, b.notHere(err.Error(), hints()...)
	}
	return c.jwt(token), nil
}

// ended returns the context's end in the terms of this package: an interrupt is
// itself, running out of time is the other side's silence.
func ended(ctx context.Context, doing, what string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return &flows.UnavailableError{Doing: doing, Err: fmt.Errorf("%s took too long: %w", what, context.DeadlineExceeded)}
}

// firmware reads what the machine's maker wrote into one of its tables.
func (env Env) firmware(path string) string {
	f, err := os.Open(env.system(path))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 256))
	return strings.TrimSpace(string(b))
}
