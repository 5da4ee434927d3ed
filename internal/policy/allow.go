package policy

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/internal/hosts"
)

// Allow returns the error of a rule that has a list of texts and does not have this
// value among them. An organization must be named where there is such a rule.
func (p *Policy) Allow(rule, value string) error {
	if p == nil {
		return nil
	}
	var list []string
	what := strings.TrimSuffix(strings.ReplaceAll(rule, "-", " "), "s")
	switch rule {
	case "issuers":
		list = p.Issuers
	case "client-ids":
		list, what = p.ClientIDs, "client ID"
	case "organizations":
		list = p.Organizations
	case "flows":
		list = p.Flows
	case "stores":
		list = p.Stores
	}
	switch {
	case list == nil || slices.Contains(list, value):
		return nil
	case value == "":
		return p.Forbid(rule, "no "+what+" is named", "name one of: "+strings.Join(list, ", "))
	}
	return p.Forbid(rule, what+" "+strconv.Quote(value), "allowed: "+strings.Join(list, ", "))
}

// AllowURL returns the error of the rule about hosts if a token must not go to a URL.
func (p *Policy) AllowURL(url string) error {
	if p == nil || p.Hosts == nil {
		return nil
	}
	list, err := hosts.ParseList(p.Hosts)
	if h, ok := hosts.OfURL(url); err == nil && ok && list.Find(h) >= 0 {
		return nil
	}
	return p.Forbid("hosts", "a credential for "+strconv.Quote(url), "allowed: "+strings.Join(p.Hosts, ", "))
}

// AllowHelper returns the error of the rule about helpers; what names the program.
func (p *Policy) AllowHelper(what string) error {
	if p == nil || !p.HelpersDenied {
		return nil
	}
	return p.Forbid("helpers", what,
		"leave it out: no program is run that a flag, a variable or your own config file names")
}

// AllowOverride returns the error of the rule about overrides for a flag that is no
// setting.
func (p *Policy) AllowOverride(flag string) error {
	if p == nil || !p.OverridesDenied {
		return nil
	}
	return p.Forbid("overrides", "flag --"+flag, "leave it out")
}

// AllowAPIKey returns the error of the rule about API keys; person: it is a person's.
func (p *Policy) AllowAPIKey(person bool) error {
	switch {
	case p == nil || p.APIKeys != Deny && (p.APIKeys != Services || !person):
		return nil
	case p.APIKeys == Services:
		return p.Forbid("api-keys", "a person's API key", "people sign in: sso-exec login")
	}
	return p.Forbid("api-keys", "API keys", "sign in instead: sso-exec login")
}

// mostPorts is how many ports of a rule are tried in place of any free one.
const mostPorts = 32

// Redirects returns those of the redirect URIs whose port is allowed. In place of
// one that has any port come those with the allowed ones.
func (p *Policy) Redirects(uris []string) ([]string, error) {
	if p == nil || p.RedirectPorts == nil {
		return uris, nil
	}
	var kept, allowed []string
	for _, r := range p.RedirectPorts {
		allowed = append(allowed, r.String())
	}
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil {
			continue
		}
		port, _ := strconv.Atoi(u.Port())
		for _, r := range p.RedirectPorts {
			for n := r.First; n <= r.Last && len(kept) < mostPorts; n++ {
				if port == 0 {
					u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(n))
					kept = append(kept, u.String())
				} else if port == n {
					kept = append(kept, uri)
				}
			}
		}
	}
	if len(kept) == 0 {
		return nil, p.Forbid("redirect-ports", "redirect URI "+strings.Join(uris, ", "),
			"allowed ports: "+strings.Join(allowed, ", "))
	}
	return kept, nil
}
