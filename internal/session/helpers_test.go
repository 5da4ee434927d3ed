package session_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
)

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
		Request: m.request, Dialect: m.dialect, ProviderKey: cache.ProviderKey(m.request.Issuer, m.dialect.Name, ""),
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

// nobody has nobody there to ask.
func nobody(p *process) {
	p.Person.Choose = func(bool) (flows.Choice, error) { return flows.Choice{Why: []string{"nobody is here"}}, nil }
}

// What tools ask for.
var (
	access = session.Need{TokenType: credential.AccessToken, MinTTL: session.TokenTTL}
	id     = session.Need{TokenType: credential.IDToken, MinTTL: session.TokenTTL}
)

// rule is access for a tool that wants the token to last for a while, but takes
// one that does not.
func rule(most time.Duration) session.Need {
	return session.Need{TokenType: credential.AccessToken, MinTTL: session.TTL{Exact: -1, Most: most, Part: 1}}
}

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
				return credential.Credential{Token: set.AccessToken, TokenType: set.TokenType,
					IssuedAt: set.IssuedAt, ExpiresAt: set.ExpiresAt}, nil
			}})
	}
	return need
}
