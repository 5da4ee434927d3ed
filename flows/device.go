package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/credential"
)

const (
	doingDevice = "device sign-in"

	defaultInterval = 5 * time.Second // RFC 8628 §3.2
	maxInterval     = time.Minute     // a longer one is in other units, or a mistake
	slowDown        = 5 * time.Second // §3.5
	minInterval     = time.Second
	maxBackoff      = 30 * time.Second
	defaultExpiry   = 5 * time.Minute
	maxLink         = 500 // a longer one pushes the code off the screen
)

// DevicePrompt is what a person needs for a device sign-in. The device code is
// not in it: it is never for display (RFC 8628 §3.3).
type DevicePrompt struct {
	UserCode                string
	VerificationURI         string
	VerificationURIComplete string // carries the user code; may be empty
	ExpiresAt               time.Time
}

// Device signs a person in by the Device Authorization Grant (RFC 8628): it
// asks for a code, has it shown, and polls until the person has decided, the
// code has ended, or ctx has. The ID token has been verified.
func (p *Provider) Device(ctx context.Context, req SignIn, show func(DevicePrompt) error) (*Result, error) {
	if p.DeviceAuthorizationEndpoint == "" {
		return nil, &LackError{Doing: doingDevice, What: "its metadata has no device_authorization_endpoint"}
	}
	asked := time.Now() // its monotonic part keeps the expiry true when the clock is set
	form := url.Values{"scope": {joinScopes(req.Scopes)}}
	req.addTargets(form, p.Dialect)
	req.StepUp.add(form, p.Dialect)
	p.adapt(RequestDevice, form)
	verifier := ""
	if !p.Dialect.NoDevicePKCE {
		verifier = oauth2.GenerateVerifier()
		form.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier))
		form.Set("code_challenge_method", "S256") // Dex would take it for plain
	}
	a, err := p.post(ctx, doingDevice,
		req.Client.endpointFor(p.DeviceAuthorizationEndpoint, p.MTLSEndpointAliases.DeviceAuthorizationEndpoint),
		p.TokenEndpointAuthMethods, req.Client, form)
	if err != nil {
		return nil, err
	}
	switch a.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return nil, &LackError{Doing: doingDevice, What: fmt.Sprintf("its device endpoint answers with status %d", a.Status)}
	}
	fields, err := a.Fields(doingDevice)
	if err != nil {
		return nil, err
	}
	if err := a.Refusal(doingDevice, fields); err != nil {
		if refusal, ok := errors.AsType[*OAuthError](err); ok && refusal.Code == "access_denied" {
			return nil, &deniedError{refusal}
		}
		return nil, explain(err)
	}
	prompt, err := p.devicePrompt(fields, asked)
	if err != nil {
		return nil, err
	}
	deviceCode := credential.NewSecret(word(fields["device_code"]))
	if deviceCode.IsZero() {
		return nil, Garbled(doingDevice, "the answer has no device code")
	}
	if err := show(prompt); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, prompt.ExpiresAt, ErrTimedOut)
	defer cancel()
	set, fields, err := p.pollDevice(ctx, req, deviceCode, verifier, pollInterval(fields["interval"], defaultInterval))
	if err == nil && p.Dialect.Organization.Switch {
		set, fields, err = p.toOrganization(ctx, req, set, fields)
	}
	if err != nil {
		return nil, err
	}
	return p.result(ctx, set, fields, req.expect(asked))
}

// toOrganization trades what came of a sign-in that could not name an organization
// for tokens of the one that was asked for: the person may have chosen another on
// the page.
func (p *Provider) toOrganization(ctx context.Context, req SignIn, set *credential.TokenSet,
	fields Fields) (*credential.TokenSet, Fields, error) {
	if req.Organization == "" || p.OrganizationOf(set) == req.Organization || set.RefreshToken.IsZero() {
		return set, fields, nil
	}
	form := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {set.RefreshToken.Reveal()},
		cmp.Or(p.Dialect.Organization.Param, "organization"): {req.Organization},
	}
	p.adapt(RequestRefresh, form)
	return p.signInRequest(ctx, doingDevice, req.Client, form)
}

// pollInterval reads how long to wait between polls, within what makes sense.
func pollInterval(raw json.RawMessage, other time.Duration) time.Duration {
	d, ok := seconds(raw)
	if !ok || d > maxInterval {
		return other
	}
	return max(d, minInterval)
}

