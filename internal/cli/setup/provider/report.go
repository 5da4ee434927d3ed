package provider

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// This file is what setup provider learns from a provider, and what it says
// about that.

// wellKnown is where metadata is, below the issuer (OpenID Connect Discovery §4).
const wellKnown = "/.well-known/openid-configuration"

// findProvider asks for the issuer, if it is not given, and reads its metadata.
func (p *providerSetup) findProvider(ctx context.Context) (*flows.Provider, error) {
	o := p.o
	for o.Provider.Issuer == "" && p.address == "" && p.asks {
		typed, err := p.ask("Provider (its host or URL)", "")
		if err != nil {
			return nil, err
		}
		if _, err := dialect.Issuers(typed, nil); typed != "" && err != nil {
			p.say("", "That will not do: "+err.Error()+".")
		} else if p.address = typed; typed != "" {
			break
		}
	}
	if p.address != "" {
		if err := p.find(ctx, p.address); err != nil {
			return nil, err
		}
	}
	if o.Provider.Issuer != "" {
		o.MarkGiven("issuer")
	}
	o.SettleDialect()
	if o.Dialect().NoMetadata { // where it has its keys, it has them for each client
		if err := p.askClientID(); err != nil {
			return nil, err
		}
	}
	if err := p.early(); err != nil {
		return nil, err
	}
	s, err := acquire.Open(o, acquire.Caller{})
	if err != nil {
		return nil, err
	}
	if s.Store != nil { // so is a cache that is not safe
		if _, err := s.Store.Peek(s.Request.SessionKey()); fault.Holds[*cache.UnsafeError](err) {
			return nil, err
		}
	}
	provider, err := flows.Discover(ctx, s.HTTP, o.Dialect(), o.Provider.Issuer, o.Provider.ClientID)
	if err == nil || ctx.Err() != nil {
		return provider, err
	}
	found := look(ctx, s.HTTP, o.Provider.Issuer)
	if p.asks && found.isSpelling(o.Provider.Issuer) {
		// A provider is what its issuer says (Discovery §4.3): another one, even if it
		// differs in a slash, is the person's to choose.
		fmt.Fprintln(talk.Stderr, talk.OneLine("The provider spells its issuer differently: "+found.issuer))
		use, err := talk.Confirm("Use that as the issuer?")
		if err != nil {
			return nil, err
		}
		if use {
			o.Provider.Issuer = found.issuer
			return flows.Discover(ctx, s.HTTP, o.Dialect(), o.Provider.Issuer, o.Provider.ClientID)
		}
	}
	return nil, fault.Hint(err, p.discoveryHints(err, found)...)
}

// keepProvider stores metadata that was just read in the place of what a day-old
// cache may say.
func (p *providerSetup) keepProvider(s *session.Session, provider *flows.Provider) {
	if s.Store != nil && !provider.Incomplete && !flows.Foreign(s.HTTP) {
		// The sign-in tells what is wrong with the place.
		_ = s.Store.WriteProvider(s.ProviderKey,
			&cache.Provider{FetchedAt: time.Now().UTC(), Metadata: provider.RawMetadata, Keys: provider.RawKeys})
	}
}

// clue is what answers in the place of metadata that cannot be used.
type clue struct {
	issuer   string // by its own word
	location string // where it redirects to
	page     bool   // it is HTML
	status   int    // 0: nothing answers
}

// look fetches the metadata once more, to tell what is wrong with it.
func look(ctx context.Context, hc *http.Client, issuer string) (c clue) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+wellKnown, nil)
	if err != nil {
		return c
	}
	resp, err := hc.Do(req)
	if err != nil {
		return c
	}
	defer resp.Body.Close()
	c.status = resp.StatusCode
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	c.page = kind == "text/html"
	if to, err := resp.Location(); err == nil {
		c.location = to.Scheme + "://" + to.Host + to.Path
	}
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if c.status == http.StatusOK && json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&metadata) == nil {
		c.issuer = metadata.Issuer
	}
	return c
}

