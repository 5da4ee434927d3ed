package providertest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// timingSlack forgives polls that the network brought closer together.
const timingSlack = 100 * time.Millisecond

// device is one device authorization (RFC 8628 §3.2).
type device struct {
	deviceCode, userCode string
	client               *Client
	scopes, audiences    []string
	challenge            string // RFC 7636; empty: the polls need no verifier
	stepUp               stepUp
	expires              time.Time
	interval             time.Duration
	polled               time.Time // last
	pending              int       // polls told to wait
	approvedBy           string    // subject
	denied, done, ended  bool      // ended: the client was told so
}

// serveDevice is the device authorization endpoint (RFC 8628 §3.1).
func (p *Provider) serveDevice(r *Request) *answer {
	client, refused := p.authenticate(r)
	if refused != nil {
		return refused
	}
	if err := p.checkScopes(scopesOf(r.Form)); err != nil {
		return fail(err.code, err.description)
	}
	if err := checkResources(r.Form["resource"]); err != nil {
		return fail(err.code, err.description)
	}
	asked, err := p.readStepUp(r.Form)
	if err != nil {
		return fail(err.code, err.description)
	}
	challenge, refusal := p.deviceChallenge(r.Form)
	if refusal != nil {
		return fail(refusal.code, refusal.description)
	}
	d := &device{
		stepUp:     asked,
		challenge:  challenge,
		deviceCode: "dc-" + randomText(),
		userCode:   newUserCode(),
		client:     client,
		scopes:     scopesOf(r.Form),
		audiences:  audiences(r.Form),
		expires:    p.config.Now().Add(p.config.DeviceLifetime),
		interval:   time.Duration(cmp.Or(p.config.DeviceInterval, 5)) * time.Second,
	}
	p.devices = append(p.devices, d)
	members := map[string]any{
		"device_code":               d.deviceCode,
		"user_code":                 d.userCode,
		"verification_uri":          p.base + "/device",
		"verification_uri_complete": p.base + "/device?user_code=" + d.userCode,
		"expires_in":                int64(p.config.DeviceLifetime / time.Second),
	}
	if p.config.DeviceInterval != 0 {
		members["interval"] = p.config.DeviceInterval
	}
	a := jsonAnswer(http.StatusOK, members)
	a.header.Set("Cache-Control", "no-store")
	return a
}

// deviceChallenge is the code challenge that counts (OAuth 2.1 servers, Dex,
// Keycloak by setting).
func (p *Provider) deviceChallenge(form url.Values) (string, *oauthError) {
	challenge := form.Get("code_challenge")
	switch {
	case p.config.DevicePKCE == "ignored":
		return "", nil
	case challenge == "" && p.config.DevicePKCE == "required":
		return "", &oauthError{"invalid_request", "code_challenge is required"}
	case challenge != "" && (form.Get("code_challenge_method") != "S256" || !challengeSyntax.MatchString(challenge)):
		return "", &oauthError{"invalid_request", "not a code_challenge by S256"}
	}
	return challenge, nil
}

// newUserCode has no vowels, as RFC 8628 §6.1 suggests.
func newUserCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	random := make([]byte, 8)
	rand.Read(random)
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	return string(random[:4]) + "-" + string(random[4:])
}

// serveVerify is the page of RFC 8628 §3.3 where a person enters the user code. A
// POST decides: user_code and decision=allow or deny.
func (p *Provider) serveVerify(r *Request) *answer {
	userCode, decision := r.Query.Get("user_code"), ""
	if r.Method == http.MethodPost {
		userCode, decision = cmp.Or(r.Form.Get("user_code"), userCode), r.Form.Get("decision")
	} else if p.config.DeviceAutoApprove && userCode != "" {
		decision = "allow"
	}
	if decision == "" {
		return textAnswer(http.StatusOK, "text/html; charset=utf-8", `<!doctype html><title>providertest: device</title>
<form method=post>Code: <input name=user_code> <button name=decision value=allow>Approve</button>
<button name=decision value=deny>Deny</button></form>
`)
	}
	if err := p.decide(userCode, decision == "allow"); err != nil {
		return page(http.StatusBadRequest, err.Error())
	}
	return page(http.StatusOK, "done; return to your device")
}

// ApproveDevice lets the current user approve a device.
func (p *Provider) ApproveDevice(userCode string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.decide(userCode, true)
}

// DenyDevice denies it: the next poll is answered access_denied.
func (p *Provider) DenyDevice(userCode string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.decide(userCode, false)
}

