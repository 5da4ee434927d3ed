package sso_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// screen is a program's own way to show a sign-in.
type screen struct {
	prompts chan sso.Prompt
	gone    chan struct{}
	err     error
}

func newScreen() *screen { return &screen{make(chan sso.Prompt, 10), make(chan struct{}), nil} }

func (s *screen) Prompt(ctx context.Context, p sso.Prompt) error {
	s.prompts <- p
	context.AfterFunc(ctx, func() { close(s.gone) })
	return s.err
}

func TestPrompterShowsADeviceSignIn(t *testing.T) {
	w := newWorld(t, providertest.Config{DeviceInterval: 1})
	s := newScreen()
	c := w.client(func(c *sso.Client) { c.Prompter, c.Flow, c.Scopes = s, "device", []string{"email"} })
	go func() {
		p := <-s.prompts
		if p.Flow != "device" || p.UserCode == "" || !strings.HasPrefix(p.URL, w.Issuer()) || p.Provider == "" ||
			p.Answer != nil || time.Until(p.Until) > 5*time.Minute || p.Opening {
			t.Errorf("shown: %+v", p)
		}
		if err := w.ApproveDevice(p.UserCode); err != nil {
			t.Error(err)
		}
	}()
	who, err := c.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if who.Subject != "alice" || who.Issuer != w.Issuer() || who.Email != "alice@corp.example" {
		t.Errorf("signed in: %+v", who)
	}
	within(t, "the prompt", func() { <-s.gone })
}

func TestPrompterShowsAPageForAnotherMachine(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	s := newScreen()
	c := w.client(func(c *sso.Client) { c.Prompter, c.Flow = s, "paste" })
	go func() {
		p := <-s.prompts
		if p.Flow != "paste" || p.Answer == nil || p.Opening {
			t.Errorf("shown: %+v", p)
			return
		}
		if err := p.Answer("nonsense"); err == nil {
			t.Error("nonsense was an answer")
		}
		elsewhere := &http.Client{Transport: w.Client().Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := elsewhere.Get(p.URL)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if err := p.Answer(resp.Header.Get("Location")); err != nil {
			t.Error(err)
		}
	}()
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.pages.Load(); n != 0 {
		t.Errorf("%d pages were opened here", n)
	}
}

// A page that cannot be opened is shown, and after that a code for any browser is.
func TestPageThatCannotBeOpened(t *testing.T) {
	w := newWorld(t, providertest.Config{DeviceInterval: 1})
	s := &screens{approve: w.ApproveDevice}
	c := w.client(func(c *sso.Client) {
		c.Prompter = s
		c.OpenBrowser = func(context.Context, string) error { return errors.New("no display") }
	})
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.flows, " "); got != "pkce device" {
		t.Errorf("shown: %s", got)
	}
	if _, err := w.client(func(c *sso.Client) {
		c.OpenBrowser = func(context.Context, string) error { return errors.New("no display") }
		c.Device = "never"
	}).Login(t.Context()); !errors.Is(err, sso.ErrLoginRequired) || !strings.Contains(err.Error(), "no display") {
		t.Errorf("without a prompt: %v", err)
	}
}

// screens approves codes, and notes what it shows.
type screens struct {
	approve func(code string) error
	flows   []string
}

func (s *screens) Prompt(_ context.Context, p sso.Prompt) error {
	s.flows = append(s.flows, p.Flow)
	if p.UserCode != "" {
		return s.approve(p.UserCode)
	}
	return nil
}

func TestPrompterThatFailsEndsTheSignIn(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	s := newScreen()
	s.err = errors.New("the window is closed")
	_, err := w.client(func(c *sso.Client) { c.Prompter, c.Flow = s, "device" }).Login(t.Context())
	if !errors.Is(err, s.err) || !errors.Is(err, sso.ErrRefused) {
		t.Errorf("%v", err)
	}
}

// Nothing is printed that the program did not ask for: no warning, no line about
// who signed in. Warnings go to the logger, without secrets.
func TestPrintsNothing(t *testing.T) {
	w := newWorld(t, providertest.Config{Scopes: []string{"openid", "offline_access"}})
	var log lockedBuffer
	printed := capture(t, func() {
		c := w.client(func(c *sso.Client) {
			c.Scopes = []string{"offline_access"}
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		if _, err := c.Login(t.Context()); err != nil {
			t.Error(err)
		}
		w.age(t, 2*time.Hour)
		token(t, c)
		w.Fault(providertest.Revoke, providertest.Fault{Status: 503})
		if err := c.Logout(t.Context()); !errors.Is(err, sso.ErrNotRevoked) || !errors.Is(err, sso.ErrUnavailable) {
			t.Errorf("logout: %v", err)
		}
	})
	if printed != "" {
		t.Errorf("printed: %q", printed)
	}
	tokens := w.LastTokens()
	text := log.String()
	if !strings.Contains(text, "request") || strings.Contains(text, tokens.AccessToken) ||
		strings.Contains(text, tokens.RefreshToken) {
		t.Errorf("log: %q", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// capture returns what f has this process write to stdout and stderr.
func capture(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	read := make(chan string)
	go func() { b, _ := io.ReadAll(r); read <- string(b) }()
	f()
	os.Stdout, os.Stderr = out, errs
	w.Close()
	return <-read
}
