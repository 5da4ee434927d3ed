package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// xvfb starts an X server on a display that is free, once, and returns the
// display's name.
func xvfb(t *testing.T) string {
	t.Helper()
	display, err := startXvfb()
	if err != nil {
		t.Fatal(err)
	}
	return display
}

var startXvfb = sync.OnceValues(func() (string, error) {
	path, err := tool("Xvfb")
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(scratch, "Xvfb.log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	chosen, writer, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer chosen.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{writer}
	p, err := spawn(cmd)
	writer.Close()
	if err != nil {
		return "", fmt.Errorf("Xvfb: %w", err)
	}
	addComponent(component{process: p, name: "Xvfb", log: log.Name()})
	number, err := bufio.NewReader(chosen).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("Xvfb names no display: %w\n%s", err, tail(log.Name()))
	}
	return ":" + strings.TrimSpace(number), nil
})

// desktop is a Linux desktop on a real X server, whose browser is the real
// xdg-open's choice: a program that hands the URL to the test.
func desktop(c *client) place {
	c.t.Helper()
	return desktopWith(c, c.browser)
}

// desktopWith has another command for its browser.
func desktopWith(c *client, browser string) place {
	c.t.Helper()
	display := xvfb(c.t)
	chooseBrowser(c, browser)
	p := machine(c).with("DISPLAY=" + display).with(desktopEnv...)
	p.root.Binds = append(p.root.Binds, "/tmp/.X11-unix")
	return p
}

// desktopEnv keeps xdg-open and Chromium from looking for a session bus: where
// there is none, they would start one that stays.
var desktopEnv = []string{"XDG_CURRENT_DESKTOP=X-Generic", "DBUS_SESSION_BUS_ADDRESS=disabled:"}

// chooseBrowser makes a command the person's own choice of a browser.
func chooseBrowser(c *client, command string) {
	c.t.Helper()
	mustTool(c.t, "xdg-open") // which sso-exec finds by itself
	c.write(".config/mimeapps.list",
		"[Default Applications]\nx-scheme-handler/http=e2e.desktop\nx-scheme-handler/https=e2e.desktop\n")
	c.write(".local/share/applications/e2e.desktop", "[Desktop Entry]\nType=Application\nName=e2e\nExec="+command+" %u\n")
}

// write makes a file below the home directory, and returns its path.
func (c *client) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	// A program that is started meanwhile would hold it open for a moment, and a
	// script that is open for writing cannot be run (ETXTBSY).
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		c.t.Fatal(err)
	}
	return path
}

// wayland is a socket that a compositor might listen on.
func wayland(c *client) place {
	c.t.Helper()
	chooseBrowser(c, c.browser)
	dir, err := os.MkdirTemp(scratch, "run-") // a socket's path has to be short
	if err != nil {
		c.t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "wayland-0"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { socket.Close() })
	p := machine(c).with("WAYLAND_DISPLAY=wayland-0", "XDG_RUNTIME_DIR="+dir,
		"XDG_SESSION_TYPE=wayland").with(desktopEnv...)
	p.root.Binds = append(p.root.Binds, dir)
	return p
}

// TestPlaceDesktopBrowser is the whole of a sign-in on a desktop: xdg-open
// starts Chromium with a window on the X server, where alice signs in.
func TestPlaceDesktopBrowser(t *testing.T) {
	t.Parallel()
	c := newClient(t, provider)
	profile := filepath.Join(c.home, "chromium")
	log := filepath.Join(c.home, "chromium.log")
	pid := filepath.Join(c.home, "chromium.pid")
	browser := c.write("browser", fmt.Sprintf(`#!/bin/sh
echo $$ >'%s'
exec setsid '%s' --no-sandbox --disable-gpu --no-first-run --no-default-browser-check --password-store=basic \
	--disable-background-networking --disable-component-update --disable-dev-shm-usage --disable-extensions --disable-sync \
	--host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost' \
	--ignore-certificate-errors-spki-list='%s' --user-data-dir='%s' --remote-debugging-port=0 \
	--enable-logging --log-file='%s' "$@"
`, pid, mustTool(t, "chromium-window"), ca.pin(), profile, log))
	p := desktopWith(c, browser).onTerminal()
	kube := p.kube()
	t.Cleanup(func() {
		killWrittenSession(pid)
		if t.Failed() {
			t.Logf("Chromium's log:\n%s", tail(log))
		}
	})
	kube.wantChoice(choice{"pkce", "stderr", "browser"})

	var port []byte
	kube.eventually("Chromium has no window", func() bool {
		port, _ = os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		return strings.Count(string(port), "\n") > 0
	})
	number, _, _ := strings.Cut(string(port), "\n")
	window := attach(t, "http://127.0.0.1:"+number)
	window.do(chromedp.SendKeys(chromedp.CSS("#login"), alice.Email),
		chromedp.SendKeys(chromedp.CSS("#password"), alice.Password),
		chromedp.Click(chromedp.CSS("#submit-login")),
		chromedp.WaitVisible(chromedp.CSS("main")))
	execToken(t, kube.ok())
	window.shot("desktop")
	if pages := pages(window); len(pages) != 1 {
		t.Errorf("Chromium has the pages %q, want one", pages)
	}
	if opened := kube.seen(); strings.Contains(opened, "ERROR") {
		t.Errorf("the browser's own words are on the terminal: %s", opened)
	}
}

// attach drives the page of a browser that runs already. On a busy machine a new
// Chromium may name its port half a minute before it answers there.
func attach(t *testing.T, address string) *chromium {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	said := "it shows no page of the provider"
	for ctx.Err() == nil {
		browser, cancel := remote.NewAllocator(ctx, address)
		t.Cleanup(cancel)
		probe, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		infos, err := chromedp.Targets(probe)
		for ; err == nil && ctx.Err() == nil; infos, err = chromedp.Targets(probe) {
			for _, info := range infos {
				if info.Type == "page" && strings.HasPrefix(info.URL, "https://127.0.0.1:") {
					page, cancel := chromedp.NewContext(probe, chromedp.WithTargetID(info.TargetID))
					t.Cleanup(cancel)
					window := &chromium{t: t, ctx: page}
					window.loaded()
					return window
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil && ctx.Err() == nil {
			said = err.Error()
			time.Sleep(time.Second)
		}
	}
	t.Fatalf("chromium: %s", said)
	return nil
}

// loaded waits for the page's document. Chromium names a page before that is
// there, and what was found in the document before it goes with that.
func (c *chromium) loaded() {
	c.t.Helper()
	for {
		there, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](
			`location.protocol === "https:" && document.readyState === "complete"`))
		if there {
			return
		}
		if c.ctx.Err() != nil {
			c.t.Fatalf("chromium: the page does not load: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// pages are the addresses that a browser shows.
func pages(c *chromium) []string {
	c.t.Helper()
	infos, err := chromedp.Targets(c.ctx)
	if err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
	var urls []string
	for _, info := range infos {
		if info.Type == "page" {
			address, _, _ := strings.Cut(info.URL, "?")
			urls = append(urls, address)
		}
	}
	return urls
}
