package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// gitLine is how long a line of git's protocol may be, without its end.
const gitLine = 65535

// GitRequest is what git tells a credential helper (gitcredentials(7),
// git-credential(1), "INPUT/OUTPUT FORMAT").
type GitRequest struct {
	Protocol string // "https"
	Host     string // with its port, if git has one
	Bearer   bool   // git can send another Authorization than Basic (2.46 and later)
	// Rejected is the token that a server has refused, where git erases one.
	Rejected credential.Secret
}

// GitRequestEnds reports whether a request is complete: it ends at an empty line,
// or with the input.
func GitRequestEnds(in []byte) bool {
	return bytes.HasPrefix(in, []byte("\n")) || bytes.Contains(in, []byte("\n\n"))
}

// ParseGitRequest reads key=value lines up to an empty one. What could be read in two
// ways is an error: a key twice (except in lists, key[]), a line without a key, a NUL or
// a carriage return, a line of over 65535 bytes, an address in one piece (url).
// Keys that are not known are passed over.
func ParseGitRequest(in []byte) (r GitRequest, err error) {
	seen := map[string]string{}
	for n := 1; len(in) > 0 && in[0] != '\n'; n++ {
		var line []byte
		line, in, _ = bytes.Cut(in, []byte("\n"))
		key, value, ok := strings.Cut(string(line), "=")
		_, twice := seen[key]
		switch {
		case len(line) > gitLine:
			err = errors.New("it is too long")
		case bytes.ContainsAny(line, "\x00\r"):
			err = errors.New("it has a NUL or a carriage return")
		case !ok || key == "":
			err = errors.New("it is not key=value")
		case twice && !strings.HasSuffix(key, "[]"):
			err = errors.New("its key is there twice")
		case key == "url":
			err = errors.New("url is not a key of a helper's request")
		}
		if err != nil {
			return GitRequest{}, fmt.Errorf("git's request, line %d: %w", n, err)
		}
		seen[key] = value
		r.Bearer = r.Bearer || key == "capability[]" && value == "authtype"
	}
	r.Protocol, r.Host = seen["protocol"], seen["host"]
	switch {
	case seen["credential"] != "" && strings.EqualFold(seen["authtype"], "Bearer"):
		r.Rejected = credential.NewSecret(seen["credential"])
	case seen["password"] != "":
		r.Rejected = credential.NewSecret(seen["password"])
	}
	return r, nil
}

// EncodeGit answers get: with a Bearer token where git can send one, else with a user
// name and the token as the password. No other helper is to store a Bearer token.
func EncodeGit(r GitRequest, username string, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if token == "" || !visible(token) || len(token) > gitLine-len("credential=") {
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12), " +
			"or is too long for git")
	}
	if !visible(username) {
		return nil, errors.New("the user name has characters in it that git's protocol cannot carry")
	}
	var b strings.Builder
	if r.Bearer {
		b.WriteString("capability[]=authtype\nauthtype=Bearer\ncredential=" + token + "\nephemeral=1\n")
	} else {
		b.WriteString("username=" + username + "\npassword=" + token + "\n")
	}
	if !c.ExpiresAt.IsZero() {
		b.WriteString("password_expiry_utc=" + strconv.FormatInt(c.ExpiresAt.Unix(), 10) + "\n")
	}
	return []byte(b.String()), nil
}

// GitQuit is git's way to hear that neither another helper nor a person is to be asked.
func GitQuit() []byte { return []byte("quit=1\n") }
