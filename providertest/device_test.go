package providertest_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// deviceClient polls by hand, with the provider's clock.
type deviceClient struct {
	t        *testing.T
	p        *providertest.Provider
	clock    *clock
	code     string
	userCode string
	complete string
	members  map[string]any
}

func newDeviceClient(t *testing.T, config providertest.Config) *deviceClient {
	t.Helper()
	c := &deviceClient{t: t, clock: newClock()}
	config.Now = c.clock.Now
	c.p = providertest.New(t, config)
	c.start()
	return c
}

func (c *deviceClient) start() {
	c.t.Helper()
	res := noRedirects(c.p).post(c.t, endpointURL(c.p, "device_authorization"),
		form("client_id", "cli", "scope", "openid offline_access"))
	if res.StatusCode != 200 {
		c.t.Fatal(res.text)
	}
	c.members = res.members
	c.code, c.userCode = res.members["device_code"].(string), res.members["user_code"].(string)
	c.complete, _ = res.members["verification_uri_complete"].(string)
}

func (c *deviceClient) poll(after time.Duration) response {
	c.t.Helper()
	c.clock.advance(after)
	return noRedirects(c.p).post(c.t, endpointURL(c.p, "token"),
		form("grant_type", deviceGrant, "client_id", "cli", "device_code", c.code))
}

func (c *deviceClient) expect(after time.Duration, want string) {
	c.t.Helper()
	if res := c.poll(after); res.StatusCode != 400 || res.oauthError() != want {
		c.t.Errorf("poll after %v: %d %s, want %s", after, res.StatusCode, res.text, want)
	}
}

func TestDeviceFlow(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{})
	if c.members["interval"] != nil || c.members["expires_in"] != 600.0 {
		t.Errorf("%v", c.members)
	}
	if !regexp.MustCompile(`^[B-Z]{4}-[B-Z]{4}$`).MatchString(c.userCode) {
		t.Errorf("user code %q", c.userCode)
	}
	c.expect(0, "authorization_pending")
	c.expect(5*time.Second, "authorization_pending")
	if got := c.p.PendingUserCodes(); len(got) != 1 || got[0] != c.userCode {
		t.Errorf("pending: %q", got)
	}
	if err := c.p.ApproveDevice(strings.ToLower(strings.ReplaceAll(c.userCode, "-", ""))); err != nil {
		t.Error(err)
	}
	if err := c.p.ApproveDevice(c.userCode); err == nil {
		t.Error("approved twice")
	}
	res := c.poll(5 * time.Second)
	if res.StatusCode != 200 || res.members["refresh_token"] == nil || res.members["id_token"] == nil {
		t.Errorf("%d %s", res.StatusCode, res.text)
	}
	if v := c.p.Violations(); len(v) != 0 || len(c.p.PendingUserCodes()) != 0 {
		t.Errorf("violations %q", v)
	}
	c.expect(5*time.Second, "invalid_grant")
	if v := c.p.Violations(); len(v) != 1 {
		t.Errorf("violations %q", v)
	}
	if n := c.p.Requests(); n.Device != 1 || n.DeviceCode != 4 || n.Token != 4 {
		t.Errorf("%+v", n)
	}
}

func TestDeviceSlowDownIsForGood(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{DeviceInterval: 2})
	c.expect(0, "authorization_pending")
	c.expect(time.Second, "slow_down") // 7 s from now on
	c.expect(2*time.Second, "slow_down")
	c.expect(12*time.Second, "authorization_pending")
	c.expect(12*time.Second, "authorization_pending")
	c.expect(7*time.Second, "slow_down") // back to 7 was too soon
	if v := c.p.Violations(); len(v) != 3 || v[2] != "device code polled after 7s, the interval is 12s" {
		t.Errorf("violations %q", v)
	}
}

