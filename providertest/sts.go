package providertest

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest/internal/awsapi"
	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// STSConfig describes a fake AWS Security Token Service.
type STSConfig struct {
	// Provider issues the ID tokens. Its CA is that of the STS too.
	Provider *Provider
	// PlainHTTP serves http://127.0.0.1 instead of https://127.0.0.1.
	PlainHTTP bool
	// Now is the clock; by default the provider's.
	Now func() time.Time
	// Audiences are those of the IAM identity provider: by default the IDs of
	// the provider's clients.
	Audiences []string
	// Roles are ARNs that may be assumed; by default every well-formed one.
	Roles []string
	// MaxSession is the roles' MaxSessionDuration: 12 hours by default.
	MaxSession time.Duration
	// KeyLifetime is how long keys live, whatever DurationSeconds asks for.
	KeyLifetime time.Duration
	// Region is the one that requests must be signed for: us-east-1 by default.
	Region string
	// ExternalIDs are those that a role's trust policy asks for, by its ARN.
	ExternalIDs map[string]string
}

// Keys are the credentials of an assumed role.
type Keys struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
	RoleARN, RoleSessionName, Subject          string
	By, SourceIdentity                         string // whose keys they were had for: a role's ARN
	Transitive                                 []string
}

// STS is a running fake of AWS STS with AssumeRoleWithWebIdentity, and AssumeRole and
// GetCallerIdentity for keys that it has issued itself (API version 2011-06-15).
type STS struct {
	*server
	config STSConfig

	mu     sync.Mutex // guards what is below
	forced []string
	issued []Keys
}

const stsEndpoint Endpoint = "sts"

// NewSTS starts an STS that ends with the test.
func NewSTS(t testing.TB, config STSConfig) *STS {
	t.Helper()
	s, err := StartSTS(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// StartSTS starts an STS. Close ends it.
func StartSTS(config STSConfig) (*STS, error) {
	if config.Provider == nil {
		return nil, errors.New("providertest: an STS needs a provider")
	}
	if config.Now == nil {
		config.Now = config.Provider.config.Now
	}
	if config.Audiences == nil {
		for _, client := range config.Provider.config.Clients {
			config.Audiences = append(config.Audiences, client.ID)
		}
	}
	config.MaxSession, config.Region = cmp.Or(config.MaxSession, 12*time.Hour), cmp.Or(config.Region, "us-east-1")
	s := &STS{config: config}
	s.server = &server{now: config.Now, route: func(string) (Endpoint, handler) { return stsEndpoint, s.serveAction }}
	ca := config.Provider.ca
	if config.PlainHTTP {
		ca = nil
	} else if ca == nil {
		var err error
		if ca, err = keys.NewCA(); err != nil {
			return nil, err
		}
	}
	if err := s.listen(ca, func(string) {}); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the service's endpoint.
func (s *STS) URL() string { return s.url }

// Fault breaks the service as [Provider.Fault] breaks an endpoint.
func (s *STS) Fault(f Fault) { s.addFault(stsEndpoint, f) }

// ClearFaults fixes it.
func (s *STS) ClearFaults() { s.clearFaults() }

// FailNext answers the next requests with AWS error codes, one each:
// IDPCommunicationError, RegionDisabledException, Throttling, …
func (s *STS) FailNext(codes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forced = append(s.forced, codes...)
}

// Requests is how many there were since the start or the last ResetRequests.
func (s *STS) Requests() int { return len(s.Log()) }

// Issued are all keys that were handed out, oldest first.
func (s *STS) Issued() []Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.issued)
}

// Adopt has it know keys that another service has handed out.
func (s *STS) Adopt(k Keys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = append(s.issued, k)
}

// awsError is an error of the service.
type awsError struct{ code, message string }

func (e *awsError) Error() string { return e.code + ": " + e.message }

func awsErrorf(code, format string, args ...any) *awsError {
	return &awsError{code, fmt.Sprintf(format, args...)}
}

// serveAction reads the request in the order in which AWS looks at it: what it
// asks for, its form, the token, the role.
func (s *STS) serveAction(r *Request) *answer {
	if forced := s.nextForced(); forced != "" {
		return awsErrorf(forced, "This error was asked for by the test.").answer()
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetAuthorizationToken") {
		return s.serveECR(r)
	}
	if r.Method == http.MethodGet && r.Query.Get("Action") == awsapi.GetCallerIdentity {
		return s.serveIdentity(r)
	}
	if err := s.checkRequest(r); err != nil {
		return err.answer()
	}
	action := r.Form.Get("Action")
	var caller Keys
	var err *awsError
	if action == awsapi.AssumeRole {
		if caller, err = s.caller(r, "sts"); err != nil {
			return err.answer()
		}
	}
	if wrong := awsapi.CheckParameters(r.Form, s.config.MaxSession); wrong != nil {
		return (&awsError{wrong.Code, wrong.Message}).answer()
	}
	role, keys, issuer, audience := r.Form.Get("RoleArn"), newKeys(), "", ""
	if action == awsapi.AssumeRole {
		if wrong := awsapi.CheckChain(r.Form, awsapi.Caller{ARN: caller.sessionARN(), SourceIdentity: caller.SourceIdentity,
			Transitive: caller.Transitive}, s.config.ExternalIDs[role]); wrong != nil {
			return (&awsError{wrong.Code, wrong.Message}).answer()
		}
		keys.Subject, keys.By = caller.Subject, caller.RoleARN
		keys.SourceIdentity = cmp.Or(caller.SourceIdentity, r.Form.Get("SourceIdentity"))
		keys.Transitive = append(slices.Clone(caller.Transitive), awsapi.Members(r.Form, "TransitiveTagKeys.member.%d")...)
	} else {
		var claims map[string]any
		if claims, audience, err = s.checkToken(r.Form.Get("WebIdentityToken")); err != nil {
			return err.answer()
		}
		keys.Subject, _ = claims["sub"].(string)
		issuer = s.config.Provider.issuer
	}
	if s.config.Roles != nil && !slices.Contains(s.config.Roles, role) {
		return awsErrorf("AccessDenied", "Not authorized to perform sts:%s", action).answer()
	}
	lifetime := time.Hour
	if seconds, err := strconv.Atoi(r.Form.Get("DurationSeconds")); err == nil {
		lifetime = time.Duration(seconds) * time.Second
	}
	keys.RoleARN, keys.RoleSessionName = role, r.Form.Get("RoleSessionName")
	keys.Expiration = s.config.Now().Add(cmp.Or(s.config.KeyLifetime, lifetime)).UTC().Truncate(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = append(s.issued, keys)
	return keys.answer(action, issuer, audience)
}

func (s *STS) nextForced() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forced) == 0 {
		return ""
	}
	code := s.forced[0]
	s.forced = s.forced[1:]
	return code
}

