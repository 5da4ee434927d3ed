package cache

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// formatVersion is written into every file. A reader that finds a larger one
// leaves the file alone.
const formatVersion = 1

// Session is the durable half of a sign-in.
type Session struct {
	Version       int      `json:"version"`
	Issuer        string   `json:"issuer"`
	ClientID      string   `json:"clientId"`
	Label         string   `json:"label"`
	Identity      string   `json:"identity"`
	Subject       string   `json:"subject"`
	Account       string   `json:"account"` // how a person knows it: an e-mail address, a name
	Flow          string   `json:"flow"`
	Scopes        []string `json:"scopes"`
	Audience      string   `json:"audience"`
	Resources     []string `json:"resources"`
	Organization  string   `json:"organization"`
	TokenEndpoint string   `json:"tokenEndpoint"` // the refresh token goes to this host only
	// Root is the hash of the public key of the root that ended that host's
	// certificate chain at the sign-in; empty: not known, or it speaks http.
	Root        string    `json:"root,omitempty"`
	SignedInAt  time.Time `json:"signedInAt"`
	RefreshedAt time.Time `json:"refreshedAt"`
	Reach
	credential.Login
	// LoginClaims is the parameter claims that the sign-in was asked with.
	LoginClaims string `json:"loginClaims,omitempty"`
	// WantedClaims is what the refusal of a refresh asked the next sign-in for, and
	// WantedAt when.
	WantedClaims string    `json:"wantedClaims,omitempty"`
	WantedAt     time.Time `json:"wantedAt,omitzero"`
	// Organizations are those that are known of the person: by a choice that the
	// provider gave, by its list, by tokens.
	Organizations []Organization `json:"organizations,omitempty"`
	// PreferredRole is what the person chose last of what the session can give, in the
	// program's own words. A sign-in leaves it as it is.
	PreferredRole string `json:"preferredRole,omitempty"`
	// RefreshExpiresAt is when the refresh token ends, where the provider tells.
	RefreshExpiresAt time.Time `json:"refreshExpiresAt,omitzero"`
	// EndedAt is when the provider ended the session. What stays then is whose it
	// was, so that nobody else takes it over unnoticed.
	EndedAt time.Time `json:"endedAt,omitzero"`
	// NoIDTokenOnRefresh remembers that this provider's refresh answers carry no
	// ID token, so that not every call asks again.
	NoIDTokenOnRefresh bool `json:"noIdTokenOnRefresh"`

	// RefreshTokenIn tells where the refresh token is stored: InKeyring, inSealed, or
	// empty for the file. Commit sets it.
	RefreshTokenIn string `json:"refreshTokenIn,omitempty"`

	// Registration is the client that the refresh token belongs to, where each program
	// registers itself; nil elsewhere.
	Registration *Registration `json:"-"`

	Renewable bool `json:"-"` // set by Peek: there is a refresh token

	RefreshToken credential.Secret `json:"-"` // zero where Session read one that is stored elsewhere

	sealed []byte

	unknown map[string]json.RawMessage // fields of a later version; they survive a rewrite
}

// Reach is how a session's provider was reached, so that the session can be
// ended by its ID alone. Of this only Roots is part of a key.
type Reach struct {
	Provider         string `json:"provider,omitempty"` // its dialect, by name
	CAFile           string `json:"caFile,omitempty"`   // absolute
	CAData           string `json:"caData,omitempty"`
	Roots            string `json:"extraRoots,omitempty"`       // as in [Request]
	ClientSecretFile string `json:"clientSecretFile,omitempty"` // absolute, as the two below; never the secret itself
	ClientKeyFile    string `json:"clientKeyFile,omitempty"`
	ClientCertFile   string `json:"clientCertFile,omitempty"`
	ClientKeyID      string `json:"clientKeyId,omitempty"`
	ClientAuth       string `json:"clientAuth,omitempty"` // as flows names it
	Region           string `json:"region,omitempty"`     // of IAM Identity Center, with the two below
	OIDCEndpoint     string `json:"oidcEndpoint,omitempty"`
	PortalEndpoint   string `json:"portalEndpoint,omitempty"`
	AWSCLIName       string `json:"awsCliName,omitempty"` // that the AWS CLI knows the session by
	// Login are the program's own words for signing in to this session again, for hints.
	Login []string `json:"login,omitempty"`
	// AssertionAudience is that of a client assertion, where it is not the issuer.
	AssertionAudience string `json:"assertionAudience,omitempty"`
}

