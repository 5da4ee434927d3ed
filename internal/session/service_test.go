package session_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: services, which get their tokens by a grant and ask nobody.

var serviceConfig = providertest.Config{Clients: []providertest.Client{{ID: "job", Secret: "s3cret"}, {ID: "cli"}}}

// service makes a process one of a service that authenticates as a client.
func service(p *process) {
	p.Request.ClientID, p.Request.Identity, p.Request.Grant = "job", credential.Service,
		[]string{flows.FlowClientCredentials}
	p.Person = session.Person{SignedIn: p.Person.SignedIn} // whatever else is called would panic
	p.NewClient = func(context.Context) (flows.Client, error) {
		return flows.Client{ID: "job", Secret: credential.NewSecret("s3cret")}, nil
	}
	p.Grant = &session.Grant{Flow: flows.FlowClientCredentials, Tokens: func(ctx context.Context) (*flows.Result, error) {
		provider, err := p.Provider(ctx)
		if err != nil {
			return nil, err
		}
		client, err := p.Client(ctx)
		if err != nil {
			return nil, err
		}
		set, err := provider.ClientCredentials(ctx, client, flows.Target{Scopes: p.Request.Scopes})
		if err != nil {
			return nil, err
		}
		return &flows.Result{Tokens: set, Identity: credential.Identity{Issuer: p.Request.Issuer, Subject: "job"}}, nil
	}}
}

func TestOneGrantForAll(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		for _, need := range []session.Need{access, access, forced(access)} {
			m.ResetRequests()
			all := m.together(t, 20, need, service)
			for _, o := range all {
				if o.err != nil {
					t.Fatal(o.err)
				}
			}
			if tokens := distinct(all); len(tokens) != 1 || m.Requests().ClientCredentials != 1 {
				t.Errorf("%d tokens of %d grants", len(tokens), m.Requests().ClientCredentials)
			}
			time.Sleep(expired)
		}
		entries, _, err := m.store().List()
		if err != nil || len(entries) != 1 {
			t.Fatalf("stored: %v, %v", entries, err)
		}
		if rec := entries[0].Session; rec.Renewable || rec.Identity != credential.Service || rec.Subject != "job" ||
			!rec.SignedInAt.Before(rec.RefreshedAt) {
			t.Errorf("stored is %+v", rec)
		}
	})
}

// A service in its token's last tenth goes on with it while one renews.
func TestGrantAhead(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		old := m.process(service).token(t, access)
		time.Sleep(nearEnd)
		m.Fault(providertest.ClientCredentials, providertest.Fault{Status: 503})
		p := m.process(service)
		if got := p.token(t, access); got != old {
			t.Errorf("got %q", got)
		}
		mentions(t, p.warnings(), "could not be renewed")
		if got := m.Requests().ClientCredentials; got != 2 {
			t.Errorf("%d grants, want 2", got)
		}
	})
}

// A server in trouble is asked three times; whoever waits adopts the failure, of
// whatever kind.
func TestFailedGrant(t *testing.T) {
	errHelper := errors.New("exit status 1")
	for _, c := range []struct {
		name   string
		fault  providertest.Fault
		helper error
		grants int
		kind   string
	}{
		{name: "down", fault: providertest.Fault{Status: 503}, grants: 3, kind: session.FailedProvider},
		{name: "refused", fault: refuses("invalid_scope"), grants: 1, kind: session.FailedOther},
		{name: "a helper fails", helper: errHelper, kind: session.FailedOther},
		{name: "a file is unsafe", kind: session.FailedFile,
			helper: &session.LocalError{Kind: session.FailedFile, Err: errHelper}},
		{name: "the platform is out of reach", helper: &session.LocalError{Kind: session.FailedProvider,
			Err: &flows.UnavailableError{Doing: "ask", Err: errHelper}}, kind: session.FailedProvider},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, serviceConfig, func(t *testing.T, m *machine) {
				m.Fault(providertest.ClientCredentials, c.fault)
				asked := make(chan struct{}, 100)
				all := m.together(t, 10, access, service, func(p *process) {
					grant := p.Grant.Tokens
					p.Grant.Tokens = func(ctx context.Context) (*flows.Result, error) {
						asked <- struct{}{}
						time.Sleep(time.Second)
						if c.helper != nil {
							return nil, c.helper
						}
						return grant(ctx)
					}
				})
				shared := 0
				for _, o := range all {
					var s *session.SharedError
					if o.err == nil {
						t.Error("it did not fail")
					}
					if errors.As(o.err, &s) && s.Kind == c.kind {
						shared++
					}
				}
				if shared != 9 || len(asked) != max(c.grants, 1) || m.Requests().ClientCredentials != c.grants {
					t.Errorf("%d of 9 adopted it; the grant was tried %d times, %d requests",
						shared, len(asked), m.Requests().ClientCredentials)
				}
				m.ClearFaults()
				if c.helper == nil {
					m.process(service).token(t, access)
				}
			})
		})
	}
}

