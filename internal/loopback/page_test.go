package loopback

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pages are all that a browser can be shown.
func pages(t *testing.T) map[string]Page {
	t.Helper()
	u, err := CheckRedirectURI("http://127.0.0.1:8000/callback")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Page{"success": done, "stray": pageStray,
		"elsewhere": newListener(u, "8000", nil).elsewherePage("localhost:9999")}
}

// written is a page as it is sent.
func written(p Page) (http.Header, string) {
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
		for _, want := range []string{`<!doctype html>`, `<html lang="en">`, `<meta charset="utf-8">`, `name="viewport"`,
			"<title>" + p.Title + " – sso-exec</title>",
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
		if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(h.Get("Content-Security-Policy"),
			"'sha256-"+hash+"'") {
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

// Whoever is named, it is text.
func TestPageEscapes(t *testing.T) {
	for _, c := range []struct {
		page Page
		want string
	}{
		{Page{Who: "alice@corp.example", Where: "login.corp.example"},
			"<p>as <b><bdi>alice@corp.example</bdi></b> at <b><bdi>login.corp.example</bdi></b></p>"},
		{Page{Who: "<script>alert(1)</script>{text}", Where: "a.example"},
			"<p>as <b><bdi>&lt;script&gt;alert(1)&lt;/script&gt;{text}</bdi></b> at <b><bdi>a.example</bdi></b></p>"},
		{Page{Detail: "<img src=x>{style}"}, `<p class="detail" dir="auto">&lt;img src=x&gt;{style}</p>`},
	} {
		if _, text := written(c.page); !strings.Contains(text, c.want) || strings.Count(text, pageStyle) != 1 {
			t.Errorf("no %q in %s", c.want, text)
		}
	}
}

// isolated checks the headers that keep a page to itself.
func isolated(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
	} {
		if !strings.Contains(h.Get(name), want) {
			t.Errorf("header %s is %q, want %q in it", name, h.Get(name), want)
		}
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
		t.Fatalf("#%s is not a colour", hex)
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
