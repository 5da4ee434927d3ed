package session_test

import (
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// What is stored serves by its end, by when it was stored, and by whom it is for.
func TestWhenCachedServes(t *testing.T) {
	const day = 24 * time.Hour
	lasting := *dialect.Named("oidc")
	lasting.Lasting = true
	for _, c := range []struct {
		name   string
		life   time.Duration // 0: no end is known
		age    time.Duration // since it was stored; negative: the clock was set back
		need   session.Need
		asked  string // organization
		change func(*process)
		good   bool
	}{
		{name: "young", life: time.Hour, age: time.Minute, need: access, good: true},
		{name: "ended", life: time.Hour, age: 61 * time.Minute, need: access},
		{name: "short life: a fifth is left", life: time.Minute, age: 20 * time.Second, need: access, good: true},
		{name: "short life: less than a fifth is left", life: time.Minute, age: 49 * time.Second, need: access},
		{name: "a minute is left", life: 10 * time.Hour, age: 10*time.Hour - 59*time.Second, need: access},
		{name: "as demanded", life: time.Hour, age: 29 * time.Minute, need: atLeast(access, 30*time.Minute), good: true},
		{name: "less than demanded", life: time.Hour, age: 31 * time.Minute, need: atLeast(access, 30*time.Minute)},
		{name: "any that is not over", life: 4 * time.Hour, age: 237 * time.Minute, need: atLeast(access, 0), good: true},
		{name: "no end, young", age: 59 * time.Minute, need: access, good: true},
		{name: "no end, an hour old", age: time.Hour, need: access},
		{name: "no end, as a dialect has it", age: 100 * day, need: access, good: true,
			change: func(p *process) { p.Dialect = &lasting }},
		{name: "the clock was set back a little", life: time.Hour, age: -59 * time.Second, need: access, good: true},
		{name: "the clock was set back", life: time.Hour, age: -2 * time.Minute, need: access},
		{name: "there is no ID token", life: time.Hour, need: id},
		{name: "of the organization that is asked for", life: time.Hour, need: access, asked: "org_a", good: true},
		{name: "of another organization, whoever put it there", life: time.Hour, need: access, asked: "org_b"},
		{name: "other scopes", life: time.Hour, need: access,
			change: func(p *process) { p.Request.Scopes = []string{"groups"} }},
		{name: "somebody else's session", life: time.Hour, need: access,
			change: func(p *process) { p.Request.Label = "work" }},
		{name: "nothing is kept", life: time.Hour, need: access, change: func(p *process) { p.Store = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.request.Organization = c.asked
				now := time.Now()
				tokens := &cache.Tokens{TokenType: "Bearer", AccessToken: credential.NewSecret("at"),
					IssuedAt: now, Organization: "org_a"}
				if c.life > 0 {
					tokens.ExpiresAt = now.Add(c.life)
				}
				if err := m.store().WriteTokens(m.request.SessionKey(), m.request.TokenKey(), tokens); err != nil {
					t.Fatal(err)
				}
				p := m.process()
				if c.change != nil {
					c.change(p)
				}
				time.Sleep(c.age)
				if c.age < 0 {
					m.edit(t, "tokens", "storedAt", now.Add(-c.age))
				}
				if got, good, err := p.Cached(c.need); good != c.good || err != nil || good && got.Token.Reveal() != "at" {
					t.Errorf("good: %v, %v; want %v", good, err, c.good)
				}
			})
		})
	}
}
