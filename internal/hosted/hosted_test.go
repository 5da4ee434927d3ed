package hosted

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client trusts a world's CA and goes through its proxy, as the command does.
func client(t *testing.T, w *World) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CAPEM)
	proxy, err := url.Parse(w.Proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestWorld(t *testing.T) {
	w, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Handle("id.example",
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(rw, "hello from "+r.Host) }))
	c := client(t, w)
	get := func(at string) (int, string) {
		t.Helper()
		resp, err := c.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if status, body := get("https://id.example/a"); status != 200 || body != "hello from id.example" {
		t.Errorf("%d %q", status, body)
	}
	w.Answer("GET id.example/a", 400, `{"error":"x"}`)
	if status, body := get("https://id.example/a"); status != 400 || body != `{"error":"x"}` {
		t.Errorf("scripted: %d %q", status, body)
	}
	if status, _ := get("https://id.example/a"); status != 200 {
		t.Errorf("a scripted answer came twice")
	}
	if len(w.Violations()) != 0 {
		t.Errorf("violations: %q", w.Violations())
	}
	get("https://elsewhere.example/")
	if v := w.Violations(); len(v) != 1 || !strings.HasPrefix(v[0], "GET elsewhere.example/: ") {
		t.Errorf("violations: %q", v)
	}
	if got := len(w.Requests()); got != 4 {
		t.Errorf("%d requests", got)
	}
}
