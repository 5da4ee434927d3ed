package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPlacePaste: the browser is on another machine, and the person carries the
// address of its last page over.
func TestPlacePaste(t *testing.T) {
	t.Parallel()
	t.Run("pasted", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		kube := machine(c).onTerminal().kube("--flow", "paste")
		target := kube.addressToOpen()
		kube.press(target + "\r") // the wrong one, as it happens
		kube.eventually("nothing is said about the address to open", func() bool {
			return strings.Contains(kube.screen(), "this is the address to open")
		})
		last, loaded := elsewhere{}.signIn(t, target)
		if loaded {
			t.Fatalf("another machine's browser reached %s", last)
		}
		// A person first takes too little, and is told.
		cut := last.String()[:strings.Index(last.String(), "&state=")]
		kube.press(cut + "\r")
		kube.eventually("nothing is said about an address without its state", func() bool {
			return strings.Contains(kube.screen(), "has no state")
		})
		kube.press(last.String() + "\r")
		execToken(t, kube.ok())
		kube.eventually("the person isn't told who signed in",
			func() bool { return strings.Contains(kube.screen(), alice.Email) })
		wantNoCode(t, kube, last)
	})
	t.Run("a port forwarded over SSH", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		far := machine(c)
		server := newSSHServer(t, far)
		kube := far.overSSH(place{c: c}.onTerminal(), server, []string{"-t"}, "", "--flow", "paste")
		target := kube.addressToOpen()
		var port string
		kube.eventually("no ssh -L is shown", func() bool {
			shown := sshForward.FindStringSubmatch(kube.screen())
			if shown != nil {
				port = shown[1]
			}
			return shown != nil
		})
		// Both machines are this one: the near end of the tunnel, which would be
		// 127.0.0.1 at the person's, has another address.
		near := net.JoinHostPort("127.0.0.2", port)
		tunnel := place{c: c}.start(mustTool(t, "ssh"), server.ssh("-N", "-L", near+":127.0.0.1:"+port)...)
		tunnel.eventually("ssh -L does not listen", func() bool {
			conn, err := net.DialTimeout("tcp", near, time.Second)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		last, loaded := elsewhere{"127.0.0.1:" + port: near}.signIn(t, target)
		if !loaded {
			t.Fatalf("the last page did not load: %s", last.Host)
		}
		execToken(t, kube.ok())
	})
}

var (
	authURL    = regexp.MustCompile(`https://\S+/auth\?\S+`)
	sshForward = regexp.MustCompile(`ssh .*-L 127\.0\.0\.1:(\d+):127\.0\.0\.1:(\d+) \S+@\S+`)
)

// addressToOpen waits for the one that the paste flow shows.
func (r *command) addressToOpen() (target string) {
	r.t.Helper()
	r.eventually("no address to open on the terminal", func() bool {
		target = authURL.FindString(r.screen())
		return target != "" && strings.Contains(target, "state=")
	})
	return target
}

// wantNoCode: what was pasted is not left on the screen. A terminal shows what
// is typed; sso-exec has to keep it from doing so, or take it back.
func wantNoCode(t *testing.T, r *command, last *url.URL) {
	t.Helper()
	if strings.Contains(r.stdout.String()+r.stderr.String(), last.Query().Get("code")) {
		t.Error("the authorization code was written")
	}
}

// elsewhere is alice's browser on another machine, from which this machine's
// loopback is not to be reached but through these tunnels: addresses of this
// machine, and where they lead to from there. Dex is reached from everywhere.
type elsewhere map[string]string

var (
	errUnreachable = errors.New("connection refused")
	formAction     = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
)

// signIn opens an address and fills in Dex's form. It returns the last address,
// and whether that could be loaded.
func (e elsewhere) signIn(t *testing.T, target string) (last *url.URL, loaded bool) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca.roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			tunnel, ok := e[address]
			if !ok && "https://"+address != provider.Issuer {
				return nil, errUnreachable
			}
			if ok {
				address = tunnel
			}
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}

	page, err := client.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(page.Body)
	page.Body.Close()
	action := formAction.FindSubmatch(body)
	if action == nil {
		t.Fatalf("Dex shows no form: %s", body)
	}
	post, err := page.Request.URL.Parse(html.UnescapeString(string(action[1])))
	if err != nil {
		t.Fatal(err)
	}
	page, err = client.PostForm(post.String(), url.Values{"login": {alice.Email}, "password": {alice.Password}})
	if failed, ok := errors.AsType[*url.Error](err); ok && errors.Is(err, errUnreachable) {
		if last, err = url.Parse(failed.URL); err != nil {
			t.Fatal(err)
		}
		return last, false
	}
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	return page.Request.URL, page.StatusCode == http.StatusOK
}