// isSpelling reports whether the metadata's issuer is on the same host and can be
// one: no other host is ever offered.
func (c clue) isSpelling(of string) bool {
	ours, err := url.Parse(of)
	if err != nil || c.issuer == of {
		return false
	}
	theirs, err := flows.CheckURL("the issuer", c.issuer)
	return err == nil && strings.EqualFold(theirs.Host, ours.Host) && theirs.Scheme == ours.Scheme &&
		theirs.RawQuery == "" && !strings.ContainsAny(c.issuer, "{}")
}

// discoveryHints says what to do about metadata that cannot be used.
func (p *providerSetup) discoveryHints(err error, c clue) []string {
	network, _ := errors.AsType[*flows.NetworkError](err)
	dial, _ := errors.AsType[*net.OpError](err)
	refused := dial != nil && dial.Op == "dial" && !dial.Timeout() && (network == nil || network.Proxy == "")
	rest, _ := strings.CutPrefix(p.o.Provider.Issuer, "https://")
	switch {
	case fault.Holds[x509.UnknownAuthorityError](err):
		return command.Hints(p.o, err)
	case network != nil && network.Kind == flows.NetPortal && c.status == 0 && loopback.IsLiteral(hostname("//"+rest)):
		return []string{"for a provider without TLS on this machine, run: " +
			talk.Paste("sso-exec", "setup", "provider", "http://"+rest)}
	case fault.Holds[*net.DNSError](err):
		return []string{"check the host's name, and the VPN if it needs one"}
	case refused:
		return []string{"check the host and its port, and that the provider is running"}
	case strings.ContainsAny(c.issuer, "{}"):
		return []string{"replace the braces in the issuer with your tenant's ID"}
	case c.isSpelling(p.o.Provider.Issuer):
		return []string{"if you mean that one, say so: " + talk.Quote("--issuer="+c.issuer)}
	case c.issuer != "" && c.issuer != p.o.Provider.Issuer:
		return []string{"that is another host: name it with --issuer only if you know that it is your provider's"}
	case c.location != "":
		return []string{"it leads on to " + flows.Clean(c.location, 200) + ": is the issuer there?"}
	case c.page:
		return []string{"what answers is a page for people: is the issuer right? Or does this network want you to sign in " +
			"to it first?"}
	case c.status >= 400 && c.status < 500:
		return []string{"looked for " + strings.TrimSuffix(p.o.Provider.Issuer, "/") + wellKnown,
			"an issuer is often more than a host: …/realms/NAME (Keycloak), …/application/o/NAME/ (authentik), " +
				"…/TENANT-ID/v2.0 (Microsoft)"}
	}
	return command.Hints(p.o, err)
}

