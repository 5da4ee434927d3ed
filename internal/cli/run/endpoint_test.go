package run

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
)

// roleKeys are keys of a life that end in a while.
func roleKeys(id string, life, lasts time.Duration) credential.Credential {
	now := time.Now()
	return credential.Credential{IssuedAt: now.Add(lasts - life), ExpiresAt: now.Add(lasts), AWS: &credential.AWSKeys{
		AccessKeyID: id, SecretAccessKey: credential.NewSecret("s"), SessionToken: credential.NewSecret("t")}}
}

// serve serves keys for a test.
func serve(t *testing.T, keys credential.Credential,
	renew func(context.Context) (credential.Credential, error)) *endpoint {
	t.Helper()
	e, err := serveKeys(session.TTL{Exact: -1, Most: 15 * time.Minute, Part: 2}, keys, renew,
		func(err error) string { return "why: " + err.Error() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// keysAnswer is what an SDK reads.
type keysAnswer struct {
	status                            int
	AccessKeyID                       string `json:"AccessKeyId"`
	SecretAccessKey, Token            string
	Expiration                        time.Time
	Code, Message                     string
	allow, contentType, cors, caching string
}

func askEndpoint(t *testing.T, r *http.Request) (a keysAnswer) {
	t.Helper()
	resp, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Error(err)
		return a
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		t.Errorf("%s: %v: %q", resp.Status, err, b)
	}
	a.status, a.allow, a.contentType = resp.StatusCode, resp.Header.Get("Allow"), resp.Header.Get("Content-Type")
	a.cors, a.caching = resp.Header.Get("Access-Control-Allow-Origin"), resp.Header.Get("Cache-Control")
	return a
}

func getKeys(t *testing.T, url, token string) keysAnswer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	return askEndpoint(t, r)
}

// Whoever has not the token, or asks for something else, gets nothing.
func TestEndpointRefuses(t *testing.T) {
	e := serve(t, roleKeys("ASIA1", time.Hour, time.Hour), nil)
	if a := getKeys(t, e.url, e.token); a.status != 200 || a.AccessKeyID != "ASIA1" || a.SecretAccessKey != "s" ||
		a.Token != "t" || a.Expiration.IsZero() ||
		a.contentType != "application/json" || a.cors != "" || a.caching != "no-store" {
		t.Errorf("%+v", a)
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"no token":           {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"an empty one":       {func(r *http.Request) { r.Header.Set("Authorization", "") }, 401},
		"another":            {func(r *http.Request) { r.Header.Set("Authorization", strings.ToLower(e.token)) }, 401},
		"one that begins so": {func(r *http.Request) { r.Header.Set("Authorization", e.token[:51]) }, 401},
		"one that goes on":   {func(r *http.Request) { r.Header.Set("Authorization", e.token+"A") }, 401},
		"with a scheme":      {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+e.token) }, 401},
		"two":                {func(r *http.Request) { r.Header.Add("Authorization", e.token) }, 401},
		"another host": {func(r *http.Request) {
			r.Host = "attacker.example" +
				strings.TrimPrefix(e.host, "127.0.0.1")
		}, 421},
		"localhost": {func(r *http.Request) { r.Host = "localhost" + strings.TrimPrefix(e.host, "127.0.0.1") },
			421},
		"no port":              {func(r *http.Request) { r.Host = "127.0.0.1" }, 421},
		"another path":         {func(r *http.Request) { r.URL.Path = "/" }, 404},
		"a longer path":        {func(r *http.Request) { r.URL.Path += "/" }, 404},
		"a path that leads so": {func(r *http.Request) { r.URL.Path = "/x/.." + r.URL.Path }, 404},
		"a query":              {func(r *http.Request) { r.URL.RawQuery = "a=b" }, 404},
		"POST":                 {func(r *http.Request) { r.Method = http.MethodPost }, 405},
		"HEAD":                 {func(r *http.Request) { r.Method = http.MethodHead }, 405},
		"OPTIONS, of a page": {func(r *http.Request) {
			r.Method = http.MethodOptions
			r.Header.Del("Authorization")
			r.Header.Set("Origin", "https://attacker.example")
			r.Header.Set("Access-Control-Request-Headers", "authorization")
		}, 401},
	} {
		r, err := http.NewRequest(http.MethodGet, e.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", e.token)
		c.change(r)
		a := askEndpoint(t, r)
		if a.status != c.status || a.AccessKeyID+a.SecretAccessKey+a.Token != "" || a.cors != "" ||
			(a.allow != "") != (a.status == 405) {
			t.Errorf("%s: %+v, want %d", name, a, c.status)
		}
	}
	for _, raw := range []string{"GET /credentials HTTP/1.0\r\nAuthorization: " + e.token, "\x16\x03\x01",
		"GET /credentials HTTP/1.1\r\nHost: " + e.host + "\r\nHost: x\r\nAuthorization: " + e.token,
		"GET /credentials HTTP/1.1\r\nHost: " + e.host + "\r\nX: " + strings.Repeat("x", 64<<10),
		"GET http://x" + endpointPath + " HTTP/1.1\r\nHost: " + e.host + "\r\nAuthorization: " + e.token} {
		conn, err := net.Dial("tcp", e.host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, raw+"\r\n\r\n")
		answer, _ := io.ReadAll(bufio.NewReader(conn))
		if !strings.HasPrefix(string(answer), "HTTP/1.") || strings.Contains(string(answer), " 200 ") ||
			strings.Contains(string(answer), "ASIA") {
			t.Errorf("%.60q: %q", raw, answer)
		}
		_ = conn.Close()
	}
}

// A client that does not finish its request is sent away, and keeps nobody waiting.
func TestEndpointSlowClients(t *testing.T) {
	e := serve(t, roleKeys("ASIA1", time.Hour, time.Hour), nil)
	var slow []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", e.host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuth", endpointPath, e.host)
		slow = append(slow, conn)
	}
	if a := getKeys(t, e.url, e.token); a.AccessKeyID != "ASIA1" {
		t.Errorf("%+v", a)
	}
	for _, conn := range slow {
		if answer, err := io.ReadAll(conn); err != nil || strings.Contains(string(answer), "ASIA") {
			t.Errorf("%q, %v", answer, err)
		}
	}
}