// checkRequest is stricter than AWS in one thing: a token in a URL is refused.
func (s *STS) checkRequest(r *Request) *awsError {
	if r.Method != http.MethodPost || len(r.Query) > 0 {
		s.violation("%s request with %d parameters in the URL", r.Method, len(r.Query))
		return awsErrorf("ValidationError", "This fake takes parameters only in the body of a POST.")
	}
	if action := r.Form.Get("Action"); action != awsapi.AssumeRole && (r.Header.Get("Authorization") != "" ||
		r.Form.Has("X-Amz-Signature")) {
		s.violation("signed %s request", action)
		return awsErrorf("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if r.formErr != nil {
		return awsErrorf("MalformedQueryString", "%v", r.formErr)
	}
	switch action, version := r.Form.Get("Action"), r.Form.Get("Version"); {
	case action == "":
		return awsErrorf("MissingAction", "Missing Action")
	case version != "2011-06-15":
		return awsErrorf("InvalidAction", "Could not find operation %s for version %s", action,
			cmp.Or(version, "NO_VERSION_SPECIFIED"))
	case action != awsapi.AssumeRole && action != "AssumeRoleWithWebIdentity":
		return awsErrorf("InvalidAction", "Could not find operation %s for version %s", action, version)
	}
	return nil
}

// checkToken validates the ID token as IAM does for an OpenID Connect provider.
// The audience is azp where there is one.
func (s *STS) checkToken(token string) (claims map[string]any, audience string, refused *awsError) {
	claims, err := s.config.Provider.VerifyJWT(token)
	if errors.Is(err, keys.ErrMalformed) {
		return nil, "", awsErrorf("InvalidIdentityToken",
			"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	if issuer, _ := claims["iss"].(string); issuer != s.config.Provider.issuer {
		return nil, "", awsErrorf("InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", issuer)
	}
	if errors.Is(err, keys.ErrUnknownKey) {
		return nil, "", awsErrorf("InvalidIdentityToken",
			"Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "+
				"documentation for requirements")
	}
	if err != nil {
		return nil, "", awsErrorf("InvalidIdentityToken", "The signature of the ID Token is invalid")
	}
	for _, name := range []string{"sub", "aud", "exp", "iat"} {
		if claims[name] == nil {
			return nil, "", awsErrorf("InvalidIdentityToken", "Missing a required claim: %s", name)
		}
	}
	now := s.config.Now()
	if exp, _ := claims["exp"].(float64); now.Unix() >= int64(exp) {
		return nil, "", awsErrorf("ExpiredTokenException",
			"Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), int64(exp))
	}
	candidates := []any{claims["aud"]}
	if list, ok := claims["aud"].([]any); ok {
		candidates = list
	}
	if azp := claims["azp"]; azp != nil {
		candidates = []any{azp}
	}
	for _, candidate := range candidates {
		if text, ok := candidate.(string); ok && slices.Contains(s.config.Audiences, text) {
			return claims, text, nil
		}
	}
	return nil, "", awsErrorf("InvalidIdentityToken", "Incorrect token audience")
}

// serveECR is GetAuthorizationToken of Amazon ECR, which stands in for that too.
func (s *STS) serveECR(r *Request) *answer {
	if _, err := s.caller(r, "ecr"); err != nil {
		return jsonAnswer(http.StatusBadRequest, map[string]any{"__type": err.code, "message": err.message})
	}
	password := base64.StdEncoding.EncodeToString([]byte("AWS:" + rand.Text()))
	return jsonAnswer(http.StatusOK, map[string]any{"authorizationData": []any{map[string]any{
		"authorizationToken": password, "expiresAt": float64(s.config.Now().Add(12*time.Hour).UnixMilli()) / 1000}}})
}

// caller verifies a request's signature, and returns the keys that it was made with.
func (s *STS) caller(r *Request, service string) (caller Keys, refused *awsError) {
	_, wrong := awsapi.Verify(awsapi.Request{Method: r.Method, Path: r.Path, Host: r.Host, Body: r.Body, Query: r.Query,
		Header: r.Header}, service, s.config.Region, s.config.Now(), s.find(&caller))
	if wrong != nil {
		return caller, &awsError{wrong.Code, wrong.Message}
	}
	return caller, nil
}

// find returns what finds the keys of an ID, for the caller too.
func (s *STS) find(caller *Keys) func(id string) (awsapi.Keys, bool) {
	return func(id string) (awsapi.Keys, bool) {
		for _, k := range s.Issued() {
			if k.AccessKeyID == id {
				*caller = k
				return awsapi.Keys{SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken,
					Expiration: k.Expiration}, true
			}
		}
		return awsapi.Keys{}, false
	}
}
