package flows

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// Whoever holds connections open, with a request that never comes or with a
// body that never does, does not keep the browser out.
func TestLoopbackSlowConnections(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Config{})
	for name, request := range map[string]string{
		"that say nothing":            "",
		"that begin a header":         "GET /callback HTTP/1.1\r\nHost: ",
		"that announce a body":        "POST /callback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
		"that begin a body in chunks": "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"that wait for /done":         "GET /done HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"that go on and on":           "GET /callback HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\nGET /callback HTTP/1.1\r\nHost:",
	} {
		t.Run("connections "+name, func(t *testing.T) {
			res, err := signIn(t, p, nil, func(v visit) {
				v.browser.Timeout = 20 * time.Second // ends a test that has failed
				for range 3 * maxConns {
					c, err := net.Dial("tcp", v.redirect.Host)
					if err != nil {
						t.Error(err)
						break
					}
					defer c.Close()
					_, _ = io.WriteString(c, request)
				}
				v.browse()
			})
			if err != nil || res == nil {
				t.Fatalf("the sign-in ended with %v", err)
			}
		})
	}
}

// The browser that waits for its last page is not one of the crowd.
func TestCrowdDoesNotCostTheLastPage(t *testing.T) {
	l, err := listenLoopback(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	answered := make(chan url.Values, 1)
	l.serve(func(q url.Values) bool { return q.Get("state") == "s" }, func(q url.Values) { answered <- q })

	// until waits for something that happens on the listener's side.
	until := func(crowd int) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); runtime.Gosched() {
			l.crowd.mu.Lock()
			n := len(l.crowd.guests)
			l.crowd.mu.Unlock()
			if n == crowd {
				return
			}
		}
		t.Fatalf("there is no crowd of %d", crowd)
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ask := func(c net.Conn, path string) {
		_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, l.host)
	}
	callback := dial()
	ask(callback, "/callback?code=c&state=s")
	_, _ = io.ReadAll(callback)
	<-answered
	browser := dial()
	until(1)
	ask(browser, l.donePath)
	until(0) // the connection is open, but trusted
	for range 3 * maxConns {
		dial()
	}
	until(maxConns)
	l.finish(t.Context(), outcomePage(credential.Identity{}, nil))
	if page, err := io.ReadAll(browser); err != nil || !strings.HasSuffix(string(page), "</html>\n") {
		t.Errorf("the browser got %q and %v", page, err)
	}
}

// inBubble is a loopback listener whose network is without sockets, so that
// time is the bubble's.
func inBubble(t *testing.T) (l *loopback, browser *http.Client, dial func() net.Conn) {
	u, err := CheckRedirectURI(defaultRedirect)
	if err != nil {
		t.Fatal(err)
	}
	n := &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})}
	l = newLoopback(u, "1234", []net.Listener{n})
	l.serve(func(q url.Values) bool { return q.Get("state") == "s" }, func(url.Values) {})
	t.Cleanup(l.close)
	dial = func() net.Conn {
		c, err := n.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return l, &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true}}, dial
}

// The crowd has a bound: who came first goes first, each after its patience.
func TestCrowdIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, dial := inBubble(t)
		began := time.Now()
		var closed []time.Duration
		var mu sync.Mutex
		for range 3*maxConns + 1 {
			c := dial()
			go func() {
				_, _ = io.ReadAll(c)
				mu.Lock()
				defer mu.Unlock()
				closed = append(closed, time.Since(began))
			}()
		}
		synctest.Wait()
		if took := time.Since(began); took != 2*patience {
			t.Errorf("all were admitted within %v", took)
		}
		time.Sleep(patience)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(closed) != 2*maxConns+1 || len(l.crowd.guests) != maxConns {
			t.Errorf("%d were closed and %d are there", len(closed), len(l.crowd.guests))
		}
		if len(closed) > 0 && closed[0] < patience {
			t.Errorf("the first one had %v", closed[0])
		}
		l.close()
	})
}

// A request that is not whole in time is given up, also without a crowd.
func TestLoopbackHalfRequests(t *testing.T) {
	for name, request := range map[string]string{
		"nothing":                 "",
		"half a header":           "GET / HTTP/1.1\r\nHo",
		"a body that never comes": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, dial := inBubble(t)
				c := dial()
				began := time.Now()
				go func() { _, _ = io.WriteString(c, request) }()
				_, _ = io.ReadAll(c) // until it is closed
				if took := time.Since(began); took > 2*requestTimeout {
					t.Errorf("it was held for %v", took)
				}
			})
		})
	}
}

// The page waits for as long as the provider takes, and comes at once then, to
// each tab, whatever else the browser keeps open, and also after an interrupt.
func TestLoopbackSlowProvider(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"in peace": t.Context(), "interrupted": interrupted} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, browser, dial := inBubble(t)
				var pages [2]string
				var tabs sync.WaitGroup
				for i := range pages {
					tabs.Go(func() { pages[i] = get(browser, "http://"+l.host+"/callback?code=c&state=s") })
				}
				synctest.Wait()
				closed, closeTab := context.WithCancel(t.Context())
				tabs.Go(func() { // one that does not wait
					req, _ := http.NewRequestWithContext(closed, "GET", "http://"+l.host+l.donePath, nil)
					_, _ = browser.Do(req)
				})
				const late = 10 * time.Millisecond
				slow := dial()
				tabs.Go(func() { // one that takes its time to read
					_, _ = fmt.Fprintf(slow, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", l.donePath, l.host)
					<-l.outcome
					time.Sleep(late)
					if b, err := io.ReadAll(slow); err != nil || !strings.HasSuffix(string(b), "</html>\n") {
						t.Errorf("the slow tab got %q and %v", b, err)
					}
				})
				time.Sleep(10 * time.Minute)
				closeTab()
				dial() // a socket that is opened ahead of need
				synctest.Wait()
				began := time.Now()
				l.finish(ctx, outcomePage(credential.Identity{}, nil))
				if took := time.Since(began); took > late {
					t.Errorf("the end took %v", took)
				}
				l.close() // no tab gets less than a page
				tabs.Wait()
				for i, page := range pages {
					if !strings.Contains(page, `id="ok"`) || !strings.HasSuffix(page, "</html>\n") {
						t.Errorf("tab %d got %s", i, page)
					}
				}
			})
		})
	}
}

// A browser that never fetches its last page is not waited for beyond
// pageTimeout, and where none brought the answer there is nothing to wait for.
func TestLoopbackBrowserThatNeverFetchesItsPage(t *testing.T) {
	for want, requests := range map[time.Duration]int{0: 0, pageTimeout: 1} {
		synctest.Test(t, func(t *testing.T) {
			l, browser, _ := inBubble(t)
			browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			for range requests {
				get(browser, "http://"+l.host+"/callback?code=c&state=s")
			}
			began := time.Now()
			l.finish(t.Context(), outcomePage(credential.Identity{}, nil))
			if took := time.Since(began); took != want {
				t.Errorf("after %d answers the end took %v, want %v", requests, took, want)
			}
		})
	}
}

// get returns a page, or what went wrong.
func get(browser *http.Client, target string) string {
	resp, err := browser.Get(target)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprint(string(b), err)
	}
	return string(b)
}
