package policy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/hosts"
)

// A rule is a key of the file. Where it has words, it has one of them; else it has a
// list, or what its type calls for.
type rule struct {
	name  string
	words []string             // of a word, or of a list's items
	list  bool                 // a list of texts
	check func(v string) error // of an item; nil: any text
	help  string
	at    func(*Policy) any
}

// rules is the table: reading, the schema, and the words for people come from it.
var rules = []rule{
	{name: "issuers", list: true, check: checkIssuer, at: func(p *Policy) any { return &p.Issuers },
		help: "the providers that may be talked to, each as it spells itself"},
	{name: "client-ids", list: true, at: func(p *Policy) any { return &p.ClientIDs },
		help: "the client IDs that may be used"},
	{name: "organizations", list: true, at: func(p *Policy) any { return &p.Organizations },
		help: "the IDs of the organizations that may be signed in to; one must be named"},
	{name: "flows", list: true, words: []string{"pkce", "device", "paste"}, at: func(p *Policy) any { return &p.Flows },
		help: "how people may sign in"},
	{name: "stores", list: true, words: []string{"file", "keyring", "none"}, at: func(p *Policy) any { return &p.Stores },
		help: "where refresh tokens may be stored"},
	{name: "redirect-ports", list: true, check: checkPorts, at: func(p *Policy) any { return &p.RedirectPorts },
		help: "the ports that may be listened on in a sign-in: numbers, and ranges such as 8400-8410"},
	{name: "hosts", list: true, check: checkHost, at: func(p *Policy) any { return &p.Hosts },
		help: "the hosts that tokens may go to: exact, or *.example.com for every name below it"},
	{name: "max-session-age", check: checkDuration, at: func(p *Policy) any { return &p.MaxSessionAge },
		help: "how long ago a person may have signed in, such as 12h"},
	{name: "max-idle", check: checkDuration, at: func(p *Policy) any { return &p.MaxIdle },
		help: "how long ago a session may have been used last, such as 2h; a cached answer does not count"},
	{name: "helpers", words: []string{Deny}, at: func(p *Policy) any { return &p.HelpersDenied },
		help: "deny: no program is run that a flag, a variable or a user's file names"},
	{name: "overrides", words: []string{Deny}, at: func(p *Policy) any { return &p.OverridesDenied },
		help: "deny: settings come only from the system's config"},
	{name: "agents", at: func(p *Policy) any { return &p.Agents },
		help: "what coding agents get: deny, or {profile: NAME} for what that profile gives"},
	{name: "audit", words: []string{Required}, at: func(p *Policy) any { return &p.AuditRequired },
		help: "required: nothing is done that cannot be recorded"},
	{name: "revoke", words: []string{Required}, at: func(p *Policy) any { return &p.RevokeRequired },
		help: "required: a sign-out that the provider does not confirm is a failure"},
	{name: "api-keys", words: []string{Services, Deny}, at: func(p *Policy) any { return &p.APIKeys },
		help: "services: only API keys of services; deny: none"},
}

func checkIssuer(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q must be a URL, as the provider spells it: https://login.example.com", v)
	}
	return nil
}

func checkDuration(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d <= 0 || d%time.Second != 0 {
		return fmt.Errorf("%q must be a duration of more than 0, in whole seconds, such as 90m or 12h", v)
	}
	return nil
}

func checkPorts(v string) error { _, err := parsePorts(v); return err }

// parsePorts reads a port, or a range of ports.
func parsePorts(v string) (r PortRange, err error) {
	first, last, isRange := strings.Cut(v, "-")
	r.First, err = port(first)
	if r.Last = r.First; err == nil && isRange {
		r.Last, err = port(last)
	}
	if err == nil && r.Last < r.First {
		err = fmt.Errorf("%q: its first port is above its last", v)
	}
	return r, err
}

func port(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != v {
		return 0, fmt.Errorf("%q must be a port from 1 to 65535, or a range such as 8400-8410", v)
	}
	return n, nil
}

func checkHost(v string) error {
	p, err := hosts.Parse(v)
	if err == nil && p.String() != v {
		err = fmt.Errorf("%q: write it as %s", v, p)
	}
	return err
}

// set gives a rule's field the values of a list, or of a word.
func (r *rule) set(p *Policy, values []string) error {
	for _, v := range values {
		switch {
		case r.words != nil && !slices.Contains(r.words, v):
			text := fmt.Sprintf("%s: invalid value %q", r.name, v)
			if len(r.words) == 1 {
				return fmt.Errorf("%s: use %s, or leave the rule out", text, r.words[0])
			}
			return errors.New(text + commandline.Suggest(v, r.words))
		case v == "":
			return fmt.Errorf("%s: a value is empty", r.name)
		case r.check != nil:
			if err := r.check(v); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	switch at := r.at(p).(type) {
	case *[]string:
		*at = values
	case *[]PortRange:
		for _, v := range values {
			ports, _ := parsePorts(v) // checked above
			*at = append(*at, ports)
		}
	case *time.Duration:
		*at, _ = time.ParseDuration(values[0])
	case *bool:
		*at = true
	case *string:
		*at = values[0]
	}
	return nil
}
