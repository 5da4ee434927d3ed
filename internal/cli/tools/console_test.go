package tools

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Whoever knocks at the loopback address without its path, by another method or under
// another name gets nothing, and does not use it up; it leads to the console once.
func TestShowOnce(t *testing.T) {
	const secret = "http://127.0.0.1:1/federation?SigninToken=sEcReT"
	var said []int
	var led string
	done := make(chan struct{}) // who was led there may go on after it
	err := show(t.Context(), func(ctx context.Context, url string) error {
		defer close(done)
		hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, c := range [][3]string{{"GET", "/", ""}, {"HEAD", "", ""}, {"POST", "", ""}, {"GET", "", "evil.example"},
			{"GET", "?x", ""}, {"GET", "", ""}} {
			at := url + c[1]
			if c[1] == "/" {
				at = url[:strings.LastIndex(url, "/")+1]
			}
			req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), c[0], at, nil)
			if err != nil {
				return err
			}
			req.Host = c[2]
			res, err := hc.Do(req)
			if err != nil {
				return err
			}
			_ = res.Body.Close()
			said, led = append(said, res.StatusCode), res.Header.Get("Location")
			if led == "" && res.Header.Get("Cache-Control") != "" {
				t.Error("a header of the answer")
			}
		}
		return nil
	}, credential.NewSecret(secret), 10*time.Second)
	<-done
	if err != nil || led != secret {
		t.Errorf("%v, led to %q", err, led)
	}
	for i, status := range said {
		if want := map[bool]int{true: 303, false: 404}[i == 5]; status != want {
			t.Errorf("request %d: status %d, want %d", i, status, want)
		}
	}
	if len(said) != 6 {
		t.Errorf("%d answers", len(said))
	}
}

func TestShowWithoutBrowser(t *testing.T) {
	address := credential.NewSecret("http://127.0.0.1:1/?sEcReT")
	broken := func(context.Context, string) error { return errors.New("it is gone") }
	if err := show(t.Context(), broken, address, time.Minute); err == nil || !strings.Contains(err.Error(), "it is gone") {
		t.Error(err)
	}
	silent := func(context.Context, string) error { return nil }
	err := show(t.Context(), silent, address, 10*time.Millisecond)
	if fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "sEcReT") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	if err := show(ctx, silent, address, time.Minute); !errors.Is(err, stopped) {
		t.Error(err)
	}
}
