package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/hosted"
)

// cmdHosted steers the stand-ins of hosted providers.
//
//	hosted NAME                     one stands in for that provider, behind its real hosts; HTTPS_PROXY,
//	                                SSO_EXEC_CA_FILE and IDP_CA (of the testbrowser) are set; repeatable
//	hosted profile NAME             the profile of docs/providers/NAME.md becomes the config
//	hosted set OPTION VALUE         set the provider up otherwise
//	hosted person SUB [ORG]         who sits at the browser
//	hosted answer 'POST HOST/PATH' STATUS BODY    the next request there gets this answer
//	hosted requests 'POST HOST/PATH' N            so many were made
//	hosted asked 'GET HOST/PATH' NAME VALUE       the last one had this parameter; "-": it had none
//	hosted violations N
//
// A script fails for violations that it did not ask for.
func cmdHosted(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value("world").(*world)
	if w.hosted == nil {
		started, err := hosted.Start()
		ts.Check(err)
		w.hosted = started
		for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
			ts.Setenv(name, started.Proxy)
		}
		ts.Setenv("SSO_EXEC_CA_FILE", started.CAFile)
		ts.Setenv("IDP_CA", started.CAFile)
		ts.Setenv("SSO_EXEC_BROWSER", "testbrowser")
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "profile":
		ts.Check(copyProfile(args[1], filepath.Join(ts.Getenv("HOME"), ".config", "sso-exec"), w.hosted.CAFile))
	case "set":
		w.hosted.SetOption(args[1], args[2])
	case "person":
		p := hosted.Person{Subject: args[1], Email: args[1] + "@corp.example", Name: args[1]}
		p.Organization = strings.Join(args[2:], "")
		w.hosted.SetPerson(p)
	case "answer":
		w.hosted.Answer(args[1], number(args[2]), args[3])
	case "requests":
		made := slices.DeleteFunc(w.hosted.Requests(), func(at string) bool { return at != args[1] })
		if len(made) != number(args[2]) {
			ts.Fatalf("%d requests %s, want %s; all: %q", len(made), args[1], args[2], w.hosted.Requests())
		}
	case "asked":
		got := "-"
		if q := w.hosted.Query(args[1]); q.Has(args[2]) {
			got = q.Get(args[2])
		}
		if got != args[3] {
			ts.Fatalf("%s was asked with %s=%s, want %s", args[1], args[2], got, args[3])
		}
	case "violations":
		w.violationsRead = true
		if v := w.hosted.Violations(); len(v) != number(args[1]) {
			ts.Fatalf("violations: %q", v)
		}
	default:
		ts.Check(w.hosted.Open(args[0]))
		if d := dialect.Named(args[0]); d != nil && len(d.RedirectURIs) > 1 && !w.holdsPorts {
			fixedPorts.Lock() // until the script ends
			w.holdsPorts = true
		}
	}
}

// fixedPorts is held by a script that listens on ports that others would use too.
var fixedPorts sync.Mutex

// copyProfile takes the profile out of a provider's page, which it writes to the
// config's directory, with the stand-ins' CA.
func copyProfile(name, dir, ca string) error {
	page, err := os.ReadFile(filepath.Join(docs, "providers", name+".md"))
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	profile, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		return fmt.Errorf("the page of %s has no profile", name)
	}
	profile = ofAProfile.ReplaceAllString(profile, "$0    ca-file: "+ca+"\n")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(profile), 0o600)
}

var ofAProfile = regexp.MustCompile(`(?m)^  [\w-]+:\n`)

// docs is the directory of the documentation.
var docs, _ = filepath.Abs("../../docs")
