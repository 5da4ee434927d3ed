package providertest

import (
	"crypto/sha256"
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

const codeLifetime = time.Minute

// code is an authorization code and what it is bound to (RFC 6749 §4.1.2).
type code struct {
	family      *family
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
}

var (
	challengeSyntax = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)       // RFC 7636 §4.2
	verifierSyntax  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636 §4.1
)

// serveAuthorize is the authorization endpoint (RFC 6749 §4.1.1, OIDC Core
// §3.1.2). An unknown client or redirect URI is told to the person and never
// redirected; every other error goes to the client.
func (p *Provider) serveAuthorize(r *Request) *answer {
	params, redirect := r.Query, http.StatusFound
	if r.Method == http.MethodPost {
		params, redirect = r.Form, http.StatusSeeOther
	} else if r.Method != http.MethodGet {
		return methodNotAllowed("GET, POST")
	}
	asIs := params
	params, refused := p.unpack(params, !p.config.LoginForm || params.Get("decision") != "")
	if refused != nil {
		return refused
	}
	client := p.clientByID(params.Get("client_id"))
	if client == nil {
		return page(http.StatusBadRequest, "unknown client")
	}
	if !client.redirects(params.Get("redirect_uri")) {
		return page(http.StatusBadRequest, "this redirect URI is not registered: "+params.Get("redirect_uri"))
	}
	members := map[string]any{}
	if state := params.Get("state"); state != "" {
		members["state"] = state
	} else {
		p.violation("authorization request without state")
	}
	if p.config.ResponseIss {
		members["iss"] = p.issuer
	}
	a := &answer{status: redirect, header: http.Header{}, members: members, target: params.Get("redirect_uri")}
	a.header.Set("Cache-Control", "no-store")

	err := p.refuseAuthorization(params)
	if p.config.RequirePAR && !asIs.Has("request_uri") {
		err = &oauthError{"invalid_request", "authorization requests must be pushed"}
	}
	if err != nil {
		members["error"], members["error_description"] = err.code, err.description
		return a
	}
	if p.config.LoginForm && params.Get("decision") == "" {
		return loginPage(asIs)
	}
	members["code"] = p.newCode(client, params)
	return a
}

// checkAuthorization finds what is wrong with a request whose redirect URI is
// right.
func (p *Provider) checkAuthorization(params url.Values) *oauthError {
	for name, values := range params {
		if len(values) > 1 && name != "resource" {
			return &oauthError{"invalid_request", name + " is given twice"}
		}
	}
	if params.Get("response_type") != "code" {
		return &oauthError{"unsupported_response_type", "response_type must be code"}
	}
	if mode := params.Get("response_mode"); mode != "" && mode != "query" {
		return &oauthError{"invalid_request", "response_mode must be query"}
	}
	challenge, method := params.Get("code_challenge"), params.Get("code_challenge_method")
	if challenge == "" && !p.config.PKCEOptional {
		return &oauthError{"invalid_request", "code_challenge is required"}
	}
	if challenge != "" && method != "S256" {
		return &oauthError{"invalid_request", "code_challenge_method must be S256"}
	}
	if challenge != "" && !challengeSyntax.MatchString(challenge) {
		return &oauthError{"invalid_request", "code_challenge is not a SHA-256 in base64url"}
	}
	if err := p.checkScopes(scopesOf(params)); err != nil {
		return err
	}
	if err := checkResources(params["resource"]); err != nil {
		return err
	}
	prompt := strings.Fields(params.Get("prompt"))
	if slices.Contains(prompt, "none") && len(prompt) > 1 {
		return &oauthError{"invalid_request", "prompt=none stands alone"}
	}
	_, err := p.readStepUp(params)
	return err
}

// refuseAuthorization finds why nobody signs in.
func (p *Provider) refuseAuthorization(params url.Values) *oauthError {
	if err := p.checkAuthorization(params); err != nil {
		return err
	}
	prompt := strings.Fields(params.Get("prompt"))
	if slices.Contains(prompt, "none") && p.config.LoginForm {
		return &oauthError{"login_required", "prompt=none, and nobody is signed in"}
	}
	if p.denial != "" {
		return &oauthError{p.denial, "the user or the provider said no"}
	}
	if params.Get("decision") == "deny" {
		return &oauthError{"access_denied", "the user said no"}
	}
	asked, _ := p.readStepUp(params)
	return p.unmet(asked)
}

