package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/providertest/awssso"
)

// cmdCenter steers the IAM Identity Center of a script.
//
//	center start [k=v ...]       start it; AWS_ENDPOINT_URL_SSO_OIDC, _SSO and SSO_EXEC_START_URL, _SSO_REGION,
//	                             _ACCOUNT_ID, _ROLE_NAME and _BROWSER are set
//	center requests NAME N       that many requests of a kind were made (all, token's grants, client/register …)
//	center asked NAME PARAM VALUE   the last one had this; "-": it had none
//	center reset | violations N
//	center answer NAME STATUS BODY [HEADER=VALUE …] [times=N]   the next request gets this answer; BODY may be huge
//	center edit NAME MEMBER JSON    a member of the next three answers is another
//	center unanswer              what is left of these
//	center approve               the person opens the page of the last code
//	center drop NAME             the next answer is lost
//	center cli FILE [refresh|late]  the AWS CLI signs in, or refreshes what is in its file
//	center end [unknown] | end-clients | deny | allow | skew D | lives TOKEN KEYS REGISTRATION
func cmdCenter(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value("world").(*world)
	if args[0] == "start" {
		startCenter(ts, w, args[1:])
		return
	}
	c := w.center
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		return n
	}
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		ts.Check(err)
		return d
	}
	switch args[0] {
	case "requests":
		got := c.Count(args[1])
		if args[1] == "all" {
			got = len(c.Requests())
		}
		if got != number(args[2]) {
			ts.Fatalf("%s requests: %d, want %s; all: %q", args[1], got, args[2], c.Requests())
		}
	case "asked":
		got := "-"
		if v := c.Asked(args[1], args[2]); v != nil {
			b, _ := json.Marshal(v)
			got = strings.Trim(string(b), `"`)
		}
		if got != args[3] {
			ts.Fatalf("%s was asked with %s=%s, want %s", args[1], args[2], got, args[3])
		}
	case "reset":
		c.Reset()
	case "violations":
		w.centerViolationsRead = true
		if v := c.Violations(); len(v) != number(args[1]) {
			ts.Fatalf("violations: %q", v)
		}
	case "answer":
		a := awssso.Answer{Status: number(args[2]), Body: args[3], Header: map[string]string{}}
		if a.Body == "huge" {
			a.Body = `{"a":"` + strings.Repeat("a", 2<<20) + `"}`
		}
		times := 1
		for _, h := range args[4:] {
			name, value, _ := strings.Cut(h, "=")
			if name == "times" {
				times = number(value)
				continue
			}
			a.Header[name] = value
		}
		for range times {
			c.Answer(args[1], a)
		}
	case "edit":
		var v any
		ts.Check(json.Unmarshal([]byte(args[3]), &v))
		for range 3 { // as often as it is asked
			c.Answer(args[1], awssso.Answer{Edit: func(m map[string]any) {
				if inner, ok := m["roleCredentials"].(map[string]any); ok {
					m = inner
				}
				m[args[2]] = v
			}})
		}
	case "unanswer": // of what is left
		c.Forget()
	case "approve":
		for range 3000 {
			if page := c.DevicePage(); page != "" {
				ts.Check(ts.Exec("testbrowser", page))
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		ts.Fatalf("no code was asked for")
	case "drop":
		c.Answer(args[1], awssso.Answer{Drop: true})
	case "cli":
		cliSession(ts, c, args[1], strings.Join(args[2:], ""))
	case "end":
		c.EndSessions(len(args) == 1)
	case "end-clients":
		c.EndClients()
	case "deny":
		c.Deny(true)
	case "allow":
		c.Deny(false)
	case "skew":
		c.Skew(duration(args[1]))
	case "lives":
		c.SetLives(duration(args[1]), duration(args[2]), duration(args[3]))
	default:
		ts.Fatalf("unknown: center %s", args[0])
	}
}

func startCenter(ts *testscript.TestScript, w *world, args []string) {
	var config awssso.Config
	for _, arg := range args {
		switch k, v, _ := strings.Cut(arg, "="); k {
		case "start":
			config.StartURL = v
		case "pages":
			config.PageSize, _ = strconv.Atoi(v)
		case "many": // that many accounts, with two roles each
			n, _ := strconv.Atoi(v)
			config.Accounts = map[string][]string{}
			for i := range n {
				config.Accounts[fmt.Sprintf("%012d", i+1)] = []string{"admin", "dev"}
			}
		case "accounts": // ID:role+role,ID:role
			config.Accounts = map[string][]string{}
			for _, one := range strings.Split(v, ",") {
				id, roles, _ := strings.Cut(one, ":")
				config.Accounts[id] = strings.Split(roles, "+")
			}
		default:
			ts.Fatalf("unknown: %s", arg)
		}
	}
	c, err := awssso.Start(config)
	ts.Check(err)
	w.center = c
	ts.Setenv("AWS_ENDPOINT_URL_SSO_OIDC", c.OIDC)
	ts.Setenv("AWS_ENDPOINT_URL_SSO", c.Portal)
	ts.Setenv("PORTAL", c.Portal)
	ts.Setenv("SSO_EXEC_START_URL", "https://d-1234567890.awsapps.com/start")
	ts.Setenv("SSO_EXEC_SSO_REGION", "eu-central-1")
	ts.Setenv("SSO_EXEC_ACCOUNT_ID", "123456789012")
	ts.Setenv("SSO_EXEC_ROLE_NAME", "dev")
	ts.Setenv("SSO_EXEC_BROWSER", "testbrowser")
}

// cliSession writes the AWS CLI's file as that does, in place: after a sign-in of its own,
// or after a refresh of what is there. late: only a moment after the token was spent.
func cliSession(ts *testscript.TestScript, c *awssso.Server, name, how string) {
	path := ts.MkAbs(name)
	all := map[string]string{"startUrl": "https://d-1234567890.awsapps.com/start/#/", "region": "eu-central-1"}
	var got map[string]string
	if how == "" {
		got = c.SignIn()
	} else {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &all))
		if got = c.Refresh(all); got == nil {
			ts.Fatalf("the refresh token in %s is not taken", name)
		}
	}
	for k, v := range got {
		all[k] = v
	}
	const layout = "2006-01-02T15:04:05Z"
	all["expiresAt"] = time.Now().Add(time.Hour).UTC().Format(layout)
	all["registrationExpiresAt"] = time.Now().Add(90 * 24 * time.Hour).UTC().Format(layout)
	b, err := json.Marshal(all)
	ts.Check(err)
	write := func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o600)
	}
	if how != "late" {
		ts.Check(write())
		return
	}
	go func() {
		time.Sleep(700 * time.Millisecond)
		_ = write()
	}()
}
