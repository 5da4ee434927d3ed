package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// full has every rule; it is the example of the contract.
const full = `version: 1
issuers: [https://login.corp.example]
client-ids: [cli, "0123"]
organizations: [org_1]
flows: [pkce]
stores: [keyring]
redirect-ports: [8400-8410, 9000]
hosts: ["*.corp.example", api.example:8443]
max-session-age: 12h
max-idle: 2h
helpers: deny
overrides: deny
agents: {profile: narrow}
audit: required
revoke: required
api-keys: services
`

func TestParse(t *testing.T) {
	got, err := Parse("/p.yaml", []byte(full))
	want := &Policy{Path: "/p.yaml", Issuers: []string{"https://login.corp.example"}, ClientIDs: []string{"cli", "0123"},
		Organizations: []string{"org_1"}, Flows: []string{"pkce"}, Stores: []string{"keyring"},
		RedirectPorts: []PortRange{{8400, 8410}, {9000, 9000}}, Hosts: []string{"*.corp.example", "api.example:8443"},
		MaxSessionAge: 12 * time.Hour, MaxIdle: 2 * time.Hour, HelpersDenied: true, OverridesDenied: true,
		Agents: Agents{Profile: "narrow"}, AuditRequired: true, RevokeRequired: true, APIKeys: Services}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"version: 1\n", "version: 1\nagents: deny\n...\n"} {
		if _, err := Parse("/p.yaml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// bad are texts that are no policy, each with words that the error has.
var bad = map[string][]string{
	"":                        {"version: 1"},
	"issuers: [https://x.y]":  {"version: 1"},
	"version: 2":              {":1:", `"2"`},
	`version: "1"`:            {":1:"},
	"version: one":            {":1:"},
	"hello":                   {"mapping"},
	"- version: 1":            {"mapping"},
	"version: 1\nissuers: [":  {":2:"},
	"version: 1\nversion: 1":  {":2:", "twice"},
	"version: 1\nissuer: [a]": {":2:", `"issuer"`, `did you mean "issuers"?`},
	"version: 1\n<<: {}":      {":2:"},
	"version: 1\n---\nversion: 1\nissuers: [https://x.y]": {":2:", "second document"},
	"version: 1\nissuers: &a [https://x.y]":               {":2:", "anchors"},
	"version: 1\nissuers: [&a https://x.y, *a]":           {":2:", "anchors"},
	"version: 1\nissuers: !!seq [https://x.y]":            {":2:", "tags"},
	"version: 1\nissuers: [!!str https://x.y]":            {":2:", "tags"},
	"version: 1\nissuers: https://x.y":                    {":2:", "list"},
	"version: 1\nissuers: []":                             {":2:", "at least one"},
	"version: 1\nissuers:":                                {":2:", "list"},
	"version: 1\nissuers: [null]":                         {":2:", "text"},
	"version: 1\nissuers: [[https://x.y]]":                {":2:", "text"},
	"version: 1\nissuers: [login.corp.example]":           {":2:", "URL"},
	"version: 1\nclient-ids: [0123]":                      {":2:", "quotes"},
	"version: 1\nclient-ids: [true]":                      {":2:", "quotes"},
	`version: 1` + "\n" + `client-ids: [""]`:              {":2:", "empty"},
	"version: 1\nflows: [pkcs]":                           {":2:", `"pkcs"`, `"pkce"`},
	"version: 1\nflows: [client-credentials]":             {":2:", "pkce"},
	"version: 1\nstores: [disk]":                          {":2:", "keyring"},
	"version: 1\nredirect-ports: [0]":                     {":2:", "port"},
	"version: 1\nredirect-ports: [65536]":                 {":2:", "port"},
	"version: 1\nredirect-ports: [8410-8400]":             {":2:", "above"},
	"version: 1\nredirect-ports: [0x20]":                  {":2:", "port"},
	"version: 1\nhosts: ['*']":                            {":2:", "labels"},
	"version: 1\nhosts: ['*.example']":                    {":2:", "two labels"},
	"version: 1\nhosts: [a.*.example]":                    {":2:", "host"},
	"version: 1\nhosts: [API.example]":                    {":2:", "write it as api.example"},
	"version: 1\nhosts: [api.example.]":                   {":2:", "not a host"},
	"version: 1\nhosts: ['https://api.example']":          {":2:", "scheme"},
	"version: 1\nhosts: ['127.1']":                        {":2:", "host"},
	"version: 1\nhosts: ['[::0001]']":                     {":2:", "host"},
	"version: 1\nmax-session-age: 12":                     {":2:", "quotes"},
	"version: 1\nmax-session-age: 1d":                     {":2:", "duration"},
	"version: 1\nmax-idle: 0s":                            {":2:", "duration"},
	"version: 1\nmax-idle: [1h]":                          {":2:", "text"},
	"version: 1\nhelpers: allow":                          {":2:", "deny", "leave the rule out"},
	"version: 1\nhelpers: {}":                             {":2:"},
	"version: 1\noverrides: no":                           {":2:", "deny"},
	"version: 1\nagents: allow":                           {":2:", "deny"},
	"version: 1\nagents: {}":                              {":2:", "deny"},
	"version: 1\nagents: {profile: ''}":                   {":2:", "name"},
	"version: 1\nagents: {profil: x}":                     {":2:", "profile"},
	"version: 1\nagents: {profile: x, profile: y}":        {":2:", "twice"},
	"version: 1\naudit: on":                               {":2:", "required"},
	"version: 1\nrevoke: maybe":                           {":2:", "required"},
	"version: 1\napi-keys: people":                        {":2:", "services or deny"},
	"version: 1\nissuers: [\xff]":                         {"UTF-8"},
}

func TestParseRefuses(t *testing.T) {
	for text, words := range bad {
		_, err := Parse("/p.yaml", []byte(text+"\n"))
		if fault.KindOf(err) != fault.Storage {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, w := range append(words, "/p.yaml") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, want %q in it", text, err, w)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: several lines: %v", text, err)
		}
	}
}

// What is large or deep is refused at once.
func TestParseIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"10 MB":       "version: 1\n" + strings.Repeat("#", 10<<20),
		"deep flow":   "version: 1\nissuers: " + strings.Repeat("[", 60_000),
		"deep blocks": "version: 1\nissuers:\n" + strings.Repeat("- ", 30_000),
		"deep, whole": "version: 1\nissuers: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"many keys":   "version: 1\nagents: {" + strings.Repeat("a: b, ", 10_000) + "}",
	} {
		began := time.Now()
		_, err := Parse("/p.yaml", []byte(text))
		if fault.KindOf(err) != fault.Storage || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %.200v after %v", name, err, time.Since(began))
		}
	}
}

