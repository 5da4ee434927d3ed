package flows

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// paste runs a sign-in whose answer is brought by hand. do is the person.
func paste(t *testing.T, p *providertest.Provider, do func(visit, *Authorization)) (*Result, error) {
	t.Helper()
	return signInBy(t, p, discover(t, p).Paste, nil, do)
}

// pasteDeaf is paste where no port can be had.
func pasteDeaf(t *testing.T, p *providertest.Provider, do func(visit, *Authorization)) (*Result, error) {
	t.Helper()
	busy := "http://127.0.0.1:" + taken(t, "tcp4", "127.0.0.1") + "/cb"
	return signInBy(t, p, discover(t, p).Paste, []string{busy}, func(v visit, a *Authorization) {
		if a.Listening || a.RedirectURI != busy {
			t.Errorf("listens %v, redirect URI %s", a.Listening, a.RedirectURI)
		}
		do(v, a)
	})
}

// Whatever a person can bring back of the last page ends the sign-in well.
func TestPaste(t *testing.T) {
	plain := func(back *url.URL) string { return back.String() }
	for _, c := range []struct {
		name string
		iss  bool // the provider names itself (RFC 9207)
		text func(back *url.URL) string
	}{
		{"the address", false, plain},
		{"the address, of a provider that names itself", true, plain},
		{"without its scheme", false, func(u *url.URL) string { return strings.TrimPrefix(u.String(), "http://") }},
		{"from the path on", false, func(u *url.URL) string { return u.RequestURI() }},
		{"from the question mark on", false, func(u *url.URL) string { return "?" + u.RawQuery }},
		{"the query", false, func(u *url.URL) string { return u.RawQuery }},
		{"the query, of a provider that names itself", true, func(u *url.URL) string { return u.RawQuery }},
		{"with a fragment", false, func(u *url.URL) string { return u.String() + "#_=_" }},
		{"of a port that was forwarded to another", false,
			func(u *url.URL) string { return "http://localhost:9999" + u.RequestURI() }},
		{"in several lines", false, func(u *url.URL) string {
			s := u.String()
			return "\n " + s[:20] + "\r\n  " + s[20:50] + "\u00a0\n" + s[50:] + " \n"
		}},
		{"with what cannot be seen", false, func(u *url.URL) string { return "\ufeff\u200b" + u.String() + "\x00\u202e" }},
		{"in quotes", false, func(u *url.URL) string { return `"` + u.String() + `"` }},
		{"in angle brackets", false, func(u *url.URL) string { return "<" + u.String() + ">" }},
		{"the code", false, func(u *url.URL) string { return u.Query().Get("code") }},
		{"the code with its name", false, func(u *url.URL) string { return "code=" + u.Query().Get("code") + "\n" }},
		{"the code, escaped as in an address", false, func(u *url.URL) string {
			code := u.Query().Get("code")
			return "%" + strings.ToUpper(hex(code[0])) + code[1:]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{ResponseIss: c.iss, EditMetadata: namesItself(c.iss)})
			for name, run := range map[string]func(*testing.T, *providertest.Provider, func(visit, *Authorization)) (*Result,
				error){"listening": paste, "deaf": pasteDeaf} {
				res, err := run(t, p, func(v visit, a *Authorization) {
					if err := a.Answer(c.text(v.callback())); err != nil {
						t.Errorf("%s: refused: %v", name, err)
						a.GiveUp(err)
					}
				})
				if err != nil || res == nil || res.Identity.Email != "alice@corp.example" {
					t.Errorf("%s: ended with %v", name, err)
				}
			}
			if v := p.Violations(); len(v) > 0 {
				t.Errorf("the provider complains: %v", v)
			}
		})
	}
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func namesItself(does bool) func(map[string]any) {
	return providertest.With("authorization_response_iss_parameter_supported", does)
}

