package tools

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/hosts"
)

// Whatever pip or uv call a service, a token is for the one host that a URL library sees
// in it, without a user name; else the request is somebody else's, or refused.
func FuzzKeyringRequest(f *testing.F) {
	for _, s := range []string{"https://pypi.example.com/simple/", "pypi.example.com:443", "evil.example#@h", "a@b",
		"http://127.0.0.1:5/", "https://[::1]/", "system"} {
		f.Add("get", s, "oauth2")
	}
	f.Add("set", "h.example", "-u")
	f.Fuzz(func(t *testing.T, word, service, user string) {
		q, err := keyringRequest([]string{word, service, user})
		if err != nil || q.code != 1 || q.next == nil {
			t.Fatalf("%+v, %v", q, err)
		}
		if q.host == (hosts.Host{}) {
			return
		}
		text := service
		if !strings.Contains(text, "://") {
			text = "https://" + text
		}
		u, err := url.Parse(text)
		if word != "get" && q.refuse == nil || strings.HasPrefix(service, "-") || strings.HasPrefix(user, "-") ||
			err == nil && (u.User != nil || !strings.Contains(q.host.String(), strings.ToLower(u.Hostname()))) {
			t.Errorf("%q %q %q is for %s", word, service, user, q.host)
		}
	})
}
