package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/providertest"
)

// console stands in for the sign-in of the AWS console: it takes the keys that the
// script's STS has issued, and each of its tokens once.
type console struct {
	sts    *providertest.STS
	mu     sync.Mutex
	asked  url.Values // by the last request for a token
	tokens map[string]bool
	logins []url.Values
	status int // of the next answers; 0: the right one
	body   string
}

var consoles sync.Map // of scripts

// cmdConsole: console start; console asked NAME VALUE ("-": it had none); console logins
// N; console page URL (of the last login); console fails STATUS BODY; [!] console token
// FILE (one of its tokens is in that file).
func cmdConsole(ts *testscript.TestScript, neg bool, args []string) {
	if args[0] == "start" {
		c := &console{sts: ts.Value("world").(*world).sts, tokens: map[string]bool{}}
		srv := httptest.NewServer(c)
		ts.Defer(srv.Close)
		consoles.Store(ts, c)
		ts.Setenv("AWS_ENDPOINT_URL_SIGNIN", srv.URL)
		return
	}
	got, _ := consoles.Load(ts)
	c := got.(*console)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch args[0] {
	case "asked":
		value := "-"
		if c.asked.Has(args[1]) {
			value = c.asked.Get(args[1])
		}
		if value != args[2] {
			ts.Fatalf("asked with %s=%s, want %s", args[1], value, args[2])
		}
	case "logins": // by a browser, which nobody waits for
		for range 500 {
			if fmt.Sprint(len(c.logins)) == args[1] {
				break
			}
			c.mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			c.mu.Lock()
		}
		if fmt.Sprint(len(c.logins)) != args[1] {
			ts.Fatalf("%d logins, want %s", len(c.logins), args[1])
		}
	case "page":
		if got := c.logins[len(c.logins)-1].Get("Destination"); got != args[1] {
			ts.Fatalf("the page is %s", got)
		}
	case "fails":
		c.status, c.body = 0, ""
		if len(args) > 2 {
			_, _ = fmt.Sscan(args[1], &c.status)
			c.body = args[2]
		}
	case "token": // is in a file
		text := ts.ReadFile(args[1])
		found := false
		for token := range c.tokens {
			found = found || strings.Contains(text, token) || strings.Contains(text, url.QueryEscape(token))
		}
		if found == neg {
			ts.Fatalf("%s: a token is in it: %v", args[1], found)
		}
	default:
		ts.Fatalf("console %s: no such command", args[0])
	}
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := r.URL.Query()
	var session struct{ SessionID, SessionKey, SessionToken string }
	_ = json.Unmarshal([]byte(q.Get("Session")), &session)
	switch action := q.Get("Action"); {
	case r.URL.Path != "/federation":
		http.NotFound(w, r)
	case action == "getSigninToken":
		if c.asked = q; c.status != 0 {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
			return
		}
		for _, k := range c.sts.Issued() {
			chained := k.By != "" && q.Has("SessionDuration")
			if !chained && k.AccessKeyID == session.SessionID && k.SecretAccessKey == session.SessionKey &&
				k.SessionToken == session.SessionToken {
				token := "CONSOLE+" + rand.Text()
				c.tokens[token] = true
				_ = json.NewEncoder(w).Encode(map[string]string{"SigninToken": token})
				return
			}
		}
		http.Error(w, "bad request", http.StatusBadRequest)
	case action == "login" && c.tokens[q.Get("SigninToken")] && q.Get("Issuer") != "":
		c.logins = append(c.logins, q)
	default:
		http.Error(w, "bad request", http.StatusBadRequest)
	}
}
