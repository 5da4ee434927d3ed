package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestDevice is a sign-in on another device. Dex is made to say slow_down once.
func TestDevice(t *testing.T) {
	watch := &deviceWatch{impatient: true}
	c := newClient(t, newDex(t, dex.Options{Wrap: watch.wrap}))
	login := c.sso(c.args("login", "--flow", "device")...)
	target, code := prompt(t, login)
	if !strings.HasPrefix(target, c.dex.Issuer+"/device") {
		t.Errorf("asked to open %q", target)
	}
	watch.waitForSlowDown(t)
	c.visit(withCode(t, target, code))
	res := login.wait()
	if res.code != 0 {
		t.Fatalf("ended with %d: %s", res.code, res.stderr)
	}
	watch.check(t, res.stdout+res.stderr)

	c.dex.ResetRequests()
	execToken(t, c.sso(c.args("kube", "--flow", "device")...).ok())
	c.requests(nil)
}

// TestDeviceUnderKube has the prompt on stderr and only the document on stdout.
func TestDeviceUnderKube(t *testing.T) {
	watch := &deviceWatch{}
	c := newClient(t, newDex(t, dex.Options{Wrap: watch.wrap}))
	kube := c.sso(c.args("kube", "--flow", "device")...)
	target, code := prompt(t, kube)
	c.visit(withCode(t, target, code))
	execToken(t, kube.ok())
	watch.check(t, kube.stderr.String())
}

// Dex's user codes look like this, and its verification page is /device.
var (
	userCode        = regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`)
	verificationURL = regexp.MustCompile(`https://\S+/device\S*`)
)

// prompt waits until stderr shows both the URL and the code.
func prompt(t *testing.T, c *command) (target, code string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text := c.stderr.String()
		target, code = verificationURL.FindString(text), userCode.FindString(text)
		if target != "" && code != "" && strings.HasSuffix(text, "\n") {
			t.Logf("the prompt:\n%s", text)
			return target, code
		}
	}
	t.Fatalf("no URL and code on stderr: %q", c.stderr.String())
	return "", ""
}

func withCode(t *testing.T, target, code string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = url.Values{"user_code": {code}}.Encode()
	return u.String()
}

// deviceWatch stands in front of Dex and sees the device codes and the polls.
type deviceWatch struct {
	impatient bool // poll two seconds after the start, so that sso-exec's first poll is too early

	mu    sync.Mutex
	codes []string
	polls []poll
}

type poll struct {
	at     time.Time
	answer string // Dex's error, or none
}

func (d *deviceWatch) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/device/code" && r.URL.Path != "/token" {
			next.ServeHTTP(w, r)
			return
		}
		arrived := time.Now()
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		var body struct {
			DeviceCode string `json:"device_code"`
			Error      string `json:"error"`
		}
		json.Unmarshal(recorded.Body.Bytes(), &body)
		d.mu.Lock()
		if r.URL.Path == "/token" {
			d.polls = append(d.polls, poll{arrived, body.Error})
		} else {
			d.codes = append(d.codes, body.DeviceCode)
			if d.impatient {
				time.AfterFunc(2*time.Second, func() { pollAs(next, body.DeviceCode) })
			}
		}
		d.mu.Unlock()
		for key, values := range recorded.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes())
	})
}

// pollAs is somebody else's poll, which Dex counts as sso-exec's.
func pollAs(dex http.Handler, deviceCode string) {
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {clientID}, "device_code": {deviceCode},
	}
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	dex.ServeHTTP(httptest.NewRecorder(), r)
}

func (d *deviceWatch) waitForSlowDown(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		d.mu.Lock()
		for _, p := range d.polls {
			if p.answer == "slow_down" {
				d.mu.Unlock()
				return
			}
		}
		d.mu.Unlock()
	}
	t.Fatal("Dex was never asked too early")
}

// check holds sso-exec to RFC 8628: the device code is shown nowhere, polls are
// an interval apart, and slow_down adds five seconds for good.
func (d *deviceWatch) check(t *testing.T, shown string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.codes) != 1 || d.codes[0] == "" {
		t.Fatalf("%d device codes were issued", len(d.codes))
	}
	if strings.Contains(shown, d.codes[0]) {
		t.Error("the device code was shown")
	}
	interval, slowed := 5*time.Second, 0
	for i, p := range d.polls {
		if i > 0 && p.at.Sub(d.polls[i-1].at) < interval {
			t.Errorf("poll %d came %s after the one before it, want %s", i, p.at.Sub(d.polls[i-1].at), interval)
		}
		if p.answer == "slow_down" {
			interval += 5 * time.Second
			slowed++
		}
	}
	if d.impatient && slowed != 1 || !d.impatient && slowed != 0 {
		t.Errorf("Dex said slow_down %d times: %v", slowed, d.polls)
	}
}
