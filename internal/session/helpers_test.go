package session_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
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
	meet func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)

	asked atomic.Int32 // how often a person was asked to sign in
}

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
	return &machine{Provider: p, server: p.Handler(), dir: t.TempDir() + "/cache", dialect: flows.DialectNamed("oidc"),
		request: cache.Request{Issuer: p.Issuer(), ClientID: "cli", Identity: credential.Human, Scopes: []string{"email"}}}
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
		if v := recover(); v == http.ErrAbortHandler {
			res, err = nil, io.ErrUnexpectedEOF // the connection is closed
		} else if v != nil {
			panic(v)
		}
	}()
	h.ServeHTTP(out, in)
	return out.Result(), nil
}

// hangs is a meet for a provider that never answers a refresh.
func hangs(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
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

// process is one run of a program on the machine.
type process struct {
	*session.Session
	m *machine

	mu     sync.Mutex
	log    bytes.Buffer
	signed []string // who signed in
	fell   []string // flows that were fallen back on
}

// process starts one. It has a person who approves a device sign-in at once.
func (m *machine) process(change ...func(*process)) *process {
	p := &process{m: m}
	handler := slog.NewTextHandler(writer(p.write), &slog.HandlerOptions{Level: slog.LevelDebug})
	p.Session = &session.Session{
		Request: m.request, Dialect: m.dialect, ProviderKey: cache.ProviderKey(m.request.Issuer, m.dialect.Name, nil),
		SignIn: flows.SignIn{Scopes: m.request.Scopes, Organization: m.request.Organization},
		HTTP: &http.Client{Transport: m, Timeout: httpTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Started: time.Now(), Log: slog.New(handler),
		NewClient: func(context.Context) (flows.Client, error) { return flows.Client{ID: m.request.ClientID}, nil },
	}
	p.Store = cache.Open(m.dir, func(what string) { p.Log.Warn(what) })
	p.Person = session.Person{
		Choose: func(bool) (flows.Choice, error) {
			return flows.Choice{Flow: flows.FlowDevice, Prompt: flows.PromptStderr}, nil
		},
		ShowDevice: func(_ session.Ask, d flows.DevicePrompt) error {
			m.asked.Add(1)
			return m.ApproveDevice(d.UserCode)
		},
		FallBack: func(_ session.Ask, to string, _ error) { p.fell = append(p.fell, to) },
		SignedIn: func(_ session.Ask, who credential.Identity) { p.signed = append(p.signed, who.Display()) },
		Screen:   func() string { return "" },
		Timeout:  time.Minute, LatchOnTimeout: true,
	}
	for _, c := range change {
		c(p)
	}
	return p
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func (p *process) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// warnings are the lines of the log that a person sees.
func (p *process) warnings() (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, line)
		}
	}
	return lines
}

// What tools ask for.
var (
	access = session.Need{TokenType: credential.AccessToken, MinTTL: session.TokenTTL}
	id     = session.Need{TokenType: credential.IDToken, MinTTL: session.TokenTTL}
)

func forced(n session.Need) session.Need { n.Force = true; return n }

func atLeast(n session.Need, ttl time.Duration) session.Need { n.MinTTL.Exact = ttl; return n }

// get is what a tool does: the cached answer, else whatever it takes.
func (p *process) get(ctx context.Context, need session.Need) (credential.Credential, error) {
	c, good, err := p.Cached(need)
	if err != nil || good && !need.Force {
		return c, err
	}
	return p.Credential(ctx, need)
}

// token is get for where it must not fail.
func (p *process) token(t *testing.T, need session.Need) string {
	t.Helper()
	c, err := p.get(t.Context(), need)
	if err != nil {
		t.Fatalf("no credential: %v", err)
	}
	return c.Token.Reveal()
}

// signIn has a person sign in, in a process of its own.
func (m *machine) signIn(t *testing.T, change ...func(*process)) {
	t.Helper()
	if err := m.process(change...).Login(t.Context()); err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	m.ResetRequests()
	m.asked.Store(0)
}

// store reads what rests on the machine.
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

// outcome is what came of one process's call.
type outcome struct {
	*process
	token string
	err   error
}

// together runs n processes at once.
func (m *machine) together(t *testing.T, n int, need session.Need, change ...func(*process)) []outcome {
	t.Helper()
	all := make([]outcome, n)
	var wg sync.WaitGroup
	for i := range all {
		all[i].process = m.process(change...)
		wg.Go(func() {
			c, err := all[i].get(t.Context(), need)
			all[i].token, all[i].err = c.Token.Reveal(), err
		})
	}
	wg.Wait()
	return all
}

// distinct lists each of the tokens once.
func distinct(all []outcome) map[string]int {
	tokens := map[string]int{}
	for _, o := range all {
		tokens[o.token]++
	}
	return tokens
}

// mentions fails unless exactly one line was warned of, and it has the words.
func mentions(t *testing.T, lines []string, words string) {
	t.Helper()
	if len(lines) != 1 || !strings.Contains(lines[0], words) {
		t.Errorf("warnings: %q; want one with %q", lines, words)
	}
}

// slowly has each refresh answered after a while.
func slowly(d time.Duration) func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if isRefresh(r) {
			time.Sleep(d)
		}
		return send()
	}
}

// refuses has an endpoint answer with an error of RFC 6749 §5.2.
func refuses(code string) providertest.Fault {
	return providertest.Fault{Status: http.StatusBadRequest, Body: fmt.Sprintf(`{"error":%q,"error_description":"for a test"}`, code)}
}

// is reports whether an error has one of a type in its chain.
func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

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

// exchanged asks for what comes of exchanges (RFC 8693) for these audiences, one
// out of the other.
func (p *process) exchanged(audiences ...string) session.Need {
	need := access
	for _, audience := range audiences {
		need.Steps = append(need.Steps, session.Step{Kind: "exchange", Params: audience, For: audience,
			Run: func(ctx context.Context, parent credential.Credential) (credential.Credential, error) {
				provider, err := p.Provider(ctx)
				if err != nil {
					return credential.Credential{}, err
				}
				client, err := p.Client(ctx)
				if err != nil {
					return credential.Credential{}, err
				}
				set, err := provider.Exchange(ctx, client, flows.Exchange{
					Subject: flows.TypedToken{Token: parent.Token, Type: flows.TokenTypeAccess}, Audiences: []string{audience}})
				if err != nil {
					return credential.Credential{}, err
				}
				return credential.Credential{Token: set.AccessToken, TokenType: set.TokenType, IssuedAt: set.IssuedAt, ExpiresAt: set.ExpiresAt}, nil
			}})
	}
	return need
}
