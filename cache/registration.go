package cache

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// LockRegister is held while a program registers itself as a client.
const LockRegister = "register"

// Registration is a client that a provider has made for this program, where each must
// register itself. One serves all processes and outlives sessions.
type Registration struct {
	Version   int       `json:"version"`
	ClientID  string    `json:"clientId"`
	ExpiresAt time.Time `json:"expiresAt"`

	Secret credential.Secret `json:"-"`
}

type registrationFile struct {
	*Registration
	ClientSecret string `json:"clientSecret"`
}

// lasting is how a registration is written; nil for none.
func (r *Registration) file() *registrationFile {
	if r == nil {
		return nil
	}
	r.Version = formatVersion
	return &registrationFile{r, r.Secret.Reveal()}
}

// registration is what was written.
func (f *registrationFile) registration() *Registration {
	if f == nil || f.Registration == nil {
		return nil
	}
	f.Registration.Secret = credential.NewSecret(f.ClientSecret)
	return f.Registration
}

// RegistrationKey names a registration: by where it was made and what for.
func RegistrationKey(issuer, region string, scopes []string, roots, endpoint string) string {
	return digest("registration", issuer, region, set(scopes), roots, endpoint)
}

// Registration reads a registration, which may have ended.
func (s *Store) Registration(rkey string) (*Registration, error) {
	f := registrationFile{Registration: &Registration{}}
	if err := s.readJSON(&f, &f.Version, "aws-sso", rkey+".json"); err != nil {
		return nil, err
	}
	r := f.registration()
	if r.ClientID == "" || r.Secret.IsZero() {
		return nil, s.orAbsent(fmt.Errorf("%w: it has no client", ErrCorrupt), "aws-sso", rkey+".json")
	}
	return r, nil
}

// WriteRegistration replaces it; the caller holds its lock.
func (s *Store) WriteRegistration(rkey string, r *Registration) error {
	b, err := json.Marshal(r.file())
	if err != nil {
		return err
	}
	return s.write(b, false, "aws-sso", rkey+".json")
}

// RemoveRegistration forgets a client that the provider does not know, if it is the one
// that is kept.
func (s *Store) RemoveRegistration(rkey, clientID string) error {
	if r, err := s.Registration(rkey); err != nil || r.ClientID != clientID {
		return nil
	}
	return s.removeAll("aws-sso", func(name string) bool { return name == rkey+".json" })
}
