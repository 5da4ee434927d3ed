package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium is a headless browser that reaches nothing but this machine.
type chromium struct {
	t   *testing.T
	ctx context.Context
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
	return &chromium{t, ctx}
}

// signIn goes through Dex's form as alice, as far as the page that sso-exec answers.
func (c *chromium) signIn(target string) {
	c.t.Helper()
	c.do(chromedp.Navigate(target),
		chromedp.SendKeys(chromedp.CSS("#login"), alice.Email),
		chromedp.SendKeys(chromedp.CSS("#password"), alice.Password),
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
