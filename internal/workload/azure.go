package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// azure asks for a managed identity's access token, to be used as an assertion.
// App Service, Functions and Container Apps have an endpoint of their own (Azure
// documentation: "How to use managed identities for App Service", REST endpoint
// reference), virtual machines and AKS nodes the instance metadata service ("How
// to use managed identities on a VM to acquire an access token"). The audience is
// the resource: api://AzureADTokenExchange for another Entra application, whose
// federated credential names the identity.
type azure struct {
	base
	clientID string // of a user-assigned identity; empty: the only one
}

const (
	azureIMDS     = "http://169.254.169.254"
	azureHostVar  = "AZURE_POD_IDENTITY_AUTHORITY_HOST" // another one, as Azure's own libraries read it
	azureFirmware = "/sys/class/dmi/id/chassis_asset_tag"
	azureTag      = "7783-7084-3265-9085-8269-3286-77" // that of every Azure machine
)

// isGUID is compiled when it is asked: every run would pay for it otherwise.
func isGUID(s string) bool {
	return len(s) == 36 && regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`).MatchString(s)
}

func newAzure(b base, clientID string) (Source, error) {
	if clientID != "" && !isGUID(clientID) {
		return nil, errors.New("what follows azure: is not the client ID of a managed identity")
	}
	return &azure{b, clientID}, nil
}

func (s *azure) FixedAudience() bool { return false }

func (s *azure) Available() error {
	_, err := s.request("AUDIENCE")
	return err
}

// request is what to ask, and where.
func (s *azure) request(resource string) (request, error) {
	query := url.Values{"resource": {resource}}
	if s.clientID != "" {
		query.Set("client_id", s.clientID)
	}
	r := request{client: s.env.Metadata}
	endpoint, secret := s.env.Getenv("IDENTITY_ENDPOINT"), strings.TrimSpace(s.env.Getenv("IDENTITY_HEADER"))
	switch {
	case endpoint != "" && s.env.Getenv("IDENTITY_SERVER_THUMBPRINT") != "":
		return r, s.notHere("the managed identities of Service Fabric are not supported")
	case endpoint != "" && secret == "":
		return r, s.notHere("IDENTITY_ENDPOINT is set without IDENTITY_HEADER, as Azure Arc does, whose identities are " +
			"not supported")
	case endpoint != "":
		u, err := checkNear("IDENTITY_ENDPOINT", endpoint)
		if err != nil {
			return r, s.notHere(err.Error())
		}
		if _, err := tokenIn([]byte(secret)); err != nil {
			return r, s.notHere("the value of IDENTITY_HEADER cannot be sent: " + err.Error())
		}
		query.Set("api-version", "2019-08-01")
		u.RawQuery = query.Encode()
		r.doing, r.url, r.secret = "Azure's identity endpoint", u, secret
		r.header = map[string]string{"X-IDENTITY-HEADER": secret}
		return r, nil
	}
	host := s.env.Getenv(azureHostVar)
	if host == "" {
		if s.env.firmware(azureFirmware) != azureTag {
			return r, s.notHere("nothing says that this is Azure (IDENTITY_ENDPOINT is not set, "+azureFirmware+
				" is not Azure's)",
				"if it is a virtual machine there: "+azureHostVar+"="+azureIMDS,
				"in AKS with workload identity: --subject-token-from auto, or file: and what is in AZURE_FEDERATED_TOKEN_FILE")
		}
		host = azureIMDS
	}
	u, err := checkNear(azureHostVar, host)
	if err != nil {
		return r, s.notHere(err.Error())
	}
	query.Set("api-version", "2018-02-01")
	u.Path, u.RawPath, u.RawQuery = "/metadata/identity/oauth2/token", "", query.Encode()
	r.doing, r.url = "Azure's metadata service", u
	r.header = map[string]string{"Metadata": "true"}
	// "Retry guidance" there: 404 and 410 are said while the service is updated.
	r.again = []int{http.StatusNotFound, http.StatusGone}
	return r, nil
}

func (s *azure) Token(ctx context.Context, audience string) (Token, error) {
	r, err := s.request(audience)
	if err != nil {
		return Token{}, err
	}
	if audience == "" {
		return Token{}, s.notHere("Azure makes a token for a resource only",
			"say which: --subject-token-audience, such as api://AzureADTokenExchange")
	}
	a, err := s.env.send(ctx, r)
	if err != nil {
		return Token{}, err
	}
	if a.Status == http.StatusGone {
		return Token{}, &flows.UnavailableError{Doing: r.doing,
			Err: errors.New("the metadata service is being updated (status 410)"), RetryAfter: 70 * time.Second}
	}
	fields, err := a.fields(r)
	if value := text(fields["access_token"]); a.Status == http.StatusOK && value != "" {
		return s.accept(r, a, fields, value, audience)
	}
	code, description := text(fields["error"]), text(fields["error_description"])
	if description == "" {
		description = text(fields["message"]) // of App Service
	}
	switch {
	case code == "" && description == "" && a.Status == http.StatusOK:
		if err == nil {
			err = r.garbled("the answer of %s has no token", flows.Clean(r.url.Host, 100))
		}
		return Token{}, err
	case err != nil:
		return Token{}, a.refused(s.base, "Azure", "")
	}
	return Token{}, a.refused(s.base, "Azure", strings.TrimPrefix(code+": "+description, ": "),
		s.hints(code+" "+description)...)
}

// hints say what most often is behind a refusal.
func (s *azure) hints(words string) []string {
	words = strings.ToLower(words)
	switch {
	case strings.Contains(words, "identity not found"), strings.Contains(words, "no managed identity"),
		strings.Contains(words, "unable to load"):
		return []string{"is a managed identity assigned to this machine or app? One that is user-assigned is named: " +
			"azure:CLIENT_ID"}
	case strings.Contains(words, "multiple user assigned"):
		return []string{"name the one that is meant: azure:CLIENT_ID"}
	case strings.Contains(words, "resource"):
		return []string{"is --subject-token-audience the Application ID URI of an application that the tenant knows, " +
			"without /.default?"}
	}
	return nil
}

// accept checks the answer's token. Its aud is what was asked, or the client ID
// of the application that what was asked is a name of (Microsoft identity
// platform, "Access token claims reference": so it always is in version 2.0).
func (s *azure) accept(r request, a *answer, fields map[string]json.RawMessage, value, audience string) (Token, error) {
	const what = "the access token from Azure"
	if resource := text(fields["resource"]); resource != "" && !sameResource(resource, audience) {
		return Token{}, &flows.VerifyError{Err: &audienceError{what, []string{resource}, audience}}
	}
	if value, err := tokenIn([]byte(value)); err != nil || strings.Count(value, ".") != 2 {
		return Token{}, r.garbled("%s answers without a token (status %d)", flows.Clean(r.url.Host, 100), a.Status)
	}
	token, err := a.token(r, what, value, "")
	if err != nil {
		return Token{}, err
	}
	c, _ := parseJWT(value) // it was read just now
	ok := false
	for _, aud := range c.audience {
		ok = ok || sameResource(aud, audience) || isGUID(aud) && !isGUID(audience)
	}
	if !ok {
		return Token{}, &flows.VerifyError{Err: &audienceError{what, c.audience, audience}}
	}
	if token.Expires.IsZero() {
		token.Expires = numericDate(fields["expires_on"])
	}
	if !token.Expires.IsZero() && !token.Expires.After(a.now) {
		return Token{}, &flows.VerifyError{Err: fmt.Errorf("%s ended at %s already", what,
			token.Expires.Format(time.RFC3339))}
	}
	return Token{Value: credential.NewSecret(value), Type: TypeAccessToken, Expires: token.Expires}, nil
}

// sameResource compares two names of a resource: Entra ID is generous with the
// slash at the end, and api://GUID is GUID.
func sameResource(a, b string) bool {
	norm := func(s string) string {
		s = strings.TrimSuffix(s, "/")
		if id := strings.TrimPrefix(s, "api://"); isGUID(id) {
			return strings.ToLower(id)
		}
		return s
	}
	return norm(a) == norm(b)
}

func (s *azure) Principal() (string, error) {
	r, err := s.request("AUDIENCE")
	if err != nil {
		return "", err
	}
	return s.machine(r.doing, s.clientID), nil
}