// word reads a string, also one that somebody wrote as a number.
func word(raw json.RawMessage) string {
	var n json.Number
	_ = json.Unmarshal(raw, &n)
	return cmp.Or(text(raw), n.String())
}

// link reads an address, without what cannot be part of it at its ends.
func link(raw json.RawMessage) string {
	return strings.TrimFunc(text(raw), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

// devicePrompt reads the part of the answer that is for the person. It is
// somebody else's text on its way to a terminal: the code is cleaned, and a
// link must be one that a person may be sent to. The link that has the code in it
// is left out where it is not one; nobody needs it.
func (p *Provider) devicePrompt(fields Fields, asked time.Time) (DevicePrompt, error) {
	prompt := DevicePrompt{
		UserCode: Clean(word(fields["user_code"]), 60),
		// the latter of an older draft, still met
		VerificationURI: cmp.Or(link(fields["verification_uri"]), link(fields["verification_url"])),
		ExpiresAt:       asked.Add(defaultExpiry),
	}
	if d, ok := seconds(fields["expires_in"]); ok && d > 0 {
		prompt.ExpiresAt = asked.Add(d)
	}
	if prompt.UserCode == "" || prompt.VerificationURI == "" {
		return prompt, Garbled(doingDevice, "the answer has no user code or no verification URI")
	}
	var err error
	if prompt.VerificationURI, err = p.checkLink(prompt.VerificationURI); err != nil {
		return prompt, err
	}
	prompt.VerificationURIComplete, _ = p.checkLink(link(fields["verification_uri_complete"]))
	return prompt, nil
}

// checkLink returns a link as it may be shown, if a person may be sent there.
func (p *Provider) checkLink(link string) (string, error) {
	if len(link) > maxLink {
		return "", Garbled(doingDevice, "the verification URI has %d characters", len(link))
	}
	u, err := CheckURL("the provider's verification address", link)
	if err != nil {
		return "", &VerifyError{err}
	}
	if u.Scheme != "https" && !p.plain() {
		return "", verifyErrorf("the provider's verification address is not https: %s", Clean(link, 200))
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r >= 0x80 }) {
		return "", verifyErrorf("the provider's verification address has a host that is not ASCII (RFC 3986 §3.2.2): " +
			"letters of another script can look like yours")
	}
	return u.String(), nil // percent-encodes whatever could move a cursor
}

// pollDevice asks until there is a decision (RFC 8628 §3.4, §3.5).
func (p *Provider) pollDevice(ctx context.Context, req SignIn, deviceCode credential.Secret, verifier string,
	interval time.Duration) (*credential.TokenSet, Fields, error) {
	form := url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {deviceCode.Reveal()},
	}
	if verifier != "" {
		form.Set("code_verifier", verifier)
	}
	p.addAtToken(form, req.Resources, req.Claims)
	p.adapt(RequestCode, form)
	wait := interval
	var lastOutage error
	for {
		if err := sleep(ctx, wait); err != nil {
			// Whoever was cut off to the end was not timed out by a person.
			if errors.Is(err, ErrTimedOut) && lastOutage != nil {
				return nil, nil, lastOutage
			}
			return nil, nil, err
		}
		set, fields, err := p.signInRequest(ctx, doingDevice, req.Client, form)
		if err == nil {
			return set, fields, nil
		}
		var outage *UnavailableError
		var refusal *OAuthError
		switch {
		case ctx.Err() != nil:
			continue // sleep tells why
		case errors.As(err, &outage) && !outage.Garbled:
			// A time-out must reduce the frequency; doubling is recommended.
			lastOutage = err
			wait = max(min(2*wait, maxBackoff), interval, outage.RetryAfter)
			continue
		case !errors.As(err, &refusal):
			return nil, nil, err
		case refusal.Code == "authorization_pending":
		case refusal.Code == "slow_down":
			interval = max(interval+slowDown, refusal.interval) // for this and all subsequent requests
		case refusal.Code == "access_denied", refusal.Code == "authorization_declined": // Entra ID's word
			return nil, nil, &deniedError{refusal}
		case refusal.Code == "expired_token":
			return nil, nil, fmt.Errorf("%s: %w", doingDevice, ErrTimedOut)
		default:
			return nil, nil, explain(err)
		}
		lastOutage = nil
		wait = interval
	}
}

// sleep waits for d, or returns the cause of ctx's end.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