// hostname is a URL's host without its port; empty: it has none.
func hostname(of string) string {
	u, err := url.Parse(of)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// report says what to register at the provider, and what it does not offer.
func (p *providerSetup) report(provider *flows.Provider) {
	o := p.o
	p.say("", "Register sso-exec as a client at this provider, unless it is already there:")
	d := provider.Dialect
	if len(p.words.Register) == 0 {
		kind := "a public or native application, without a secret"
		if o.Client.SecretFile != "" || os.Getenv(settings.SecretVariable) != "" {
			kind = "a confidential application, with a secret"
		}
		p.say("- ", "type: "+kind)
	}
	for _, line := range p.words.Register {
		p.say("- ", flows.Names(settings.NameOf).Fill(line))
	}
	anyPort, several := false, "redirect URI: "
	for _, uri := range o.SignIn.RedirectURIs {
		u, err := url.Parse(uri)
		anyPort = anyPort || err == nil && u.Port() == "0"
	}
	if len(o.SignIn.RedirectURIs) > 1 {
		several = "redirect URIs: "
	}
	uris := strings.Join(p.redirectURIs(), " and ")
	if anyPort {
		p.say("- ", several+uris+" (the port differs each time)")
	} else {
		p.say("- ", several+uris+" (with these ports)")
	}
	if anyPort && len(p.words.Register) == 0 {
		p.say("- ", "if the provider compares the port, as Okta and Auth0 do: register http://127.0.0.1:8000/callback, "+
			"and run this with --redirect-uri http://127.0.0.1:8000/callback; both can be repeated with another port")
	}
	grants := []string{"authorization code", "refresh token", "device code"}
	if provider.DeviceAuthorizationEndpoint == "" {
		grants = grants[:2]
	}
	p.say("- ", "grants: "+strings.Join(grants, ", "))
	scopes := provider.Scopes(o.Target.Scopes, o.SignIn.Offline == "never")
	if len(scopes) > 0 {
		first := min(1, len(scopes)-1) // openid stands before the others
		slices.Sort(scopes[first:])
		p.say("- ", "scopes: "+strings.Join(slices.Compact(scopes), ", "))
	}
	offline := slices.Contains(scopes, "offline_access") || d.Offline == flows.OfflineNever || o.SignIn.Offline == "never"
	if missing := missing(provider, offline, len(p.words.Register) > 0); len(missing) > 0 {
		fmt.Fprintln(talk.Stderr)
		p.say("", "According to its metadata, this provider does not support:")
		for _, m := range missing {
			p.say("- ", m)
		}
	}
	fmt.Fprintln(talk.Stderr)
}

// missing lists what the metadata does not have, and what follows from that. Of a known
// product it is known what it has without saying so.
func missing(provider *flows.Provider, offline, known bool) (list []string) {
	var more struct {
		Challenges  []string `json:"code_challenge_methods_supported"`
		Grants      []string `json:"grant_types_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	_ = json.Unmarshal(provider.RawMetadata, &more) // a list that is none counts as not there
	lacks := func(list []string, what string) bool { return len(list) > 0 && !slices.Contains(list, what) }
	for _, m := range []struct {
		is   bool
		text string
	}{
		{provider.AuthorizationEndpoint == "", "sign-in with a browser here: only --flow device can be used"},
		{provider.DeviceAuthorizationEndpoint == "",
			"device code: where no browser can be opened, you open an address elsewhere and paste the answer"},
		{!known && !slices.Contains(more.Challenges, "S256"),
			"PKCE by S256 (RFC 7636): sso-exec sends it anyway; most providers accept it without listing it"},
		{lacks(more.Grants, "refresh_token"), "refresh: a person must sign in whenever a token ends"},
		{!lacks(more.Grants, "refresh_token") && !offline,
			"scope offline_access: it is not asked for. If the sign-in does not last, try --scope offline_access"},
		{!known && lacks(more.AuthMethods, "none"),
			"public clients: many accept them anyway. If this client has a secret, give --client-secret-file FILE"},
		{provider.RevocationEndpoint == "" && !provider.EndsSessions(),
			"revocation: logout only forgets the session on this machine"},
		{provider.EndSessionEndpoint == "" && provider.Dialect.SignOut == nil,
			"logout in the browser: its own browser session continues after a logout here"},
	} {
		if m.is {
			list = append(list, m.text)
		}
	}
	return list
}

// redirectURIs are what to register: without the port where any will do
// (RFC 8252 §7.3).
func (p *providerSetup) redirectURIs() []string {
	uris := slices.Clone(p.o.SignIn.RedirectURIs)
	for i, uri := range uris {
		if u, err := url.Parse(uri); err == nil && u.Port() == "0" {
			u.Host = strings.TrimSuffix(u.Host, ":0")
			uris[i] = u.String()
		}
	}
	return uris
}

// say writes a paragraph, each line of it as wide as the terminal at most; lead
// begins the first, and the others stand below its text.
func (p *providerSetup) say(lead, text string) {
	line, columns := lead, columns()
	for _, word := range strings.Fields(talk.OneLine(text)) {
		if len([]rune(line))+len([]rune(word)) >= columns && line != lead {
			fmt.Fprintln(talk.Stderr, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len(lead))
		}
		line += word + " "
	}
	fmt.Fprintln(talk.Stderr, strings.TrimRight(line, " "))
}

// columns is how wide the terminal of stderr is.
func columns() int {
	if t := terminal.Of(os.Stderr); t != nil {
		columns, _ := t.Size()
		return columns
	}
	return 80
}

// defaultName is a profile's name by its issuer's host: the first word of it
// that says whose it is.
func defaultName(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return "default"
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		if loopback.IsLiteral(host) {
			return "local"
		}
		return host
	}
	labels := strings.Split(host, ".")
	for len(labels) > 2 &&
		slices.Contains([]string{"login", "auth", "sso", "id", "idp", "account", "accounts", "oidc", "oauth", "www"},
			labels[0]) {
		labels = labels[1:]
	}
	return labels[0]
}
