package flows

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

var aliceAt = credential.Identity{Issuer: "https://login.corp.example/realms/corp", Subject: "1", Name: "Alice Example", Email: "alice@corp.example"}

// pages are all that a browser can be shown.
func pages(t *testing.T) map[string]page {
	t.Helper()
	u, err := CheckRedirectURI("http://127.0.0.1:8000/callback")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]page{
		"success":   outcomePage(aliceAt, nil),
		"denied":    outcomePage(aliceAt, fmt.Errorf("browser sign-in: %w: not today", ErrDenied)),
		"failed":    outcomePage(aliceAt, errors.New("browser sign-in: it did not work")),
		"stray":     pageStray,
		"elsewhere": newLoopback(u, "8000", nil).elsewherePage("localhost:9999"),
	}
}

// written is a page as it is sent.
func written(p page) (http.Header, string) {
	w := httptest.NewRecorder()
	writePage(w, http.StatusOK, p)
	return w.Header(), w.Body.String()
}

// Each page is whole, says what to do next, and asks for nothing from elsewhere.
func TestPages(t *testing.T) {
	titles := map[string]string{}
	for name, p := range pages(t) {
		h, text := written(p)
		isolated(t, h)
		if h.Get("Content-Length") != strconv.Itoa(len(text)) {
			t.Errorf("%s: Content-Length %s of %d", name, h.Get("Content-Length"), len(text))
		}
		for _, want := range []string{`<!doctype html>`, `<html lang="en">`, `<meta charset="utf-8">`, `name="viewport"`, "<title>" + p.Title + " – sso-exec</title>",
			"<main ", "<h1>" + p.Title + "</h1>", "terminal"} {
			if strings.Count(strings.NewReplacer("<span>", "", "</span>", "").Replace(text), want) < 1 {
				t.Errorf("%s: no %s", name, want)
			}
		}
		for _, never := range []string{"{", "<script", "<a ", "<form", "<img", "http-equiv", "url(", "@import", "src="} {
			if strings.Contains(strings.Replace(text, pageStyle, "", 1), never) {
				t.Errorf("%s: there is %q: %s", name, never, text)
			}
		}
		sum := sha256.Sum256([]byte(between(text, "<style>", "</style>")))
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(h.Get("Content-Security-Policy"), "'sha256-"+hash+"'") {
			t.Errorf("%s: its policy blocks its style", name)
		}
		if other := titles[p.Title]; other != "" {
			t.Errorf("%s and %s have one title", name, other)
		}
		titles[p.Title] = name
		if signedIn := strings.Contains(text, "You are signed in"); signedIn != (name == "success") {
			t.Errorf("%s: says that somebody is signed in: %v", name, signedIn)
		}
	}
}

func between(s, a, b string) string {
	_, s, _ = strings.Cut(s, a)
	s, _, _ = strings.Cut(s, b)
	return s
}

// The page names the account that signed in and the provider, as text. A page of
// failure names nobody.
func TestPageNamesTheAccount(t *testing.T) {
	for _, c := range []struct {
		who  credential.Identity
		want string
	}{
		{aliceAt, "<p>as <b><bdi>alice@corp.example</bdi></b> at <b><bdi>login.corp.example</bdi></b></p>"},
		{credential.Identity{Issuer: "https://[::1]:8443", Subject: "00u1"}, "<p>as <b><bdi>00u1</bdi></b> at <b><bdi>[::1]:8443</bdi></b></p>"},
		{credential.Identity{Issuer: "https://a.example", Email: "<script>alert(1)</script>\x1b[2J\u202egro.evil{text}"},
			"<p>as <b><bdi>&lt;script&gt;alert(1)&lt;/script&gt;[2Jgro.evil{text}</bdi></b> at <b><bdi>a.example</bdi></b></p>"},
		{credential.Identity{Email: strings.Repeat("x", 5000)}, "<p>as <b><bdi>" + strings.Repeat("x", 100) + "…</bdi></b></p>"},
		{credential.Identity{}, "<h1>You are signed in</h1><p>Return"},
	} {
		if _, text := written(outcomePage(c.who, nil)); !strings.Contains(text, c.want) {
			t.Errorf("no %q in %s", c.want, text)
		}
		if _, text := written(outcomePage(c.who, errors.New("it could not be stored"))); strings.Contains(text, "<bdi>") {
			t.Errorf("a failure names somebody: %s", text)
		}
	}
	p := providertest.New(t, providertest.Config{})
	var text string
	if _, err := signIn(t, p, nil, func(v visit) { _, text = v.browse() }); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(p.Issuer())
	if !strings.Contains(text, "<bdi>alice@corp.example</bdi>") || !strings.Contains(text, "<bdi>"+u.Host+"</bdi>") {
		t.Errorf("the page of a sign-in does not name alice at %s: %s", u.Host, text)
	}
}

// Every text can be read: WCAG 2.2, 1.4.3 asks for a contrast of 4.5:1.
func TestPageContrast(t *testing.T) {
	schemes := regexp.MustCompile(`:root\{[^}]*\}`).FindAllString(pageStyle, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d colour schemes", len(schemes))
	}
	for _, scheme := range schemes {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+):#([0-9a-f]+)`).FindAllStringSubmatch(scheme, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, name := range []string{"fg", "ok", "no", "dim"} {
			a, b := colours[name], colours["card"]
			if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 4.5 {
				t.Errorf("--%s on --card has a contrast of %.2f:1 in %s", name, contrast, scheme)
			} else {
				t.Logf("--%s on --card: %.2f:1", name, contrast)
			}
		}
	}
}

// luminance is WCAG's relative luminance.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("#%s is no colour", hex)
	}
	linear := func(n uint64) float64 {
		c := float64(n&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}
