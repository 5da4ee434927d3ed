package provider

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is what others would see of the person who signed in.

// claims are those of an ID token that was verified when it came.
type claims map[string]json.RawMessage

// text is a claim that is a string, without its look at lists.
func (c claims) text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s)
	return s
}

// preview shows what a cluster and AWS would see, and warns where that is not what was
// asked for. It is read from what the sign-in stored.
func (p *providerSetup) preview(s *session.Session) {
	e, err := s.Stored()
	if err != nil {
		return // --store none, or another process's logout
	}
	for _, t := range e.Tokens {
		c := claims(acquire.ClaimsOf(t.IDToken))
		if len(c) == 0 || t.Key != s.Request.TokenKey() {
			continue
		}
		sheet := talk.Sheet{Text: &strings.Builder{}, Columns: columns()}
		var issuedAt float64
		_ = json.Unmarshal(c["iat"], &issuedAt)
		left := t.IDTokenExpiresAt.Sub(time.Unix(int64(issuedAt), 0))
		life := "lasts " + talk.Rough(left)
		if left > 3*time.Hour {
			life = fmt.Sprintf("lasts %d hours", int(left.Round(time.Hour).Hours()))
		}
		if session.Renews(e) {
			life += ", renewed automatically"
		} else {
			life += ", then you sign in again"
		}
		p.cluster(sheet, c)
		sheet.Title("AWS would see")
		sheet.Row("provider", strings.TrimPrefix(p.o.Provider.Issuer, "https://"))
		sheet.Row("subject", c.text("sub"))
		sheet.Row("audience", strings.Join(acquire.Texts(c["aud"]), ", "))
		sheet.Title("The ID token")
		sheet.Row("life", life)
		fmt.Fprint(talk.Stderr, "\n"+sheet.Text.String())
		p.warnClaims(c)
		return
	}
}

// cluster shows whom an API server makes of the claims, as setup kube maps them.
func (p *providerSetup) cluster(sheet talk.Sheet, c claims) {
	m, err := setup.MappingOf(p.o)
	if err != nil {
		if strings.HasPrefix(p.o.Provider.Issuer, "http:") { // Dex on this machine, for a try
			sheet.Title("A Kubernetes cluster would see")
			sheet.Row("user", "nobody: an API server only accepts an https issuer")
		}
		return
	}
	sheet.Title("A Kubernetes cluster would see")
	user := setup.Prefix + c.text(m.User)
	switch {
	case c.text(m.User) == "":
		user = "nobody: the token has no claim " + m.User
	case m.User == "email" && string(c["email_verified"]) == "false":
		user = "nobody: email_verified is false"
	}
	sheet.Row("user", user)
	groups := acquire.Texts(c[m.Group])
	for i := range groups {
		groups[i] = setup.Prefix + groups[i]
	}
	if len(groups) == 0 {
		groups = []string{"none"}
	}
	sheet.Row("groups", strings.Join(groups, ", "))
	sheet.Row("audience", strings.Join(m.Audiences, ", "))
}

// warnClaims says which claims were wanted and are not there, and how they get there.
func (p *providerSetup) warnClaims(c claims) {
	warn := func(what, how string) {
		p.say("", "sso-exec: warning: "+what)
		p.say("  ", how)
	}
	asked := func(scope string) bool { return slices.Contains(p.o.Target.Scopes, scope) }
	switch {
	case asked("email") && c.text("email") == "":
		warn("the ID token has no email, though it was asked for",
			"does the account have an address, and may the client have the scope email at "+p.words.Title+"?")
	case asked("email") && string(c["email_verified"]) == "false":
		warn("email_verified is false, so an API server refuses the token",
			"have the provider verify the address; or leave out --scope email: the user name is the subject then")
	case !asked("email"):
		p.say("", "The user name is the subject; for an address: --scope email")
	}
	if _, there := c["groups"]; !there && asked("groups") {
		how := p.words.Groups
		if how == "" {
			how = "the client needs a claim groups in its ID tokens; where that is set differs by provider"
		}
		warn("the ID token has no groups, though they were asked for", how)
	}
}
