package workload

import (
	"context"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// file takes the token out of a file that somebody else keeps fresh, such as the
// token that a platform projects. It may be a JWT or opaque.
type file struct {
	base
	path string
}

func newFile(b base, path string) (Source, error) { return &file{b, b.env.given(path)}, nil }

func (s *file) FixedAudience() bool { return true }

func (s *file) Available() error { return s.fileThere(s.path) }

func (s *file) Token(_ context.Context, audience string) (Token, error) {
	token, err := s.readToken(s.path, false)
	if err != nil {
		return Token{}, err
	}
	return s.any("the token in "+flows.Clean(s.path, 200), token, audience)
}

func (s *file) Principal() (string, error) {
	token, err := s.readToken(s.path, false)
	if err != nil {
		return "", err
	}
	return principal(s.ownersOf(token)...), nil
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
		return []string{"sha256", hash(token)}
	}
	return who(token)
}

// spiffe takes a JWT-SVID out of a file, as spiffe-helper writes it
// (jwt_svid_file_name in its configuration). JWT-SVID §3: sub is the SPIFFE ID,
// aud and exp must be there.
type spiffe struct {
	base
	path string
}

func newSPIFFE(b base, path string) (Source, error) { return &spiffe{b, b.env.given(path)}, nil }

func (s *spiffe) FixedAudience() bool { return true }

func (s *spiffe) Available() error { return s.fileThere(s.path) }

func (s *spiffe) Token(_ context.Context, audience string) (Token, error) {
	token, c, err := s.read()
	if err != nil {
		return Token{}, err
	}
	what := "the JWT-SVID in " + flows.Clean(s.path, 200)
	if c.expires.IsZero() || len(c.audience) == 0 {
		return Token{}, s.notHere(what + " has no exp or no aud, which it must have")
	}
	return s.fixed(what, token, audience, func() []string {
		return []string{"in spiffe-helper's configuration:",
			`  jwt_svids = [{jwt_audience="` + flows.Clean(audience, 200) + `", jwt_svid_file_name="…"}]`}
	})
}

func (s *spiffe) Principal() (string, error) {
	token, c, err := s.read()
	if err != nil {
		return "", err
	}
	if s.env.job() != nil {
		return principal("sha256", hash(token)), nil
	}
	return principal("spiffe", c.subject), nil
}

func (s *spiffe) read() (string, claims, error) {
	token, err := s.readToken(s.path, true)
	if err != nil {
		return "", claims{}, err
	}
	c, err := parseJWT(token)
	if err == nil && !strings.HasPrefix(c.subject, "spiffe://") {
		err = s.notHere("the token in " + flows.Clean(s.path, 200) + " is no JWT-SVID: its subject is " + quote(c.subject) +
			", not a spiffe:// ID")
	}
	return token, c, err
}