func (p *Provider) newCode(client *Client, params url.Values) string {
	text := randomText()
	f := p.newFamily(client, p.user, scopesOf(params), audiences(params), params.Get("nonce"))
	asked, _ := p.readStepUp(params)
	p.signIn(f, asked)
	p.codes[text] = &code{
		family:      f,
		redirectURI: params.Get("redirect_uri"),
		challenge:   params.Get("code_challenge"),
		expires:     p.config.Now().Add(codeLifetime),
	}
	return text
}

// grantCode redeems an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6). One
// that is used twice ends what it gave (RFC 6749 §4.1.2).
func (p *Provider) grantCode(r *Request, client *Client) *answer {
	for _, name := range []string{"code", "redirect_uri"} {
		if r.Form.Get(name) == "" {
			return fail("invalid_request", name+" is required")
		}
	}
	c := p.codes[r.Form.Get("code")]
	if c == nil || c.family.client.ID != client.ID {
		return fail("invalid_grant", "the code is unknown")
	}
	if c.used {
		c.family.revoked = true
		p.violation("authorization code used twice")
		return fail("invalid_grant", "the code was used before")
	}
	if !p.config.Now().Before(c.expires) {
		return fail("invalid_grant", "the code has expired")
	}
	if r.Form.Get("redirect_uri") != c.redirectURI {
		return fail("invalid_grant", "redirect_uri is not that of the authorization request")
	}
	verifier := r.Form.Get("code_verifier")
	digest := sha256.Sum256([]byte(verifier))
	switch {
	case c.challenge == "" && verifier != "": // RFC 9700 §4.8.2
		return fail("invalid_grant", "code_verifier without a code_challenge")
	case c.challenge != "" && !verifierSyntax.MatchString(verifier):
		return fail("invalid_grant", "code_verifier is missing or malformed")
	case c.challenge != "" && keys.Base64URL(digest[:]) != c.challenge:
		return fail("invalid_grant", "code_verifier does not match the code_challenge")
	}
	c.used = true
	return p.issue(AuthorizationCode, c.family, c.family.scopes, p.newRefreshToken(c.family))
}

// redirects says whether the client may be sent to a URI.
func (c *Client) redirects(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || !u.IsAbs() || u.Fragment != "" {
		return false
	}
	loopback := u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()
	if len(c.RedirectURIs) == 0 {
		return loopback
	}
	without := strings.Replace(uri, "//"+u.Host, "//"+strings.TrimSuffix(u.Host, ":"+u.Port()), 1)
	anyPort := strings.Replace(uri, "//"+u.Host, "//"+strings.TrimSuffix(u.Host, ":"+u.Port())+":*", 1)
	return slices.Contains(c.RedirectURIs, uri) || slices.Contains(c.RedirectURIs, anyPort) ||
		loopback && slices.Contains(c.RedirectURIs, without)
}

func page(status int, text string) *answer {
	return textAnswer(status, "text/html; charset=utf-8",
		"<!doctype html><title>providertest</title><p>"+html.EscapeString(text)+"</p>\n")
}

// loginPage repeats the request as a form with two buttons.
func loginPage(params url.Values) *answer {
	var b strings.Builder
	b.WriteString("<!doctype html><title>providertest: sign in</title><form method=post>\n")
	for name, values := range params {
		for _, value := range values {
			b.WriteString(`<input type=hidden name="` + html.EscapeString(name) + `" value="` + html.EscapeString(value) +
				"\">\n")
		}
	}
	b.WriteString("<button name=decision value=allow>Sign in</button> <button name=decision " +
		"value=deny>Cancel</button></form>\n")
	return textAnswer(http.StatusOK, "text/html; charset=utf-8", b.String())
}
