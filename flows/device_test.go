package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

const theDeviceCode = "dc-7f3a-not-for-display"

// A poll is how one request of the token endpoint is answered.
type poll struct {
	err    string // OAuth error code
	status int    // without a JSON body
	after  int    // Retry-After
	drop   bool   // the connection is closed
	hang   bool   // no answer at all
	body   string
}

var (
	pending  = poll{err: "authorization_pending"}
	slower   = poll{err: "slow_down"}
	dropped  = poll{drop: true}
	approved = poll{}
)

// deviceServer answers a device sign-in within a synctest bubble.
type deviceServer struct {
	t      *testing.T
	answer map[string]any // of the device authorization endpoint
	polls  []poll         // then authorization_pending for ever
	start  time.Time
	at     []time.Duration // when polls came
}

func (s *deviceServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/device" {
		_ = json.NewEncoder(w).Encode(s.answer)
		return
	}
	if got := r.PostFormValue("device_code"); got != theDeviceCode {
		s.t.Errorf("the poll has device code %q", got)
	}
	s.at = append(s.at, time.Since(s.start))
	p := pending
	if len(s.polls) > 0 {
		p, s.polls = s.polls[0], s.polls[1:]
	}
	switch {
	case p.hang:
		<-r.Context().Done()
	case p.drop:
		panic(http.ErrAbortHandler)
	case p.err != "":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q}`, p.err)
	case p.status != 0:
		if p.after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(p.after))
		}
		w.WriteHeader(p.status)
		fmt.Fprint(w, p.body)
	default:
		fmt.Fprintf(w, `{"access_token":"at","token_type":"bearer","expires_in":300,"id_token":%q}`, sign(s.t, claims()))
	}
}

// deviceAnswer is a device authorization response with some members changed;
// nil leaves one out.
func deviceAnswer(changes map[string]any) map[string]any {
	a := map[string]any{"device_code": theDeviceCode, "user_code": "WDJB-MJHT",
		"verification_uri": testIssuer + "/activate", "expires_in": 1800, "interval": 5}
	for k, v := range changes {
		if a[k] = v; v == nil {
			delete(a, k)
		}
	}
	return a
}

// runDevice runs a device sign-in in the bubble it is called in.
func runDevice(ctx context.Context, t *testing.T, s *deviceServer) (*Result, DevicePrompt, error) {
	t.Helper()
	s.t, s.start = t, time.Now()
	p := testProvider(t, serveBubble(t, 15*time.Second, s))
	var shown DevicePrompt
	res, err := p.Device(ctx, SignIn{Client: Client{ID: "cli"}, Scopes: []string{"openid"}}, func(d DevicePrompt) error {
		shown = d
		return nil
	})
	mention(t, "the prompt", fmt.Sprintf("%+v %#v", shown, shown), theDeviceCode)
	mention(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err), theDeviceCode)
	return res, shown, err
}

// RFC 8628 §3.2, §3.5: when polls are sent, in seconds since the start.
func TestDevicePollTimes(t *testing.T) {
	for _, c := range []struct {
		rule     string
		interval any
		polls    []poll
		want     []float64
	}{
		{"the interval as told", 7, []poll{pending, pending, approved}, []float64{7, 14, 21}},
		{"no interval means 5 seconds", nil, []poll{pending, pending, approved}, []float64{5, 10, 15}},
		{"an interval that is not a number means 5 seconds", "soon", []poll{pending, approved}, []float64{5, 10}},
		{"an interval in a string", "3", []poll{pending, approved}, []float64{3, 6}},
		{"a fraction", 2.5, []poll{pending, approved}, []float64{2.5, 5}},
		{"an interval of 0 is at least a second", 0, []poll{pending, approved}, []float64{1, 2}},
		{"an hour is a mistake", 3600, []poll{pending, approved}, []float64{5, 10}},
		{"milliseconds are too", "5000", []poll{pending, approved}, []float64{5, 10}},
		{"a negative one too", -5, []poll{pending, approved}, []float64{1, 2}},
		{"slow_down adds 5 seconds for good", 1, []poll{slower, pending, pending, approved}, []float64{1, 7, 13, 19}},
		{"each slow_down adds them", 1, []poll{slower, slower, pending, approved}, []float64{1, 7, 18, 29}},
		{"lost connections double the wait up to 30 s, and an answer ends that", 5,
			[]poll{dropped, dropped, dropped, dropped, pending, approved}, []float64{5, 15, 35, 65, 95, 100}},
		{"slow_down outlives lost connections", 5, []poll{slower, dropped, pending, approved}, []float64{5, 15, 35, 45}},
		{"an interval beyond the cap is kept to", 45, []poll{dropped, dropped, approved}, []float64{45, 90, 135}},
		{"a request that times out (15 s) doubles the wait", 5, []poll{{hang: true}, approved}, []float64{5, 30}},
		{"5xx doubles the wait", 5, []poll{{status: 500}, {status: 503}, pending, approved}, []float64{5, 15, 35, 40}},
		{"429 waits as long as Retry-After says", 5, []poll{{status: 429, after: 60}, pending, approved},
			[]float64{5, 65, 70}},
		{"429 with a small Retry-After still doubles", 5, []poll{{status: 429, after: 1}, approved}, []float64{5, 15}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &deviceServer{answer: deviceAnswer(map[string]any{"interval": c.interval}), polls: c.polls}
				res, _, err := runDevice(t.Context(), t, s)
				if err != nil {
					t.Fatal(err)
				}
				if res.Identity.Subject != "alice" {
					t.Errorf("signed in as %q", res.Identity.Subject)
				}
				var got []float64
				for _, at := range s.at {
					got = append(got, at.Seconds())
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("polls at %v, want %v", got, c.want)
				}
			})
		})
	}
}

// How polling ends without a credential.
func TestDeviceEnds(t *testing.T) {
	unavailable := func(garbled bool) func(error) bool {
		return func(err error) bool {
			var e *UnavailableError
			return errors.As(err, &e) && e.Garbled == garbled
		}
	}
	refused := func(code string) func(error) bool {
		return func(err error) bool {
			var e *OAuthError
			return errors.As(err, &e) && e.Code == code
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for _, c := range []struct {
		name   string
		answer map[string]any
		polls  []poll
		want   func(error) bool
		after  time.Duration
	}{
		{"denied", nil, []poll{pending, {err: "access_denied"}}, is(ErrDenied), 10 * time.Second},
		{"the server says that the code has ended", nil, []poll{{err: "expired_token"}}, is(ErrTimedOut), 5 * time.Second},
		{"an unknown error code", nil, []poll{{err: "teapot"}}, refused("teapot"), 5 * time.Second},
		{"invalid_grant", nil, []poll{{err: "invalid_grant"}}, refused("invalid_grant"), 5 * time.Second},
		{"HTML with status 200", nil, []poll{{status: 200, body: "<html>"}}, unavailable(true), 5 * time.Second},
		{"a redirect", nil, []poll{{status: 302}}, unavailable(true), 5 * time.Second},
		{"expires_in passes, to the second", map[string]any{"expires_in": 12}, nil, is(ErrTimedOut), 12 * time.Second},
		{"expires_in of 0 is not known", map[string]any{"expires_in": 0}, nil, is(ErrTimedOut), 5 * time.Minute},
		{"a negative one too", map[string]any{"expires_in": "-1e3"}, nil, is(ErrTimedOut), 5 * time.Minute},
		{"no expires_in means 5 minutes", map[string]any{"expires_in": nil}, nil, is(ErrTimedOut), 5 * time.Minute},
		{"expires_in ends a wait that Retry-After made", map[string]any{"expires_in": 100},
			[]poll{{status: 429, after: 3600}}, unavailable(false), 100 * time.Second},
		{"expires_in ends a request that hangs", map[string]any{"expires_in": 10}, []poll{{hang: true}}, is(ErrTimedOut),
			10 * time.Second},
		{"the provider is down to the end: nobody's fault", map[string]any{"expires_in": 20},
			[]poll{dropped, dropped, dropped}, unavailable(false), 20 * time.Second},
		{"it was down for a while only", map[string]any{"expires_in": 20}, []poll{dropped, pending}, is(ErrTimedOut),
			20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &deviceServer{answer: deviceAnswer(c.answer), polls: c.polls}
				began := time.Now()
				_, _, err := runDevice(t.Context(), t, s)
				if err == nil || !c.want(err) {
					t.Errorf("error %v (%T)", err, err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("ended after %v, want %v", took, c.after)
				}
			})
		})
	}
}

func TestDeviceInterrupt(t *testing.T) {
	for _, c := range []struct {
		name  string
		polls []poll
	}{{"while it waits", nil}, {"while a request hangs", []poll{{hang: true}}}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cause := errors.New("somebody pressed Ctrl-C")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(7*time.Second, func() { cancel(cause) })
				began := time.Now()
				if _, _, err := runDevice(ctx, t, &deviceServer{answer: deviceAnswer(nil), polls: c.polls}); !errors.Is(err,
					cause) {
					t.Errorf("error %v, want the cause", err)
				}
				if took := time.Since(began); took != 7*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// The expiry goes by the monotonic clock: setting the machine's clock neither
// ends nor prolongs a sign-in.
func TestDeviceExpiryIsMonotonic(t *testing.T) {
	p := testProvider(t, http.DefaultClient)
	asked := time.Now()
	for _, fields := range []string{`{"user_code":"A","verification_uri":"http://127.0.0.1/","expires_in":60}`,
		`{"user_code":"A","verification_uri":"http://127.0.0.1/"}`} {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(fields), &m); err != nil {
			t.Fatal(err)
		}
		prompt, err := p.devicePrompt(m, asked)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(prompt.ExpiresAt.String(), " m=") {
			t.Errorf("%s: the end %v has no monotonic reading", fields, prompt.ExpiresAt)
		}
	}
}

// What is wrong with a device authorization response, and the names that are
// still met.
func TestDeviceAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer map[string]any
		ok     bool
	}{
		{"as it should be", nil, true},
		{"verification_url, of an older draft",
			map[string]any{"verification_uri": nil, "verification_url": testIssuer + "/a"}, true},
		{"a page on another https host (Google, Entra)", map[string]any{"verification_uri": "https://www.google.com/device"},
			true},
		{"no user code", map[string]any{"user_code": nil}, false},
		{"a user code of control characters only", map[string]any{"user_code": "\x1b\x07"}, false},
		{"no verification URI", map[string]any{"verification_uri": nil}, false},
		{"no device code", map[string]any{"device_code": nil}, false},
		{"a device code that is not a string", map[string]any{"device_code": []int{7}}, false},
		{"a user code that somebody wrote as a number", map[string]any{"user_code": 12345678}, true},
		{"an address with what does not belong to it",
			map[string]any{"verification_uri": "\ufeff " + testIssuer + "/activate\r\n"}, true},
		{"an address with a control character in it", map[string]any{"verification_uri": testIssuer + "/acti\x1bvate"},
			false},
		{"a verification URI over plain http elsewhere", map[string]any{"verification_uri": "http://example.com/"}, false},
		{"a javascript: link", map[string]any{"verification_uri": "javascript:alert(1)"}, false},
		{"a file", map[string]any{"verification_uri": "file:///etc/passwd"}, false},
		{"a user in the complete link: left out",
			map[string]any{"verification_uri_complete": "https://login.example.com@evil.example/"}, true},
		{"a complete link that is not a URL", map[string]any{"verification_uri_complete": "%%"}, true},
		{"one that is not a string", map[string]any{"verification_uri_complete": []int{1}}, true},
		{"one of another scheme", map[string]any{"verification_uri_complete": "ftp://login.example.com/d?c=X"}, true},
		{"one in letters that look like others", map[string]any{"verification_uri_complete": "https://\u0430pple.com/device"},
			true},
		{"a host in letters that look like others", map[string]any{"verification_uri": "https://\u0430pple.com/device"},
			false},
		{"a link that fills the screen",
			map[string]any{"verification_uri": "https://login.example.com/" + strings.Repeat("a", 600)}, false},
		{"a complete link that would: left out",
			map[string]any{"verification_uri_complete": "https://login.example.com/" + strings.Repeat("a", 600)}, true},
		{"an error with status 200", map[string]any{"error": "unauthorized_client"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, shown, err := runDevice(t.Context(), t, &deviceServer{answer: deviceAnswer(c.answer), polls: []poll{approved}})
				if (err == nil) != c.ok {
					t.Errorf("error %v, want ok %v", err, c.ok)
				}
				if !c.ok && shown.UserCode != "" {
					t.Errorf("a person was shown %+v", shown)
				}
				if c.ok && (shown.VerificationURIComplete != "" || strings.ContainsFunc(shown.VerificationURI, unicode.IsSpace)) {
					t.Errorf("a person was shown %+v", shown)
				}
			})
		})
	}
}

// The prompt is a server's text on its way to a terminal.
func TestDevicePromptCannotMoveTheCursor(t *testing.T) {
	const nasty = "\u009b2J\u202e\u200b"
	for _, members := range []map[string]any{
		{"user_code": "AB\x1b[2JCD\n\u202eEF" + nasty},
		{"verification_uri": testIssuer + "/" + nasty},
		{"verification_uri": testIssuer + "/?a=" + nasty},
		{"verification_uri_complete": testIssuer + "/?user_code=" + nasty},
		{"verification_uri": "https://" + nasty + ".example/"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, shown, err := runDevice(t.Context(), t, &deviceServer{answer: deviceAnswer(members), polls: []poll{approved}})
			if err != nil {
				return // refused is fine too
			}
			for _, s := range []string{shown.UserCode, shown.VerificationURI, shown.VerificationURIComplete} {
				if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%v: the prompt has %q", members, s)
				}
			}
		})
	}
}
