package providertest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

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
}

// Keys are the credentials of an assumed role.
type Keys struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
	RoleARN, RoleSessionName, Subject          string
}

// STS is a running fake of AWS STS with the one action that needs no
// credentials, AssumeRoleWithWebIdentity (API version 2011-06-15).
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
	config.MaxSession = cmp.Or(config.MaxSession, 12*time.Hour)
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

// ClearFaults mends it.
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
	if err := s.checkRequest(r); err != nil {
		return err.answer()
	}
	if err := checkParameters(r.Form, s.config.MaxSession); err != nil {
		return err.answer()
	}
	claims, audience, err := s.checkToken(r.Form.Get("WebIdentityToken"))
	if err != nil {
		return err.answer()
	}
	role := r.Form.Get("RoleArn")
	if s.config.Roles != nil && !slices.Contains(s.config.Roles, role) {
		return awsErrorf("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity").answer()
	}
	lifetime := time.Hour
	if seconds, err := strconv.Atoi(r.Form.Get("DurationSeconds")); err == nil {
		lifetime = time.Duration(seconds) * time.Second
	}
	keys := newKeys()
	keys.RoleARN, keys.RoleSessionName = role, r.Form.Get("RoleSessionName")
	keys.Subject, _ = claims["sub"].(string)
	keys.Expiration = s.config.Now().Add(cmp.Or(s.config.KeyLifetime, lifetime)).UTC().Truncate(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = append(s.issued, keys)
	return keys.answer(s.config.Provider.issuer, audience)
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
	if r.Header.Get("Authorization") != "" || r.Form.Has("X-Amz-Signature") {
		s.violation("signed AssumeRoleWithWebIdentity request")
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
	case action != "AssumeRoleWithWebIdentity":
		return awsErrorf("InvalidAction", "Could not find operation %s for version %s", action, version)
	}
	return nil
}

var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	policyParam = regexp.MustCompile(`^PolicyArns\.member\.(\d+)\.arn$`)
)

// checkParameters holds the constraints of the API reference.
func checkParameters(form url.Values, maxSession time.Duration) *awsError {
	for _, name := range []string{"RoleArn", "RoleSessionName", "WebIdentityToken"} {
		if form.Get(name) == "" {
			member := strings.ToLower(name[:1]) + name[1:]
			return awsErrorf("ValidationError",
				"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
		}
	}
	if role := form.Get("RoleArn"); !roleARN.MatchString(role) {
		return awsErrorf("ValidationError", "%s is invalid", role)
	}
	if name := form.Get("RoleSessionName"); !sessionName.MatchString(name) {
		return awsErrorf("ValidationError", "1 validation error detected: Value '%s' at 'roleSessionName' failed to "+
			"satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	if n := len(form.Get("WebIdentityToken")); n < 4 || n > 20000 {
		return awsErrorf("ValidationError", "1 validation error detected: Value at 'webIdentityToken' failed to satisfy "+
			"constraint: Member must have length between 4 and 20000")
	}
	if text := form.Get("DurationSeconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 900 || seconds > 43200 {
			return awsErrorf("ValidationError", "1 validation error detected: Value '%s' at 'durationSeconds' failed to "+
				"satisfy constraint: Member must have value between 900 and 43200", text)
		}
		if time.Duration(seconds)*time.Second > maxSession {
			return awsErrorf("ValidationError",
				"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
	}
	return checkPolicies(form)
}

func checkPolicies(form url.Values) *awsError {
	if policy := form.Get("Policy"); policy != "" {
		if utf8.RuneCountInString(policy) > 2048 {
			return awsErrorf("ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy "+
				"constraint: Member must have length less than or equal to 2048")
		}
		if !json.Valid([]byte(policy)) {
			return awsErrorf("MalformedPolicyDocument", "Syntax errors in policy.")
		}
	}
	for name := range form {
		if !strings.HasPrefix(name, "PolicyArns.") {
			continue
		}
		match := policyParam.FindStringSubmatch(name)
		if match == nil {
			return awsErrorf("MalformedInput", "Unexpected list element %s", name)
		}
		if n, _ := strconv.Atoi(match[1]); n < 1 || n > 10 || !strings.HasPrefix(form.Get(name), "arn:aws") {
			return awsErrorf("ValidationError", "%s is invalid: at most 10 policy ARNs", name)
		}
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
