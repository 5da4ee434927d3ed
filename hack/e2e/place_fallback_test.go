package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestPlaceFallback: a desktop whose browser leads to nothing.
func TestPlaceFallback(t *testing.T) {
	t.Parallel()
	t.Run("a page that nobody answers", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		kube := desktop(c).onTerminal().kube("--login-timeout", "30s")
		kube.wantChoice(choice{"pkce", "stderr", "browser"})
		c.url(kube) // the one page in all
		kube.wantFellBack("press Enter")
		kube.press("\r")
		target, code := kube.prompted()
		c.visit(withCode(t, target, code))
		execToken(t, kube.ok())
		if len(c.urls) != 0 {
			t.Error("a second page was opened")
		}
	})
}

// TestPlaceOpenerFails has the machine to itself: an opener that takes longer than a
// second and a half to fail counts as one that works.
func TestPlaceOpenerFails(t *testing.T) {
	c := newClient(t, provider)
	kube := desktopWith(c, "false").withoutBrowsers().onTerminal().kube()
	kube.wantChoice(choice{"pkce", "stderr", "browser"})
	kube.wantFellBack("instead")
	kube.wantDevice(c)
}

// withoutBrowsers is the same place, where every browser fails that xdg-open
// would try after the person's own, and gio too, which never tells of a failure.
func (p place) withoutBrowsers() place {
	p.c.t.Helper()
	for _, name := range []string{"x-www-browser", "firefox", "chromium", "chromium-browser", "google-chrome", "konqueror",
		"epiphany", "gio"} {
		if path, err := filepath.EvalSymlinks(filepath.Join("/usr/bin", name)); err == nil {
			p.root.Over[path] = "/usr/bin/false"
		}
	}
	return p
}

// wantFellBack waits for the words that offer another flow.
func (r *command) wantFellBack(words string) {
	r.t.Helper()
	r.eventually("no other flow is offered", func() bool { return strings.Contains(r.screen(), words) })
}
