package run

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

const (
	endpointPath = "/credentials"
	// enoughPatience is how long a request waits for new keys while the old ones
	// are good: botocore gives up after 2 seconds.
	enoughPatience = time.Second
	// renewalPause is how long a failure is everybody's answer: an SDK that asks
	// at every call must not have the provider asked as often.
	renewalPause = 5 * time.Second
	// requestTimeout bounds how long a client may take to ask.
	requestTimeout = 5 * time.Second
	// answerTimeout bounds what a renewal and its answer may take.
	answerTimeout = 5 * time.Minute
)

// endpoint gives the AWS SDKs in a command keys that renew, by the container
// credentials protocol. It listens on loopback, where every program of this
// machine can knock and a browser can be made to: so it answers nobody without
// the token, which only the command's environment has.
type endpoint struct {
	url, token string
	host       string
	ttl        session.TTL
	renew      func(context.Context) (credential.Credential, error)
	explain    func(error) string // a failure, for whoever reads the SDK's error

	server *http.Server
	crowd  loopback.Crowd
	ctx    context.Context // of renewals
	cancel context.CancelFunc

	mu      sync.Mutex // guards what is below
	keys    credential.Credential
	changed func() bool // the policy is another one than the last time; nil: it is not looked at
	stale   bool        // the keys were had under another policy

	running *renewal
	failed  *renewal // the last one, until one works
}

// renewal is an attempt to get new keys, which all who ask meanwhile share.
type renewal struct {
	done  chan struct{} // closed when the rest is known
	keys  credential.Credential
	err   error
	ended time.Time
}

// serveKeys begins to serve keys, and what comes after them: those of renew, as
// soon as the ones before last less than ttl says.
func serveKeys(ttl session.TTL, keys credential.Credential, renew func(context.Context) (credential.Credential, error),
	explain func(error) string) (*endpoint, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the endpoint for AWS keys: %w", err)
	}
	e := &endpoint{
		url: "http://" + l.Addr().String() + endpointPath, token: rand.Text() + rand.Text(), host: l.Addr().String(),
		ttl: ttl, keys: keys, renew: renew, explain: explain,
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.server = &http.Server{
		Handler: e, ReadTimeout: requestTimeout, ReadHeaderTimeout: requestTimeout, WriteTimeout: answerTimeout,
		MaxHeaderBytes: 8 << 10, ErrorLog: log.New(io.Discard, "", 0), // the terminal is the command's
	}
	e.server.SetKeepAlivesEnabled(false)
	e.crowd.Serve(e.server, l)
	return e, nil
}

// close ends the endpoint. A refresh that is under way is not cut off: the
// provider may have replaced the refresh token already.
func (e *endpoint) close() {
	_ = e.server.Close()
	e.cancel()
	e.mu.Lock()
	r := e.running
	e.mu.Unlock()
	if r != nil {
		<-r.done
	}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	sent := r.Header.Values("Authorization")
	switch {
	case r.Host != e.host: // a page whose name was made to lead here (DNS rebinding)
		refuse(w, http.StatusMisdirectedRequest, "WrongHost", "this is not the host that was asked for")
	case len(sent) != 1 || subtle.ConstantTimeCompare([]byte(sent[0]), []byte(e.token)) != 1:
		refuse(w, http.StatusUnauthorized, "Unauthorized",
			"the Authorization header is not the value of "+plugin.ContainerAuthorization)
	case r.RequestURI != endpointPath:
		refuse(w, http.StatusNotFound, "NotFound", "nothing is here")
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "GET is all that is answered here")
	default:
		e.crowd.Trust(r) // it may wait for a renewal
		e.answer(w, r)
	}
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	keys, err := e.credential(r.Context())
	var doc []byte
	if err == nil {
		doc, err = plugin.EncodeContainerCredentials(keys)
	}
	if err == nil {
		_, _ = w.Write(doc) //nolint:gosec // JSON, said to be that, for an SDK
		return
	}
	if fault.Holds[*flows.UnavailableError](err) || command.ExitCode(err) == command.ExitUnavailable {
		refuse(w, http.StatusServiceUnavailable, "Unavailable", e.explain(err))
		return
	}
	refuse(w, http.StatusForbidden, "Refused", e.explain(err)) // an SDK does not try that again
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	doc, err := plugin.EncodeContainerError(code, message)
	if err != nil {
		doc = nil
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(status)
	_, _ = w.Write(doc)
}

// credential returns keys that last, as far as they can be had. Where that takes
// long, or does not work, what is still valid serves.
func (e *endpoint) credential(ctx context.Context) (credential.Credential, error) {
	e.mu.Lock()
	keys := e.keys
	if e.changed != nil && e.changed() {
		e.stale, e.failed = true, nil
	}
	stale := e.stale
	if !stale && lastFor(keys, e.ttl.For(keys)) {
		e.mu.Unlock()
		return keys, nil
	}
	r := e.begin()
	e.mu.Unlock()
	valid := !stale && lastFor(keys, enoughPatience) // for as long as is waited
	var enough <-chan time.Time
	if valid {
		enough = time.After(enoughPatience)
	}
	select {
	case <-r.done:
	case <-enough:
		return keys, nil
	case <-ctx.Done():
		return keys, ctx.Err()
	}
	if r.err != nil && valid {
		return keys, nil
	}
	return r.keys, r.err
}

// lastFor reports whether keys are good for that long. If they seem to be had in
// the future, the clock was set back, and their end tells nothing.
func lastFor(keys credential.Credential, d time.Duration) bool {
	now := time.Now().Round(0) // the clock on the wall, as the keys' times
	return keys.LastsFor(d, now) && keys.IssuedAt.Round(0).Sub(now) < time.Minute
}

// failure is why the last renewal failed; nil: it did not, or its keys are there.
func (e *endpoint) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		return nil
	}
	return e.failed.err
}

// begin begins a renewal, unless one is running or has just failed.
func (e *endpoint) begin() *renewal {
	if e.running != nil {
		return e.running
	}
	if e.failed != nil && time.Since(e.failed.ended).Abs() < renewalPause {
		return e.failed
	}
	r := &renewal{done: make(chan struct{})}
	e.running = r
	go func() {
		r.keys, r.err = e.renew(e.ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running, e.failed = nil, nil
		if r.ended = time.Now(); r.err == nil {
			e.keys, e.stale = r.keys, false
		} else {
			e.failed = r
		}
		close(r.done)
	}()
	return r
}

// explainRenewal is a failure for whoever reads an SDK's error message.
func explainRenewal(o *settings.Resolved, err error) string {
	lines := append([]string{"sso-exec: " + talk.OneLine(err.Error())}, command.Hints(o, err)...)
	return strings.Join(lines, "; ")
}

// nobodyDuringCommand is the choice of a flow while a command runs.
func nobodyDuringCommand(bool) (flows.Choice, error) {
	return flows.Choice{Why: []string{"a command is running on this terminal"}}, nil
}
