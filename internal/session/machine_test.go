package session_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/providertest"
)

// httpTimeout bounds one request of a process.
const httpTimeout = 10 * time.Second

// machine is where processes meet: a cache directory on a real file system, and
// a provider that is reached through memory, so that in a bubble of
// testing/synctest no wait takes real time. A process is a [session.Session] of
// its own; its locks are the system's, which hold between the sessions of one
// process as they do between processes.
type machine struct {
	*providertest.Provider
	server  http.Handler // the provider, without its sockets
	dir     string
	request cache.Request
	dialect *flows.Dialect

	// meet, if set, is given each request on its way; send has the provider answer.
	meet func(r *http.Request, send sender) (*http.Response, error)

	asked atomic.Int32 // how often a person was asked to sign in
}

// sender has a provider answer a request.
type sender func() (*http.Response, error)

// bubble runs a test on a new machine, whose time is a fake one.
func bubble(t *testing.T, config providertest.Config, test func(t *testing.T, m *machine)) {
	t.Helper()
	m := newMachine(t, config)
	synctest.Test(t, func(t *testing.T) { test(t, m) })
}

func newMachine(t *testing.T, config providertest.Config) *machine {
	t.Helper()
	config.PlainHTTP = true
	p := providertest.New(t, config)
	m := newMachineAt(p.Issuer(), t.TempDir()+"/cache")
	m.Provider, m.server = p, p.Handler()
	return m
}

func newMachineAt(issuer, dir string) *machine {
	return &machine{dir: dir, dialect: dialect.Named("oidc"),
		request: cache.Request{Issuer: issuer, ClientID: "cli", Identity: credential.Human, Scopes: []string{"email"}}}
}

// RoundTrip has the provider answer without a socket.
func (m *machine) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	send := func() (*http.Response, error) { return answer(m.server, r) }
	if m.meet != nil {
		return m.meet(r, send)
	}
	return send()
}

func answer(h http.Handler, r *http.Request) (res *http.Response, err error) {
	in := r.Clone(r.Context())
	in.Host = cmp.Or(r.Host, r.URL.Host)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	defer func() {
		if v := recover(); v == any(http.ErrAbortHandler) {
			res, err = nil, io.ErrUnexpectedEOF // the connection is closed
		} else if v != nil {
			panic(v)
		}
	}()
	h.ServeHTTP(out, in)
	return out.Result(), nil
}

// hangs is a meet for a provider that never answers a refresh.
func hangs(r *http.Request, send sender) (*http.Response, error) {
	if isRefresh(r) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return send()
}

// isRefresh reports whether a request is one, and leaves it as it was.
func isRefresh(r *http.Request) bool { return formOf(r)["grant_type"] == "refresh_token" }

func formOf(r *http.Request) map[string]string {
	form := map[string]string{}
	if r.Body == nil {
		return form
	}
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	copied := http.Request{Method: http.MethodPost, Header: r.Header, Body: io.NopCloser(bytes.NewReader(b))}
	_ = copied.ParseForm()
	for name := range copied.PostForm {
		form[name] = copied.PostForm.Get(name)
	}
	return form
}

// store reads what is stored on the machine.
func (m *machine) store() *cache.Store { return cache.Open(m.dir, func(string) {}) }

// session reads the durable half, with its refresh token.
func (m *machine) session(t *testing.T) *cache.Session {
	t.Helper()
	rec, err := m.store().Session(m.request.SessionKey())
	if err != nil {
		t.Fatalf("the stored session: %v", err)
	}
	return rec
}

// kept fails unless the stored refresh token is the last one that the provider
// gave, and accepts.
func (m *machine) kept(t *testing.T) {
	t.Helper()
	want := m.RefreshTokens()
	if got := m.session(t).RefreshToken.Reveal(); len(want) == 0 || got != want[len(want)-1] {
		t.Errorf("stored is the refresh token %q; the provider accepts %q", got, want)
	}
}

// requests fails unless there were that many refreshes and questions to a person.
func (m *machine) requests(t *testing.T, refreshes, asked int) {
	t.Helper()
	if got := m.Requests().RefreshToken; got != refreshes {
		t.Errorf("%d refreshes, want %d", got, refreshes)
	}
	if got := int(m.asked.Load()); got != asked {
		t.Errorf("a person was asked %d times, want %d", got, asked)
	}
}

// slowly has each refresh answered after a while.
func slowly(d time.Duration) func(*http.Request, sender) (*http.Response, error) {
	return func(r *http.Request, send sender) (*http.Response, error) {
		if isRefresh(r) {
			time.Sleep(d)
		}
		return send()
	}
}

// refuses has an endpoint answer with an error of RFC 6749 §5.2.
func refuses(code string) providertest.Fault {
	body := fmt.Sprintf(`{"error":%q,"error_description":"for a test"}`, code)
	return providertest.Fault{Status: http.StatusBadRequest, Body: body}
}

// is reports whether an error has one of a type in its chain.
func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// being reports whether an error is another one, for tables.
func being(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// second is the error of a call that returns something else too.
func second[T any](_ T, err error) error { return err }

var errInterrupt = errors.New("interrupted")

// tokens reads the short-lived half.
func (m *machine) tokens(t *testing.T) *cache.Tokens {
	t.Helper()
	tokens, err := m.store().Tokens(m.request.SessionKey(), m.request.TokenKey())
	if err != nil {
		t.Fatalf("the stored tokens: %v", err)
	}
	return tokens
}

// edit changes a field of the one file of a kind, as a program without the lock
// could, or a clock that was wrong.
func (m *machine) edit(t *testing.T, kind, field string, value any) {
	t.Helper()
	path := m.file(t, kind)
	var fields map[string]any
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	fields[field] = value
	b, _ = json.Marshal(fields)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// file is the one file of a kind.
func (m *machine) file(t *testing.T, kind string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(m.dir, kind, "*.json"))
	deeper, _ := filepath.Glob(filepath.Join(m.dir, kind, "*", "*.json"))
	if files = append(files, deeper...); len(files) != 1 {
		t.Fatalf("%s: %q; want one file", kind, files)
	}
	return files[0]
}