// What is of no use is refused in words that say what to do, that repeat nothing
// of it, and nothing is sent to the provider. The sign-in goes on.
func TestPasteRefused(t *testing.T) {
	const (
		last     = "begins with http://127.0.0.1:"
		whole    = "copy all of it"
		neither  = "neither the address of the last page nor a code"
		toOpen   = "this is the address to open"
		twice    = "is there twice"
		elseTo   = "another sign-in"
		nothing  = "nothing was pasted"
		tooLong  = "too long"
		notAlone = "the code alone is not enough"
	)
	with := func(u *url.URL, query string) string { return "http://" + u.Host + u.Path + "?" + query }
	for _, c := range []struct {
		name string
		text func(v visit, back *url.URL) string
		want string
	}{
		{"nothing", func(visit, *url.URL) string { return "" }, nothing},
		{"blanks", func(visit, *url.URL) string { return " \t\r\n\u00a0\u200b" }, nothing},
		{"quotes", func(visit, *url.URL) string { return `""` }, nothing},
		{"another state", func(_ visit, u *url.URL) string { return with(u, "code=c&state=x") }, elseTo},
		{"another state, and no address", func(visit, *url.URL) string { return "code=c&state=x" }, elseTo},
		{"the state cut off", func(v visit, u *url.URL) string { return with(u, "code=c&state="+v.state[:20]) }, elseTo},
		{"no state", func(_ visit, u *url.URL) string { return with(u, "code=c") }, whole},
		{"an empty state", func(_ visit, u *url.URL) string { return with(u, "code=c&state=") }, whole},
		{"an error without a state", func(_ visit, u *url.URL) string { return with(u, "error=access_denied") }, whole},
		{"an error with another state", func(_ visit, u *url.URL) string { return with(u, "error=access_denied&state=x") },
			elseTo},
		{"cut off before the code", func(v visit, u *url.URL) string { return with(u, "state="+v.state+"&code=") }, last},
		{"cut off before the code, and no address", func(v visit, _ *url.URL) string { return "state=" + v.state + "&code=" },
			last},
		{"cut off after the state", func(v visit, _ *url.URL) string { return "state=" + v.state }, "part of the address"},
		{"cut off in an escape", func(v visit, u *url.URL) string { return with(u, "state="+v.state+"&code=abc%2") }, whole},
		{"no query", func(_ visit, u *url.URL) string { return "http://" + u.Host + u.Path }, last},
		{"no query and no scheme", func(_ visit, u *url.URL) string { return u.Host + u.Path }, last},
		{"an address of nowhere", func(visit, *url.URL) string { return "https://login.corp.example/done" }, last},
		{"a page before the last", func(visit, *url.URL) string { return "https://login.corp.example/broker?code=c&state=x" },
			last},
		{"the address to open", func(v visit, _ *url.URL) string { return v.authURL }, toOpen},
		{"its query", func(v visit, _ *url.URL) string { return v.authURL[strings.Index(v.authURL, "?")+1:] }, toOpen},
		{"two codes", func(v visit, u *url.URL) string { return with(u, "code=c&code=d&state="+v.state) }, twice},
		{"an empty code before the code", func(v visit, u *url.URL) string { return with(u, "code=&code=d&state="+v.state) },
			twice},
		{"two states", func(v visit, u *url.URL) string { return with(u, "code=c&state="+v.state+"&state=x") }, twice},
		{"two issuers", func(v visit, u *url.URL) string { return with(u, "code=c&state="+v.state+"&iss=a&iss=b") }, twice},
		{"two addresses", func(_ visit, u *url.URL) string { return u.String() + "\n" + u.String() }, twice},
		{"semicolons", func(v visit, u *url.URL) string { return with(u, "code=c;state="+v.state) }, whole},
		{"a word", func(visit, *url.URL) string { return "yes" }, neither},
		{"a command", func(visit, *url.URL) string { return "kubectl get pods" }, neither},
		{"letters of the world", func(visit, *url.URL) string { return "Anmeldebestätigung" }, neither},
		{"a code with a control character", func(visit, *url.URL) string { return "abcdefgh%00ijkl" }, neither},
		{"a code with a blank", func(visit, *url.URL) string { return "abcdefgh%20ijkl" }, neither},
		{"junk", func(visit, *url.URL) string { return strings.Repeat("junk ", 64<<10/5) }, tooLong},
		{"junk of one parameter", func(visit, *url.URL) string { return strings.Repeat("&", 16<<10) }, "no code"},
		{"the code alone, of a provider that names itself", func(_ visit, u *url.URL) string { return u.Query().Get("code") },
			notAlone},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{ResponseIss: true, EditMetadata: namesItself(true)})
			_, err := paste(t, p, func(v visit, a *Authorization) {
				back := v.callback()
				text := c.text(v, back)
				err := a.Answer(text)
				if err == nil {
					t.Fatal("taken")
				}
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("refused with %q, want %q in it", err, c.want)
				}
				if s := err.Error(); Clean(s, 300) != s || strings.Contains(s, v.state) ||
					strings.Contains(s, back.Query().Get("code")) {
					t.Errorf("refused with %q", s)
				}
				if n := p.Requests().Token; n != 0 {
					t.Errorf("%d token requests", n)
				}
				if err := a.Answer(back.String()); err != nil {
					t.Errorf("then the right address is refused: %v", err)
				}
			})
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// How a pasted answer that has the right state can still end.
func TestPasteEnds(t *testing.T) {
	query := func(v visit, q url.Values) string {
		q.Set("state", v.state)
		return v.redirect.String() + "?" + q.Encode()
	}
	for _, c := range []struct {
		name   string
		config providertest.Config
		text   func(v visit, back *url.URL) string
		want   func(error) bool
		says   string
	}{
		{"denied", providertest.Config{}, func(v visit, _ *url.URL) string {
			return query(v, url.Values{"error": {"access_denied"}, "error_description": {"not\x1b[2J today"}})
		}, func(err error) bool { return errors.Is(err, ErrDenied) }, "not[2J today"},
		{"another issuer", providertest.Config{}, func(v visit, back *url.URL) string {
			return query(v, url.Values{"code": back.Query()["code"], "iss": {"https://evil.example"}})
		}, func(err error) bool { _, ok := errors.AsType[*VerifyError](err); return ok }, "https://evil.example"},
		{"no issuer, of a provider that names itself", providertest.Config{EditMetadata: namesItself(true)},
			func(v visit, back *url.URL) string {
				return query(v, url.Values{"code": back.Query()["code"]})
			}, func(err error) bool { _, ok := errors.AsType[*VerifyError](err); return ok }, "does not name its issuer"},
		{"the code cut off", providertest.Config{}, func(v visit, back *url.URL) string {
			return query(v, url.Values{"code": {back.Query().Get("code")[:10]}})
		}, func(err error) bool { _, ok := errors.AsType[*OAuthError](err); return ok }, "the pasted code is incomplete"},
		{"another code", providertest.Config{}, func(visit, *url.URL) string { return "SplxlOBeZQQYbYS6WxSbIA" },
			func(err error) bool { _, ok := errors.AsType[*OAuthError](err); return ok }, "the pasted code is incomplete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t, c.config)
			res, err := paste(t, p, func(v visit, a *Authorization) {
				if err := a.Answer(c.text(v, v.callback())); err != nil {
					t.Errorf("refused: %v", err)
					a.GiveUp(err)
				}
			})
			if res != nil || err == nil || !c.want(err) || !strings.Contains(err.Error(), c.says) ||
				Clean(err.Error(), 1000) != err.Error() {
				t.Errorf("ended with %T %q", err, err)
			}
		})
	}
}

