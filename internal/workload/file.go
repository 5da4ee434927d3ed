package workload

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
)

// held is a source whose token is there already, in a file or a variable, for an
// audience that was decided where it was issued.
type held struct {
	base
	what   string                                // the token, for errors
	opaque bool                                  // it need not be a JWT
	svid   bool                                  // it is a JWT-SVID
	there  func() error                          // nil: whether it can be read
	read   func(audience string) (string, error) // the audience is for hints
	hints  func(audience string) []string        // what brings one for an audience; nil if opaque
	owners func(token string) []string           // whose it is
}

func (s *held) FixedAudience() bool { return true }

func (s *held) Available() error {
	if s.there != nil {
		return s.there()
	}
	_, err := s.read("AUDIENCE")
	return err
}

func (s *held) Token(_ context.Context, audience string) (Token, error) {
	token, err := s.read(cmp.Or(audience, "AUDIENCE"))
	if err != nil {
		return Token{}, err
	}
	if s.opaque {
		return s.any(s.what, token, audience)
	}
	if c, _ := parseJWT(token); s.svid && (c.expires.IsZero() || len(c.audience) == 0) {
		return Token{}, s.notHere(s.what + " has no exp or no aud, which it must have")
	}
	return s.fixed(s.what, token, audience, func() []string { return s.hints(audience) })
}

func (s *held) Principal() (string, error) {
	token, err := s.read("AUDIENCE")
	if err != nil {
		return "", err
	}
	return principal(s.owners(token)...), nil
}

// newFile takes the token out of a file that somebody else keeps fresh, such as the
// token that a platform projects. It may be a JWT or opaque.
func newFile(b base, path string) (Source, error) {
	path = b.env.given(path)
	return &held{base: b, what: "the token in " + flows.Clean(path, 200), opaque: true, owners: b.ownersOf,
		there: func() error { return b.fileThere(path) },
		read:  func(string) (string, error) { return b.readToken(path, false) }}, nil
}

// fileThere looks for a token's file. A link whose end is missing is one that is
// being swapped.
func (b base) fileThere(path string) error {
	err := checkFile(path)
	for range 3 {
		if err == nil {
			return nil
		}
		err = checkFile(path)
	}
	return b.tellFile(path, err)
}

// any checks a token that may be opaque, and if it is a JWT says more.
func (b base) any(what, token, audience string) (Token, error) {
	if _, err := parseJWT(token); err != nil {
		return Token{Value: credential.NewSecret(token), Type: TypeAccessToken}, nil
	}
	return b.fixed(what, token, audience, func() []string {
		return []string{"have it issued for that audience, or say which one it is for: --subject-token-audience"}
	})
}

// ownersOf says whose a token is. In a CI job it is the job's: the tokens of two
// jobs can have one subject, and differ in what else they say.
func (b base) ownersOf(token string) []string {
	if b.env.job() != nil {
		return hashed(token)
	}
	return who(token)
}

// newSPIFFE takes a JWT-SVID out of a file, as spiffe-helper writes it
// (jwt_svid_file_name in its configuration). JWT-SVID §3: sub is the SPIFFE ID,
// aud and exp must be there.
func newSPIFFE(b base, path string) (Source, error) {
	path = b.env.given(path)
	shown := flows.Clean(path, 200)
	return &held{base: b, what: "the JWT-SVID in " + shown, svid: true,
		there: func() error { return b.fileThere(path) },
		read: func(string) (string, error) {
			token, err := b.readToken(path, true)
			if err != nil {
				return "", err
			}
			c, err := parseJWT(token)
			if err == nil && !strings.HasPrefix(c.subject, "spiffe://") {
				err = b.notHere("the token in " + shown + " is not a JWT-SVID: its subject is " + quote(c.subject) +
					", not a spiffe:// ID")
			}
			return token, err
		},
		hints: func(audience string) []string {
			return []string{"in spiffe-helper's configuration:",
				`  jwt_svids = [{jwt_audience="` + flows.Clean(audience, 200) + `", jwt_svid_file_name="…"}]`}
		},
		owners: func(token string) []string {
			if c, _ := parseJWT(token); b.env.job() == nil {
				return []string{"spiffe", c.subject}
			}
			return hashed(token)
		}}, nil
}

// newVariable takes the token out of a variable, as CI services hand it to their
// jobs. It may be a JWT or opaque.
func newVariable(b base, name string) (Source, error) {
	if err := checkVariable(name); err != nil {
		return nil, err
	}
	return &held{base: b, what: "the token in the variable " + name, opaque: true, owners: b.ownersOf,
		read: func(string) (string, error) {
			value := b.env.Getenv(name)
			if value == "" {
				return "", b.notHere("the variable " + name + " is not set, or empty")
			}
			token, err := tokenIn([]byte(value))
			if err != nil {
				return "", b.notHere("the value of " + name + " is not a token: " + err.Error())
			}
			return token, nil
		}}, nil
}

// checkVariable refuses what is not a variable's name; somebody may have written
// the token there, so it is not shown.
func checkVariable(name string) error {
	if name == "SSO_EXEC_CLIENT_SECRET" {
		return errors.New("SSO_EXEC_CLIENT_SECRET holds the client's secret, which is not a token")
	}
	if !commandline.IsVariableName(name) {
		return errors.New("the name of the variable with the token is not a valid name")
	}
	return nil
}
