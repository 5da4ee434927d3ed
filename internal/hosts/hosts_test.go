package hosts

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"example.com": "", "Example.COM": "example.com", "example.com:443": "", "example.com:8443": "",
		"git": "", "localhost:5000": "", "127.0.0.1": "", "127.0.0.1:5000": "", "[::1]:5000": "", "[2001:db8::1]": "",
		"*.example.com": "", "*.EXAMPLE.com:8443": "*.example.com:8443", "*.a.b.example": "", "xn--bcher-kva.example": "",
		"a_b.example.com": "", "1.example": "", "0x.example.com": "",
	} {
		p, err := Parse(text)
		if want == "" {
			want = text
		}
		if err != nil || p.String() != want {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
	for _, text := range []string{
		"*", "*.com", "*.com:443", "*.", "**.example.com", "*example.com", "a.*.example.com", "*.*.example.com",
		"*.127.0.0.1",
		"*.0.0.1", "*.[::1]", "*.localhost",
		"", ".", ".example.com", "example.com.", "example..com", "-a.example", "a-.example", " example.com",
		"example.com\n",
		"example.com:", "example.com:0", "example.com:08443", "example.com:65536", "example.com:x", "example.com:+443",
		"https://example.com", "example.com/", "user@example.com", "example.com?", "example.com#", "ex%61mple.com",
		"exampl\u0065\u0301.com", "\u212aube.example", "ｅxample.com", "example\u3002com", "bücher.example",
		"0x7f.1", "0x7f000001", "2130706433", "127.1", "127.0.0.01", "0177.0.0.1", "127.0.0.1.", "256.0.0.1", "1.2.3",
		"example.1", "example.0xA", "a.0x", "::1", "[::1", "::1]", "[::1%25lo]", "[fe80::1%eth0]", "[::ffff:127.0.0.1]",
		"[0:0:0:0:0:0:0:1]", "[::0001]", "[127.0.0.1]", "[]", "[::1]x", "example.com\x00",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 126) + "ab",
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is accepted: %q", text, p)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"git.example.com", []string{
			"https://git.example.com", "https://GIT.Example.com/a/b?c#d", "HTTPS://git.example.com:443",
			"https://git.example.com?x",
		}, []string{
			"https://git.example.com:8443", "http://git.example.com", "http://git.example.com:443", "ssh://git.example.com",
			"https://git.example.com.", "https://git.example.com.evil.example", "https://evilgit.example.com",
			"https://example.com",
			"https://a.git.example.com", "https://user@git.example.com", "https://user:pass@git.example.com",
			"https://git.example.com@evil.example", "https://evil.example#@git.example.com",
			"https://evil.example\\@git.example.com",
			"https://evil.example/git.example.com", "https://git.example.com\\.evil.example", "https:git.example.com",
			"https:///git.example.com", "https:/git.example.com", "//git.example.com", "git.example.com", "https://",
			"https://git%2eexample.com", "https://git.example%E2%80%A4com", "https://git。example.com",
			"https://ɡit.example.com",
			"https://git.example.com:", "https://git.example.com:0443", "https://git.example.com:44 3",
			"https://git.example.com\r\n",
			"https://git.example.com\x00", "https://git.example.com/\n", " https://git.example.com",
			"https://git.example.com,evil.example",
			"https://git.exa\tmple.com", "https://[git.example.com]", "view-source:https://git.example.com",
		}},
		{"kube.example.com", []string{"https://KUBE.example.com"}, []string{"https://\u212aube.example.com",
			"https://\u212aUBE.example.com"}},
		{"git.example.com:8443", []string{"https://git.example.com:8443/"},
			[]string{"https://git.example.com", "https://git.example.com:443", "http://git.example.com:8443"}},
		{"git.example.com:443", []string{"https://git.example.com"}, []string{"https://git.example.com:444"}},
		{"*.example.com", []string{"https://a.example.com", "https://a.b.c.example.com:443",
			"https://xn--a.example.com"}, []string{
			"https://example.com", "https://.example.com", "https://aexample.com", "https://a.example.com:8443",
			"https://a.example.com.evil.example", "https://a..example.com", "https://*.example.com", "http://a.example.com",
		}},
		{"*.example.com:8443", []string{"https://a.example.com:8443"}, []string{"https://a.example.com"}},
		{"127.0.0.1:5000", []string{"http://127.0.0.1:5000", "https://127.0.0.1:5000"}, []string{
			"http://127.1:5000", "http://0x7f.1:5000", "http://2130706433:5000", "http://localhost:5000", "http://127.0.0.1",
			"http://[::ffff:127.0.0.1]:5000", "http://0177.0.0.1:5000", "http://127.0.0.1.:5000",
			"http://127.0.0.1:5000@evil.example",
		}},
		{"127.0.0.1", []string{"http://127.0.0.1", "http://127.0.0.1:80",
			"https://127.0.0.1"}, []string{"http://127.0.0.1:443",
			"https://127.0.0.1:80"}},
		{"[::1]:5000", []string{"http://[::1]:5000", "https://[::1]:5000"}, []string{"http://[::1%25lo]:5000",
			"http://::1:5000",
			"http://[0::1]:5000", "http://[::1]"}},
		{"localhost", []string{"https://localhost"}, []string{"http://localhost", "http://localhost:443"}},
		{"192.0.2.1", []string{"https://192.0.2.1"}, []string{"http://192.0.2.1", "https://3221225985",
			"https://192.0.513"}},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for want, urls := range map[bool][]string{true: c.yes, false: c.no} {
			for _, u := range urls {
				h, ok := OfURL(u)
				if got := ok && p.Matches(h); got != want {
					t.Errorf("%s and %q: %v", p, u, got)
				}
			}
		}
	}
	p, _ := Parse("example.com")
	if p.Matches(Host{}) || (Pattern{}).Matches(Host{}) {
		t.Error("no host is matched")
	}
}

func TestFind(t *testing.T) {
	l, err := ParseList([]string{"*.example.com", "*.git.example.com", "a.git.example.com", "a.git.example.com:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]int{"https://x.example.com": 0, "https://b.git.example.com": 1,
		"https://git.example.com":   0,
		"https://a.git.example.com": 2, "https://a.git.example.com:8443": 3, "https://example.com": -1} {
		if h, ok := OfURL(url); !ok || l.Find(h) != want {
			t.Errorf("%s: %d", url, l.Find(h))
		}
	}
	if _, err := ParseList([]string{"example.com", "*"}); err == nil {
		t.Error("a list with * in it is accepted")
	}
}

// Whatever is accepted means to net/url what it means here, and has one spelling.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"https://a.example.com:8443/x", "http://[::1]:5000", "https://u@h",
		"https://0x7f.1", "https://\u212a.b"} {
		f.Add(s, "*.example.com")
	}
	f.Fuzz(func(t *testing.T, raw, pattern string) {
		h, ok := OfURL(raw)
		if ok {
			u, err := url.Parse(raw)
			if err != nil { // of the path: that is not looked at here
				return
			}
			if u.User != nil || !strings.EqualFold(u.Hostname(), strings.Trim(h.name, "[]")) ||
				u.Port() != "" && u.Port() != h.port {
				t.Errorf("%q is %+v here, and %v there", raw, h, u)
			}
			again, ok := Of(lower(u.Scheme), h.String())
			if !ok || again != h {
				t.Errorf("%q: %+v, then %+v", raw, h, again)
			}
		}
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%q: %q, then %q, %v", pattern, p, again, err)
		}
		if ok && p.Matches(h) && !p.IsWildcard() && p.name != h.name {
			t.Errorf("%q matches %q", pattern, raw)
		}
	})
}
