package plugin

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"

	"github.com/sso-exec/sso-exec/credential"
)

// DockerUser is the user name next to a token where nothing else is said: the one
// that most registries know for an OAuth token.
const DockerUser = "oauth2accesstoken"

// Failures that docker and its like know by their text (docker-credential-helpers,
// credentials/error.go).
var (
	ErrDockerServer = errors.New("no credentials server URL")
	ErrDockerUser   = errors.New("no credentials username")
)

// ParseDockerServer reads what get and erase have on stdin, the address of a registry
// as docker has it: example.com, example.com:5000/path or https://example.com/v1/.
// White space at both ends is trimmed, as docker's own helpers do; a control
// character elsewhere is an error.
func ParseDockerServer(in []byte) (string, error) {
	server := strings.TrimSpace(string(in))
	switch {
	case server == "":
		return "", ErrDockerServer
	case strings.ContainsFunc(server, unicode.IsControl):
		return "", errors.New("docker's request: the server has a control character in it")
	}
	return server, nil
}

// CheckDockerStore reads what store has on stdin, and reports what is missing in it.
func CheckDockerStore(in []byte) error {
	var r struct{ ServerURL, Username string }
	switch err := json.Unmarshal(in, &r); {
	case err != nil:
		return errors.New("docker's request is not the JSON object that store has")
	case strings.TrimSpace(r.ServerURL) == "":
		return ErrDockerServer
	case r.Username == "":
		return ErrDockerUser
	}
	return nil
}

// EncodeDocker answers get: the token is the password of a user name. With the user
// name <token> docker takes it as the registry's own refresh token.
func EncodeDocker(server, username string, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	switch {
	case token == "" || !visible(token):
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	case username == "" || !visible(username) || strings.Contains(username, ":"): // RFC 7617 §2
		return nil, errors.New("the user name has characters in it that Basic authentication cannot carry")
	}
	return encode(struct{ ServerURL, Username, Secret string }{server, username, token})
}

// EncodeDockerList answers list: user names by host.
func EncodeDockerList(users map[string]string) ([]byte, error) {
	if users == nil {
		users = map[string]string{}
	}
	return encode(users)
}

// DockerNotFound is a helper's way to say that it has nothing for a server.
func DockerNotFound() []byte { return []byte("credentials not found in native keychain\n") }
