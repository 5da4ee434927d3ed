package workload

import (
	"context"
	"errors"
)

// variable takes the token out of a variable, as CI services hand it to their
// jobs. It may be a JWT or opaque.
type variable struct {
	base
	variable string
}

func newVariable(b base, name string) (Source, error) {
	if err := checkVariable(name); err != nil {
		return nil, err
	}
	return &variable{b, name}, nil
}

// checkVariable refuses what is no variable's name; somebody may have written
// the token there, so it is not shown.
func checkVariable(name string) error {
	if name == "SSO_EXEC_CLIENT_SECRET" {
		return errors.New("SSO_EXEC_CLIENT_SECRET holds the client's secret, which is no token")
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return errors.New("what is to name a variable with a token is no variable's name")
		}
	}
	return nil
}

func (s *variable) FixedAudience() bool { return true }

func (s *variable) Available() error {
	_, err := s.read()
	return err
}

func (s *variable) read() (string, error) {
	value := s.env.Getenv(s.variable)
	if value == "" {
		return "", s.notHere("the variable " + s.variable + " is not set, or empty")
	}
	token, err := tokenIn([]byte(value))
	if err != nil {
		return "", s.notHere("what is in the variable " + s.variable + " is no token: " + err.Error())
	}
	return token, nil
}

func (s *variable) Token(_ context.Context, audience string) (Token, error) {
	token, err := s.read()
	if err != nil {
		return Token{}, err
	}
	return s.any("the token in the variable "+s.variable, token, audience)
}

func (s *variable) Principal() (string, error) {
	token, err := s.read()
	if err != nil {
		return "", err
	}
	return principal(s.ownersOf(token)...), nil
}