func TestForbid(t *testing.T) {
	p := &Policy{Path: "/p.yaml", Issuers: []string{"https://a.example"}}
	err := p.Allow("issuers", "https://b.example")
	var forbidden *ForbiddenError
	if !errors.As(err, &forbidden) || fault.KindOf(err) != fault.Forbidden || forbidden.Rule != "issuers" {
		t.Fatal(err)
	}
	if got := err.Error(); got != `issuer "https://b.example": forbidden by issuers in /p.yaml` {
		t.Error(got)
	}
	if hints, _ := fault.HintsOf(err); len(hints) != 1 || hints[0] != "allowed: https://a.example" {
		t.Errorf("%q", hints)
	}
}

func TestNilForbidsNothing(t *testing.T) {
	var p *Policy
	uris, err := p.Redirects([]string{"http://127.0.0.1:0/callback"})
	if err != nil || len(uris) != 1 || p.AllowAPIKey(true) != nil || p.AllowHelper("x") != nil ||
		p.Allow("issuers", "x") != nil || p.AllowURL("https://x.example") != nil {
		t.Errorf("%v, %v", uris, err)
	}
}

func TestRedirects(t *testing.T) {
	p := &Policy{RedirectPorts: []PortRange{{8400, 8401}, {9000, 9000}}}
	for uris, want := range map[string]string{
		"http://127.0.0.1:0/callback": "http://127.0.0.1:8400/callback http://127.0.0.1:8401/callback " +
			"http://127.0.0.1:9000/callback",
		"http://[::1]/c": "http://[::1]:8400/c http://[::1]:8401/c http://[::1]:9000/c",
		"http://localhost:8000/ http://localhost:9000/": "http://localhost:9000/",
		"http://localhost:8000/":                        "",
	} {
		got, err := p.Redirects(strings.Fields(uris))
		if strings.Join(got, " ") != want || (want == "") != (fault.KindOf(err) == fault.Forbidden) {
			t.Errorf("%s: %q, %v", uris, got, err)
		}
	}
	wide := &Policy{RedirectPorts: []PortRange{{1024, 65535}}}
	if got, err := wide.Redirects([]string{"http://127.0.0.1:0/"}); err != nil || len(got) != mostPorts {
		t.Errorf("%d, %v", len(got), err)
	}
}

func TestAllowURL(t *testing.T) {
	p := &Policy{Hosts: []string{"*.corp.example", "api.example:8443"}}
	for url, want := range map[string]bool{
		"https://a.corp.example/x": true, "https://A.Corp.example:443": true, "https://api.example:8443/": true,
		"https://corp.example": false, "https://api.example": false, "http://a.corp.example": false,
		"https://a.corp.example.": false, "https://evil.example/.corp.example": false,
		"https://a.corp.example@evil.example": false,
		"https://a.corp.example:8443":         false, "": false,
	} {
		if err := p.AllowURL(url); (err == nil) != want || err != nil && fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	for text := range bad {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("/p.yaml", []byte(text))
		if (p == nil) == (err == nil) || err != nil && fault.KindOf(err) != fault.Storage {
			t.Errorf("%v, %v", p, err)
		}
	})
}