// Organization is one that a person belongs to. It is somebody else's text.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type sessionFile struct {
	*Session
	RefreshToken string `json:"refreshToken,omitempty"`
	Sealed       []byte `json:"sealedRefreshToken,omitempty"`

	Registration *registrationFile `json:"registration,omitempty"`
}

// Inherit takes over what a later version of sso-exec has written into the
// record that this one replaces.
func (s *Session) Inherit(old *Session) { s.unknown, s.PreferredRole = old.unknown, old.PreferredRole }

func (s *Session) encode() ([]byte, error) {
	s.Version = formatVersion
	f := sessionFile{Session: s, Registration: s.Registration.file()}
	switch s.RefreshTokenIn {
	case "":
		f.RefreshToken = s.RefreshToken.Reveal()
	case inSealed:
		f.Sealed = s.sealed
	}
	return encodeKeeping(s.unknown, f)
}

func decodeSession(b []byte) (*Session, error) {
	f := sessionFile{Session: &Session{}}
	if err := decode(b, &f, &f.Version); err != nil {
		return nil, err
	}
	unknown, err := unknownFields(b, f)
	if err != nil {
		return nil, err
	}
	f.Session.RefreshToken = credential.NewSecret(f.RefreshToken)
	f.Session.Registration = f.Registration.registration()
	f.sealed = f.Sealed
	f.unknown = unknown
	return f.Session, nil
}

// Tokens is the short-lived half: what a cached answer is made of.
type Tokens struct {
	Version          int       `json:"version"`
	TokenType        string    `json:"tokenType"`
	Scopes           []string  `json:"scopes"`
	StoredAt         time.Time `json:"storedAt"`
	IssuedAt         time.Time `json:"issuedAt"`
	ExpiresAt        time.Time `json:"expiresAt,omitzero"` // of the access token
	IDTokenIssuedAt  time.Time `json:"idTokenIssuedAt,omitzero"`
	IDTokenExpiresAt time.Time `json:"idTokenExpiresAt,omitzero"`
	Organization     string    `json:"organization,omitempty"` // that they are for, as far as that is known
	SignedInAt       time.Time `json:"signedInAt,omitzero"`    // the person, to the session they are of

	credential.Login
	credential.Origin

	AccessToken credential.Secret `json:"-"`
	IDToken     credential.Secret `json:"-"`

	unknown map[string]json.RawMessage
}

type tokensFile struct {
	*Tokens
	AccessToken string `json:"accessToken"`
	IDToken     string `json:"idToken,omitempty"`
}

// Credential picks one of the tokens; it is zero if there is none of that kind.
func (t *Tokens) Credential(tokenType string) credential.Credential {
	if tokenType == credential.IDToken {
		return credential.Credential{Token: t.IDToken, TokenType: "Bearer", IssuedAt: t.IDTokenIssuedAt,
			ExpiresAt: t.IDTokenExpiresAt, StoredAt: t.StoredAt, Login: t.Login, SignedInAt: t.SignedInAt,
			Origin: t.Origin}
	}
	return credential.Credential{Token: t.AccessToken, TokenType: t.TokenType, IssuedAt: t.IssuedAt,
		ExpiresAt: t.ExpiresAt, StoredAt: t.StoredAt, Login: t.Login, SignedInAt: t.SignedInAt,
		Origin: t.Origin}
}

func (t *Tokens) encode() ([]byte, error) {
	t.Version = formatVersion
	t.StoredAt = time.Now().UTC()
	return encodeKeeping(t.unknown, tokensFile{t, t.AccessToken.Reveal(), t.IDToken.Reveal()})
}

func decodeTokens(b []byte) (*Tokens, error) {
	f := tokensFile{Tokens: &Tokens{}}
	if err := decode(b, &f, &f.Version); err != nil {
		return nil, err
	}
	f.Tokens.AccessToken = credential.NewSecret(f.AccessToken)
	f.Tokens.IDToken = credential.NewSecret(f.IDToken)
	return f.Tokens, nil
}

// derivedFile holds what was exchanged for a token. Kind tells AWS keys from
// tokens.
type derivedFile struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	StoredAt  time.Time `json:"storedAt"`
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	For       string    `json:"for,omitempty"` // a role, an audience: for people
	credential.Login
	SignedInAt time.Time `json:"signedInAt,omitzero"`
	credential.Origin

	Token     string `json:"token,omitempty"`
	TokenType string `json:"tokenType,omitempty"`

	AccessKeyID     string `json:"accessKeyId,omitempty"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"`
	SessionToken    string `json:"sessionToken,omitempty"`
	AccountID       string `json:"accountId,omitempty"`
	SessionName     string `json:"sessionName,omitempty"`
	Skew            int    `json:"skewSeconds,omitempty"` // of AWS's clock
}

