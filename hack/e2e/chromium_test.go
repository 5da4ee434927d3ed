package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// chromium is a headless browser that reaches nothing but this machine.
type chromium struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	requests   []string // addresses, in the order in which they were asked for
	complaints []string // of the console
}

func newChromium(t *testing.T) *chromium {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(mustTool(t, "chromium")),
		chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.NoSandbox, // it is root in CI, and loads only our own pages
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("ignore-certificate-errors-spki-list", ca.pin()),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	c := &chromium{t: t, ctx: ctx}
	c.do() // opens the tab
	if err := chromedp.Listen(ctx, c.record); err != nil {
		t.Fatal(err)
	}
	return c
}

// record keeps what the browser does on its own.
func (c *chromium) record(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		c.requests = append(c.requests, e.Request.URL)
	case *log.EventEntryAdded:
		c.complaints = append(c.complaints, e.Entry.Text)
	}
}

func (c *chromium) seen() (requests, complaints []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests), slices.Clone(c.complaints)
}

// history is where the tab's back button leads.
func (c *chromium) history() (addresses []string) {
	c.t.Helper()
	h, err := chromedp.Call(c.ctx, page.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
	for _, e := range h.Entries {
		addresses = append(addresses, e.URL)
	}
	return addresses
}

// look sets the window's size and what the person's system prefers.
func (c *chromium) look(width, height int64, features map[string]string) {
	c.t.Helper()
	var all []*emulation.MediaFeature
	for name, value := range features {
		all = append(all, &emulation.MediaFeature{Name: name, Value: value})
	}
	c.do(chromedp.EmulateViewport(width, height))
	if _, err := chromedp.Call(c.ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: all}); err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
}

// signIn goes through Dex's form as alice, as far as the page that sso-exec answers.
func (c *chromium) signIn(target string) {
	c.t.Helper()
	c.signInAs(target, alice)
}

func (c *chromium) signInAs(target string, person dex.User) {
	c.t.Helper()
	c.do(chromedp.Navigate(target),
		chromedp.SendKeys(chromedp.CSS("#login"), person.Email),
		chromedp.SendKeys(chromedp.CSS("#password"), person.Password),
		chromedp.Click(chromedp.CSS("#submit-login")),
		chromedp.WaitVisible(chromedp.CSS("main"))) // Dex's pages have none, sso-exec's have one
}

func (c *chromium) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.ctx, steps...); err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
}

// get is the value of one question to the page.
func get[T any](c *chromium, question chromedp.Action[T]) T {
	c.t.Helper()
	value, err := chromedp.Run(c.ctx, question)
	if err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
	return value
}

// text is what a person reads on the page.
func (c *chromium) text() string {
	c.t.Helper()
	return get(c, chromedp.Evaluate[string]("document.body.innerText"))
}

// shot saves the page as a picture, if $E2E_SHOTS names a directory.
func (c *chromium) shot(name string) {
	c.t.Helper()
	dir := os.Getenv("E2E_SHOTS")
	if dir == "" {
		return
	}
	picture := get(c, chromedp.CaptureScreenshot())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		c.t.Fatal(err)
	}
}