// However many ask, there is one renewal, and all get what comes of it.
func TestEndpointSingleFlight(t *testing.T) {
	for _, lasts := range []time.Duration{10 * time.Minute, -time.Minute} {
		var calls atomic.Int32
		begun, finish := make(chan struct{}), make(chan struct{})
		e := serve(t, roleKeys("ASIA1", time.Hour, lasts), func(context.Context) (credential.Credential, error) {
			if calls.Add(1) == 1 {
				close(begun)
			}
			<-finish
			return roleKeys("ASIA2", time.Hour, time.Hour), nil
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if i > 0 {
					<-begun
				}
				a := getKeys(t, e.url, e.token)
				if a.AccessKeyID != "ASIA2" && (lasts < 0 || a.AccessKeyID != "ASIA1") {
					t.Errorf("%+v", a)
				}
			})
		}
		<-begun
		close(finish)
		all.Wait()
		if a := getKeys(t, e.url, e.token); a.AccessKeyID != "ASIA2" || calls.Load() != 1 {
			t.Errorf("%+v after %d renewals", a, calls.Load())
		}
	}
}

// Keys that are still good serve where a renewal takes its time.
func TestEndpointSlowRenewal(t *testing.T) {
	finish := make(chan struct{})
	e := serve(t, roleKeys("ASIA1", time.Hour, 10*time.Minute), func(context.Context) (credential.Credential, error) {
		<-finish
		return roleKeys("ASIA2", time.Hour, time.Hour), nil
	})
	if a := getKeys(t, e.url, e.token); a.AccessKeyID != "ASIA1" { // returns although nothing was finished
		t.Errorf("%+v", a)
	}
	close(finish)
	for id := ""; id != "ASIA2"; {
		if id = getKeys(t, e.url, e.token).AccessKeyID; id == "" {
			t.Fatal("no keys")
		}
	}
}

// A failure is told to who asks, and is not repeated at once; keys that are good
// go on being served.
func TestEndpointFailures(t *testing.T) {
	outage := &flows.UnavailableError{Doing: "ask", Err: errors.New("no route")}
	for name, c := range map[string]struct {
		lasts time.Duration
		err   error
		want  int
		says  string
	}{
		"good keys": {10 * time.Minute, outage, 200, ""},
		"an outage": {-time.Minute, outage, 503, "no route"},
		"a refusal": {-time.Minute, errors.New("no"), 403, "why: no"},
	} {
		var calls atomic.Int32
		e := serve(t, roleKeys("ASIA1", time.Hour, c.lasts), func(context.Context) (credential.Credential, error) {
			calls.Add(1)
			return credential.Credential{}, c.err
		})
		for range 3 {
			if a := getKeys(t, e.url, e.token); a.status != c.want || !strings.Contains(a.Message, c.says) ||
				(a.AccessKeyID != "") != (c.want == 200) {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if n := calls.Load(); c.err != nil && n != 1 {
			t.Errorf("%s: %d renewals", name, n)
		}
		// Later it is tried again.
		e.mu.Lock()
		if e.failed != nil {
			e.failed.ended = time.Now().Add(-renewalPause)
		}
		e.mu.Unlock()
		before := calls.Load()
		getKeys(t, e.url, e.token)
		if calls.Load() == before {
			t.Errorf("%s: it was not tried again", name)
		}
	}
}

// Keys that have ended, or whose end tells nothing since the clock was set back,
// are not served, even where there are no others.
func TestEndpointDeadKeys(t *testing.T) {
	for name, keys := range map[string]credential.Credential{
		"ended":              roleKeys("old", time.Hour, -time.Second),
		"about to end":       roleKeys("old", time.Hour, enoughPatience/2),
		"the clock was back": roleKeys("old", time.Hour, 3*time.Hour),
	} {
		e := serve(t, keys, func(context.Context) (credential.Credential, error) {
			return credential.Credential{}, errors.New("no other keys")
		})
		if a := getKeys(t, e.url, e.token); a.status == http.StatusOK || a.AccessKeyID != "" {
			t.Errorf("%s: status %d, keys %q", name, a.status, a.AccessKeyID)
		}
	}
}

// The end waits for a renewal, tells it so, and leaves nobody who listens.
func TestEndpointClose(t *testing.T) {
	begun, ended := make(chan struct{}), atomic.Bool{}
	e := serve(t, roleKeys("ASIA1", time.Hour, -time.Minute), func(ctx context.Context) (credential.Credential, error) {
		close(begun)
		<-ctx.Done()
		ended.Store(true)
		return credential.Credential{}, ctx.Err()
	})
	asked := make(chan error, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodGet, e.url, nil)
		r.Header.Set("Authorization", e.token)
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		asked <- err
	}()
	<-begun
	e.close()
	if !ended.Load() {
		t.Error("the renewal was left alone")
	}
	if err := <-asked; err == nil {
		t.Error("there was an answer")
	}
	if conn, err := net.Dial("tcp", e.host); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
}
