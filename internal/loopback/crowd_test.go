package loopback

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
)

// The browser that waits for its last page is not one of the crowd.
func TestCrowdDoesNotCostTheLastPage(t *testing.T) {
	l, err := Listen(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered := make(chan url.Values, 1)
	l.Serve(hasState, func(q url.Values) { answered <- q })

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
	l.Finish(t.Context(), done)
	if page, err := io.ReadAll(browser); err != nil || !strings.HasSuffix(string(page), "</html>\n") {
		t.Errorf("the browser got %q and %v", page, err)
	}
}

// done is the page of a sign-in that worked.
var done = Page{Title: "You are signed in", Text: "Return to your terminal.", Mark: "✓", Class: "ok"}

func hasState(r *http.Request) (url.Values, bool) {
	q := r.URL.Query()
	return q, q.Get("state") == "s"
}

// pipeNet is a network without sockets, for a synctest bubble.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error   { n.once.Do(func() { close(n.done) }); return nil }
func (n *pipeNet) Addr() net.Addr { return &net.TCPAddr{} }

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// inBubble is a loopback listener whose network is without sockets, so that
// time is the bubble's.
func inBubble(t *testing.T) (l *Listener, browser *http.Client, dial func() net.Conn) {
	u, err := CheckRedirectURI(defaultRedirect)
	if err != nil {
		t.Fatal(err)
	}
	n := &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})}
	l = newListener(u, "1234", []net.Listener{n})
	l.Serve(hasState, func(url.Values) {})
	t.Cleanup(l.Close)
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
		l.Close()
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
				l.Finish(ctx, done)
				if took := time.Since(began); took > late {
					t.Errorf("the end took %v", took)
				}
				l.Close() // no tab gets less than a page
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
			l.Finish(t.Context(), done)
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
