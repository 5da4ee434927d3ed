package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// CargoHello is what cargo hears first: the versions of its credential provider
// protocol that can be spoken.
func CargoHello() []byte { return []byte(`{"v":[1]}` + "\n") }

// CargoRequest is one line of what cargo asks a credential provider (The Cargo Book,
// "Credential Provider Protocol").
type CargoRequest struct {
	IndexURL string // without the sparse+ that cargo puts before it
	Get      bool   // a token is asked for, whatever it is for; else login, logout or what later versions have
	Refused  bool   // the registry has said that the token it was sent is not valid (RFC 6750 §3.1)
	Args     []string
}

// ParseCargoRequest reads a line. What could be read in two ways is an error, as is
// another version than 1; members that are not known are passed over.
//
// Without a token the first answer of a registry is a 401 too, which cargo relays each
// time: only a challenge with error="invalid_token" tells of a token that was refused.
func ParseCargoRequest(line []byte) (r CargoRequest, err error) {
	defer func() {
		if err != nil {
			r, err = CargoRequest{}, fmt.Errorf("cargo's request: %w", err)
		}
	}()
	members, err := object(line)
	if err != nil {
		return r, err
	}
	if v := string(members["v"]); v != "1" {
		return r, errors.New("its version is not 1")
	}
	registry, err := object(members["registry"])
	if err != nil {
		return r, fmt.Errorf("registry: %w", err)
	}
	kind, err1 := text(members, "kind")
	index, err2 := text(registry, "index-url")
	headers, err3 := texts(registry, "headers")
	args, err4 := texts(members, "args")
	r = CargoRequest{IndexURL: strings.TrimPrefix(index, "sparse+"), Get: kind == "get", Args: args}
	for _, h := range headers {
		name, challenge, _ := strings.Cut(h, ":")
		r.Refused = r.Refused || strings.EqualFold(strings.TrimSpace(name), "WWW-Authenticate") &&
			strings.Contains(strings.ReplaceAll(challenge, `"`, ""), "error=invalid_token")
	}
	return r, errors.Join(err1, err2, err3, err4)
}

// EncodeCargo answers get with the whole value of the Authorization header. cargo may
// use it until it ends, for whatever it does.
func EncodeCargo(c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if token == "" || !visible(token) {
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	}
	doc := struct {
		Kind        string `json:"kind"`
		Token       string `json:"token"`
		Cache       string `json:"cache"`
		Expiration  int64  `json:"expiration,omitempty"`
		Independent bool   `json:"operation_independent"`
	}{"get", c.TokenType + " " + token, "session", 0, true}
	if !c.ExpiresAt.IsZero() {
		doc.Cache, doc.Expiration = "expires", c.ExpiresAt.Unix()
	}
	return encode(map[string]any{"Ok": doc})
}

// The kinds of failures that [EncodeCargoError] has. After the first, cargo asks the
// next credential provider.
const (
	CargoURLNotSupported       = "url-not-supported"
	CargoOperationNotSupported = "operation-not-supported"
	CargoOther                 = "other"
)

// EncodeCargoError answers with a failure. message and the causes are shown by cargo,
// and belong to the kind [CargoOther] alone.
func EncodeCargoError(kind, message string, causes ...string) []byte {
	doc := map[string]any{"kind": kind}
	if kind == CargoOther {
		doc["message"], doc["caused-by"] = message, append([]string{}, causes...)
	}
	b, _ := encode(map[string]any{"Err": doc}) // of texts alone
	return b
}
