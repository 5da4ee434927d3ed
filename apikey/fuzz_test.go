package apikey

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	key := generate(f, live).Reveal()
	for _, seed := range []string{"", key, key[1:], key[:20], " " + key, key + key, "acme_live_", "\xff\x00",
		live.Pattern()} {
		f.Add(seed)
	}
	pattern := regexp.MustCompile(live.Pattern())
	f.Fuzz(func(t *testing.T, text string) {
		key, err := live.Parse(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || !key.IsZero() {
				t.Fatalf("Parse: %v, %v", key, err)
			}
			if len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Fatalf("the text is in the error: %v", err)
			}
		} else if key.Reveal() != text || !pattern.MatchString(text) || len(live.Find(text)) != 1 {
			t.Fatalf("%q parses, and is no key", text)
		}
		for _, found := range live.Find(text) {
			if _, err := live.Parse(found.Reveal()); err != nil || !strings.Contains(text, found.Reveal()) {
				t.Fatalf("found %q: %v", found.Reveal(), err)
			}
		}
	})
}

func FuzzFromRequest(f *testing.F) {
	key := generate(f, live).Reveal()
	f.Add("/", "Bearer "+key, "")
	f.Add("/?k="+key, "", key)
	f.Add("/%zz", "Basic eA==", "x")
	f.Add("//", "bearer", " ")
	f.Fuzz(func(t *testing.T, target, authorization, header string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{URL: u, Header: http.Header{"Authorization": {authorization}, "X-Api-Key": {header}}}
		got, err := live.FromRequest(r)
		switch {
		case err == nil && !strings.Contains(authorization+header, got.Reveal()):
			t.Fatalf("%q came from nowhere", got.Reveal())
		case err == nil && strings.Contains(target, got.Reveal()):
			t.Fatal("a key in the URL passes")
		case err != nil && !got.IsZero():
			t.Fatal("a key next to an error")
		}
	})
}