// The code of another sign-in, which has no state to tell it by: the provider
// refuses it by PKCE, and were it careless, the nonce would.
func TestPasteCodeOfAnotherSignIn(t *testing.T) {
	for _, careless := range []bool{false, true} {
		p := providertest.New(t, providertest.Config{PKCEOptional: true})
		res, err := paste(t, p, func(v visit, a *Authorization) {
			other, _ := url.Parse(v.authURL)
			q := other.Query()
			q.Set("nonce", "of-another-sign-in")
			if !careless {
				q.Set("code_challenge", strings.Repeat("A", 43))
			}
			other.RawQuery = q.Encode()
			v.authURL = other.String()
			if err := a.Answer(v.callback().Query().Get("code")); err != nil {
				t.Errorf("refused: %v", err)
				a.GiveUp(err)
			}
		})
		if _, verify := errors.AsType[*VerifyError](err); res != nil || err == nil || verify != careless {
			t.Errorf("careless %v: ended with %v", careless, err)
		}
	}
}

// Through a forwarded port (ssh -L) a browser elsewhere reaches the listener,
// and nothing needs pasting.
func TestPasteListens(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	res, err := paste(t, p, func(v visit, a *Authorization) {
		if !a.Listening {
			t.Error("it does not listen")
		}
		if _, page := v.browse(); !strings.Contains(page, `id="ok"`) {
			t.Errorf("the page is %s", page)
		}
	})
	if err != nil || res == nil {
		t.Errorf("ended with %v", err)
	}
}