func TestGrantThatRecovers(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		m.Fault(providertest.ClientCredentials, providertest.Fault{Drop: true, Times: 2})
		m.process(service).token(t, access)
		if got := m.Requests().ClientCredentials; got != 3 {
			t.Errorf("%d grants, want 3", got)
		}
	})
}

func TestInterruptOfAGrant(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := m.process(service)
		p.Grant.Tokens = func(ctx context.Context) (*flows.Result, error) {
			cancel(errInterrupt)
			return nil, ctx.Err()
		}
		if _, err := p.get(ctx, access); !errors.Is(err, errInterrupt) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// Login and Check of a service get a new token, and ask nobody.
func TestLoginOfAService(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		p := m.process(service)
		if err := p.Login(t.Context()); err != nil || !slices.Equal(p.signed, []string{"job"}) {
			t.Errorf("signed in %q, %v", p.signed, err)
		}
		time.Sleep(time.Second)
		if err := m.process(service).Check(t.Context()); err != nil {
			t.Error(err)
		}
		m.Fault(providertest.ClientCredentials, refuses("invalid_client"))
		time.Sleep(time.Second)
		if err := m.process(service).Login(t.Context()); !is[*flows.OAuthError](err) {
			t.Errorf("refused: %v", err)
		}
		if got := m.Requests().ClientCredentials; got != 3 {
			t.Errorf("%d grants, want 3", got)
		}
	})
}

// What was left of another subject is not inherited.
func TestServiceThatIsAnother(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		p := m.process(service)
		need := p.exchanged("orders")
		p.token(t, need)
		time.Sleep(expired)
		m.process(service, func(p *process) {
			grant := p.Grant.Tokens
			p.Grant.Tokens = func(ctx context.Context) (*flows.Result, error) {
				res, err := grant(ctx)
				if err == nil {
					res.Identity.Subject = "other"
				}
				return res, err
			}
		}).token(t, access)
		entries, _, err := m.store().List()
		if err != nil || len(entries) != 1 || entries[0].Session.Subject != "other" || len(entries[0].Derived) > 0 {
			t.Errorf("stored: %+v, %v", entries, err)
		}
	})
}

// A grant's parent of a derivation that is refused is made again.
func TestRefusedParentOfAService(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		m.process(service).token(t, access)
		time.Sleep(time.Second)
		m.Fault(providertest.TokenExchange, refusesOnce("invalid_request"))
		p := m.process(service)
		p.token(t, p.exchanged("orders"))
		if got := m.Requests(); got.ClientCredentials != 2 || got.TokenExchange != 2 {
			t.Errorf("%d grants and %d exchanges, want 2 and 2", got.ClientCredentials, got.TokenExchange)
		}
	})
}

// What a later version has written into a session survives the grant's, as it does
// a sign-in's and a refresh's.
func TestFieldsOfALaterVersion(t *testing.T) {
	for name, renew := range map[string]func(t *testing.T, m *machine){
		"grant":   func(t *testing.T, m *machine) { m.process(service).token(t, access) },
		"sign-in": func(t *testing.T, m *machine) { m.signIn(t) },
		"refresh": func(t *testing.T, m *machine) { m.process().token(t, access) }, // the first time a sign-in
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serviceConfig, func(t *testing.T, m *machine) {
				renew(t, m)
				m.edit(t, "sessions", "future", "kept")
				time.Sleep(expired)
				renew(t, m)
				b, err := os.ReadFile(m.file(t, "sessions"))
				if err != nil || !strings.Contains(string(b), `"future":"kept"`) {
					t.Errorf("stored is %s, %v", b, err)
				}
			})
		})
	}
}

// Nothing durable is lost where nothing can be stored.
func TestServiceWithoutAStore(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		m.process(service, func(p *process) { p.Store = nil }).token(t, access)
		if _, err := m.store().Entry(m.process(service).Request.SessionKey()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("something is stored: %v", err)
		}
	})
}