// PendingUserCodes are those that wait for a person, oldest first.
func (p *Provider) PendingUserCodes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	codes := []string{}
	for _, d := range p.devices {
		if p.waiting(d) {
			codes = append(codes, d.userCode)
		}
	}
	return codes
}

func (p *Provider) waiting(d *device) bool {
	return d.approvedBy == "" && !d.denied && !d.done && p.config.Now().Before(d.expires)
}

// decide compares user codes as RFC 8628 §6.1 suggests, without case and
// punctuation.
func (p *Provider) decide(userCode string, approve bool) error {
	plain := func(code string) string { return strings.ToUpper(strings.ReplaceAll(code, "-", "")) }
	for _, d := range p.devices {
		if plain(d.userCode) != plain(userCode) || !p.waiting(d) {
			continue
		}
		if d.denied = !approve; approve {
			d.approvedBy = p.user
		}
		return nil
	}
	return fmt.Errorf("no device waits with the user code %q", userCode)
}

// ScriptDevicePolls says how the next polls are answered, whoever sends them: ok
// (the user approves, tokens are issued), drop (the connection is closed), html
// (a page with status 200), a status such as 500, or an error code such as
// authorization_pending, slow_down, expired_token. After the script all goes on
// as usual.
func (p *Provider) ScriptDevicePolls(answers ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls = append(p.polls, answers...)
}

// grantDevice answers a poll (RFC 8628 §3.4, §3.5).
func (p *Provider) grantDevice(r *Request, client *Client) *answer {
	deviceCode := r.Form.Get("device_code")
	if deviceCode == "" {
		return fail("invalid_request", "device_code is required")
	}
	var d *device
	for _, candidate := range p.devices {
		if candidate.deviceCode == deviceCode && candidate.client.ID == client.ID {
			d = candidate
		}
	}
	if d == nil {
		return fail("invalid_grant", "the device code is unknown")
	}
	if sum := sha256.Sum256([]byte(r.Form.Get("code_verifier"))); d.challenge != "" &&
		keys.Base64URL(sum[:]) != d.challenge {
		return fail("invalid_grant", "the code_verifier does not fit")
	}
	if d.done || d.ended {
		p.violation("device code polled after its end")
	}
	tooFast := p.tooFast(d)
	if len(p.polls) > 0 {
		step := p.polls[0]
		p.polls = p.polls[1:]
		return p.scripted(step, d)
	}
	if p.config.DeviceApproveAfter > 0 && d.pending >= p.config.DeviceApproveAfter && p.waiting(d) {
		d.approvedBy = p.user
	}
	switch {
	case d.done:
		return fail("invalid_grant", "the device code was used before")
	case !p.config.Now().Before(d.expires):
		return d.answer("expired_token")
	case d.denied:
		return d.answer("access_denied")
	case tooFast:
		return d.answer("slow_down")
	case d.approvedBy == "":
		return d.answer("authorization_pending")
	}
	return p.grantApproved(d)
}

// tooFast compares with what the client was last told. A first poll may come at
// any time.
func (p *Provider) tooFast(d *device) bool {
	now, last := p.config.Now(), d.polled
	d.polled = now
	if last.IsZero() || now.Sub(last) >= d.interval-timingSlack {
		return false
	}
	p.violation("device code polled after %v, the interval is %v",
		now.Sub(last).Round(time.Millisecond), d.interval)
	return true
}

func (p *Provider) grantApproved(d *device) *answer {
	d.done = true
	f := p.newFamily(d.client, d.approvedBy, d.scopes, d.audiences, "")
	p.signIn(f, d.stepUp)
	return p.issue(DeviceCode, f, d.scopes, p.newRefreshToken(f))
}

// answer is an error; slow_down adds five seconds for good (RFC 8628 §3.5).
func (d *device) answer(code string) *answer {
	switch code {
	case "authorization_pending":
		d.pending++
	case "slow_down":
		d.interval += 5 * time.Second
	default:
		d.ended = true
	}
	return fail(code, "")
}

func (p *Provider) scripted(step string, d *device) *answer {
	if status, err := strconv.Atoi(step); err == nil {
		return page(status, http.StatusText(status))
	}
	switch step {
	case "ok":
		d.approvedBy = cmp.Or(d.approvedBy, p.user)
		return p.grantApproved(d)
	case "drop":
		return &answer{drop: true}
	case "html":
		return page(http.StatusOK, "please sign in to the hotel's network")
	}
	return d.answer(step)
}