const (
	kindToken = "token"
	kindAWS   = "aws-keys"
)

func encodeDerived(c credential.Credential) ([]byte, error) {
	f := derivedFile{Version: formatVersion, Kind: kindToken, StoredAt: time.Now().UTC(), IssuedAt: c.IssuedAt.UTC(),
		ExpiresAt: c.ExpiresAt.UTC(),
		For:       c.For, Login: c.Login, SignedInAt: c.SignedInAt.UTC(), Origin: c.Origin,
		Token: c.Token.Reveal(), TokenType: c.TokenType}
	if k := c.AWS; k != nil {
		f.Kind = kindAWS
		f.AccessKeyID, f.SecretAccessKey, f.SessionToken = k.AccessKeyID, k.SecretAccessKey.Reveal(), k.SessionToken.Reveal()
		f.AccountID, f.SessionName, f.Skew = k.AccountID, k.SessionName, int(k.Skew/time.Second)
	}
	return json.Marshal(f)
}

func decodeDerived(b []byte) (credential.Credential, error) {
	var f derivedFile
	if err := decode(b, &f, &f.Version); err != nil {
		return credential.Credential{}, err
	}
	c := credential.Credential{IssuedAt: f.IssuedAt, ExpiresAt: f.ExpiresAt, StoredAt: f.StoredAt, For: f.For,
		Login: f.Login, SignedInAt: f.SignedInAt, Origin: f.Origin}
	switch {
	case f.Kind == kindToken && f.Token != "":
		c.Token, c.TokenType = credential.NewSecret(f.Token), f.TokenType
	case f.Kind == kindAWS && f.AccessKeyID != "" && f.SecretAccessKey != "":
		c.AWS = &credential.AWSKeys{AccessKeyID: f.AccessKeyID, SecretAccessKey: credential.NewSecret(f.SecretAccessKey),
			SessionToken: credential.NewSecret(f.SessionToken), AccountID: f.AccountID, SessionName: f.SessionName,
			Skew: time.Duration(f.Skew) * time.Second}
	default:
		return c, fmt.Errorf("%w: kind %q", ErrCorrupt, f.Kind)
	}
	return c, nil
}

// Provider is a provider's metadata and keys as they were fetched.
type Provider struct {
	Version   int             `json:"version"`
	FetchedAt time.Time       `json:"fetchedAt"`
	Metadata  json.RawMessage `json:"metadata"`
	Keys      json.RawMessage `json:"keys"`
}

// Latch is a failed sign-in that holds other processes back until Until.
type Latch struct {
	Version  int       `json:"version"`
	FailedAt time.Time `json:"failedAt"`
	Until    time.Time `json:"until"`
	Failures int       `json:"failures"` // in a row
	Reason   string    `json:"reason"`
	// NeedsOrganization: a sign-in that names an organization is not held back.
	NeedsOrganization bool `json:"needsOrganization,omitempty"`
	// Only is the key of the tokens that were asked for: a sign-in for others is not
	// held back. Empty: all are.
	Only string `json:"only,omitempty"`
}

// newer is what decode returns for a file of a later format.
type newer int

func (v newer) Error() string {
	return fmt.Sprintf("format version %d is newer than this sso-exec", int(v))
}

// decode parses one of our files into v, whose Version field is version, and
// checks its format version.
func decode(b []byte, v any, version *int) error {
	err := json.Unmarshal(b, v)
	if err != nil {
		// A later format may give a field another type: only the version counts then.
		var head struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(b, &head) == nil {
			*version = head.Version
		}
	}
	switch {
	case *version > formatVersion:
		return newer(*version)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case *version < 1:
		return fmt.Errorf("%w: it names no format version", ErrCorrupt)
	}
	return nil
}

// unknownFields returns the fields of b that v's type does not have.
func unknownFields(b []byte, v any) (map[string]json.RawMessage, error) {
	var unknown map[string]json.RawMessage
	if err := json.Unmarshal(b, &unknown); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	forget(unknown, reflect.TypeOf(v))
	return unknown, nil
}

// forget deletes the JSON names of t's fields, of embedded structs too.
func forget(m map[string]json.RawMessage, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for f := range t.Fields() {
		if f.Anonymous {
			forget(m, f.Type)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		delete(m, name)
	}
}

// encodeKeeping writes v together with the fields that were kept.
func encodeKeeping(unknown map[string]json.RawMessage, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(unknown) == 0 {
		return b, err
	}
	all := maps.Clone(unknown)
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}