// A port that was forwarded to another one: the page says what to do, and its
// address can be pasted.
func TestPasteThroughAnotherPort(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	_, err := paste(t, p, func(v visit, a *Authorization) {
		back := v.callback()
		for _, host := range []string{"127.0.0.1:9999", "localhost:9999", "[::1]:9999", "localhost:" + v.redirect.Port()} {
			status, h, page := v.send("GET", back.RequestURI(), host)
			if status != 421 || h.Get("Location") != "" || !strings.Contains(page, v.redirect.Port()+":"+v.redirect.Host) {
				t.Errorf("%s is answered %d: %s", host, status, page)
			}
		}
		for _, host := range []string{"evil.example:" + v.redirect.Port(), "127.0.0.1.evil.example:9999", "10.0.0.1:9999",
			"evil.example"} {
			if status, _, page := v.send("GET", back.RequestURI(), host); status != 421 || strings.Contains(page, "ssh") {
				t.Errorf("%s is answered %d: %s", host, status, page)
			}
		}
		back.Host = "localhost:9999"
		if err := a.Answer(back.String()); err != nil {
			t.Errorf("refused: %v", err)
			a.GiveUp(err)
		}
	})
	if err != nil {
		t.Errorf("ended with %v", err)
	}
}

// However many answers come, from the person and from browsers: one code is
// traded, once.
func TestPasteManyAnswersAtOnce(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	for range 20 {
		p.ResetRequests()
		res, err := paste(t, p, func(v visit, a *Authorization) {
			back := v.callback()
			start := make(chan struct{})
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					<-start
					if err := a.Answer(back.String()); err != nil {
						t.Errorf("refused: %v", err)
					}
				})
				wg.Go(func() {
					<-start
					follow := *v.browser
					follow.CheckRedirect = nil
					if resp, err := follow.Get(back.String()); err == nil { // else it was over already
						_ = resp.Body.Close()
					}
				})
			}
			close(start)
			wg.Wait()
		})
		if err != nil || res == nil {
			t.Fatalf("ended with %v", err)
		}
		if n := p.Requests().AuthorizationCode; n != 1 {
			t.Errorf("the code was traded %d times", n)
		}
	}
	if v := p.Violations(); len(v) > 0 {
		t.Errorf("the provider complains: %v", v)
	}
}

// A browser that comes while a pasted answer is redeemed gets its page; so does
// one whose answer was followed by a pasted one.
func TestPasteAndBrowser(t *testing.T) {
	for _, first := range []string{"paste", "browser"} {
		p := providertest.New(t, providertest.Config{})
		redeeming, gate := make(chan struct{}), make(chan struct{})
		p.TamperIDToken(1, func(*providertest.IDToken) { close(redeeming); <-gate })
		_, err := paste(t, p, func(v visit, a *Authorization) {
			back := v.callback()
			var done string
			answers := []func(){
				func() {
					if err := a.Answer(back.String()); err != nil {
						t.Errorf("refused: %v", err)
					}
				},
				func() { done = v.answer(back) },
			}
			if first == "browser" {
				slices.Reverse(answers)
			}
			answers[0]()
			<-redeeming
			answers[1]()
			close(gate)
			if _, _, page := v.send("GET", done, ""); !strings.Contains(page, `id="ok"`) {
				t.Errorf("%s first: the page is %s", first, page)
			}
		})
		if err != nil || p.Requests().AuthorizationCode != 1 {
			t.Errorf("%s first: ended with %v after %d token requests", first, err, p.Requests().AuthorizationCode)
		}
	}
}

// An answer after the end is nobody's, and blocks nobody.
func TestPasteAfterTheEnd(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	var kept *Authorization
	var back string
	cause := errors.New("somebody gave up")
	_, err := paste(t, p, func(v visit, a *Authorization) {
		kept, back = a, v.callback().String()
		a.GiveUp(cause)
		a.GiveUp(errors.New("again"))
	})
	if !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
	for range 3 {
		if err := kept.Answer(back); err != nil {
			t.Errorf("refused: %v", err)
		}
	}
	if n := p.Requests().Token; n != 0 {
		t.Errorf("%d token requests", n)
	}
}