func TestDeviceEnds(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{DeviceInterval: 1, DeviceLifetime: time.Minute})
	if err := c.p.DenyDevice(c.userCode); err != nil {
		t.Error(err)
	}
	c.expect(0, "access_denied")
	c.start()
	c.expect(time.Minute, "expired_token")
	if err := c.p.ApproveDevice(c.userCode); err == nil {
		t.Error("an expired code was approved")
	}
	c.code = "unknown"
	c.expect(0, "invalid_grant")
	c.code = ""
	c.expect(0, "invalid_request")
	w := noRedirects(c.p)
	if res := w.post(t, endpointURL(c.p, "device_authorization"),
		form("client_id", "cli", "scope", "root")); res.oauthError() != "invalid_scope" {
		t.Error(res.text)
	}
	if res := w.post(t, endpointURL(c.p, "device_authorization"), form()); res.oauthError() != "invalid_client" {
		t.Error(res.text)
	}
}

func TestDevicePage(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{DeviceAutoApprove: true})
	w := noRedirects(c.p)
	if res := w.get(t, endpointURL(c.p, "device")); !strings.Contains(res.text, "name=user_code") {
		t.Error(res.text)
	}
	if res := w.get(t, c.complete); res.StatusCode != 200 {
		t.Error(res.text)
	}
	if res := c.poll(0); res.StatusCode != 200 {
		t.Error(res.text)
	}
	c.start()
	if res := w.post(t, endpointURL(c.p, "device"),
		form("user_code", c.userCode, "decision", "deny")); res.StatusCode != 200 {
		t.Error(res.text)
	}
	c.expect(0, "access_denied")
	if res := w.post(t, endpointURL(c.p, "device"),
		form("user_code", "<b>", "decision", "allow")); res.StatusCode != 400 || strings.Contains(res.text, "<b>") {
		t.Error(res.text)
	}
	if c.p.Requests().Verify != 4 {
		t.Errorf("%+v", c.p.Requests())
	}
}

func TestDeviceApproveAfter(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{DeviceApproveAfter: 2})
	c.expect(0, "authorization_pending")
	c.expect(5*time.Second, "authorization_pending")
	if res := c.poll(5 * time.Second); res.StatusCode != 200 {
		t.Error(res.text)
	}
}

func TestDeviceScript(t *testing.T) {
	c := newDeviceClient(t, providertest.Config{DeviceInterval: 1})
	c.p.ScriptDevicePolls("authorization_pending", "slow_down", "500", "html", "drop", "weird_error", "ok")
	c.expect(0, "authorization_pending")
	c.expect(time.Second, "slow_down")
	if res := c.poll(6 * time.Second); res.StatusCode != 500 {
		t.Error(res.Status)
	}
	if res := c.poll(6 * time.Second); res.StatusCode != 200 ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Error(res.Status, res.Header)
	}
	c.clock.advance(6 * time.Second)
	if _, err := c.p.Client().PostForm(endpointURL(c.p, "token"),
		form("grant_type", deviceGrant, "client_id", "cli", "device_code", c.code)); err == nil {
		t.Error("drop: an answer")
	}
	c.expect(6*time.Second, "weird_error")
	if res := c.poll(5 * time.Second); res.StatusCode != 200 {
		t.Error(res.text)
	}
	if v := c.p.Violations(); len(v) != 2 { // polled after the unknown error, and too fast
		t.Errorf("violations %q", v)
	}
}

func TestDeviceFlowJudgedByOAuth2(t *testing.T) {
	p := providertest.New(t, providertest.Config{DeviceInterval: 1, DeviceAutoApprove: true})
	rp := newRelyingParty(t, p)
	answer, err := rp.config.DeviceAuth(rp.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(answer.VerificationURIComplete); err != nil || u.Query().Get("user_code") != answer.UserCode {
		t.Errorf("%+v", answer)
	}
	wire{p.Client()}.get(t, answer.VerificationURIComplete)
	var token *oauth2.Token
	if token, err = rp.config.DeviceAccessToken(rp.ctx, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := rp.verify(token); err != nil || len(p.Violations()) != 0 {
		t.Errorf("%v, violations %q", err, p.Violations())
	}
}
