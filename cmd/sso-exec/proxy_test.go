//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// tcpProxy stands between the command and the provider and does to connections
// what networks do: below TLS, where the provider's own faults cannot reach.
type tcpProxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	treat func(client, server net.Conn) // nil: pass everything on
	conns []net.Conn
}

func newTCPProxy(t *testing.T) *tcpProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tcpProxy{listener: l}
	t.Cleanup(func() {
		_ = l.Close()
		p.setTreat(nil)
	})
	return p
}

// setTreat changes what happens to new connections, and ends the old ones.
func (p *tcpProxy) setTreat(treat func(client, server net.Conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.treat = treat
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *tcpProxy) serve() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		treat := p.treat
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		if treat == nil {
			treat = pass(-1, 0)
		}
		go func() {
			treat(client, server)
			_ = client.Close()
			_ = server.Close()
		}()
	}
}

// pass passes everything on, but at most n bytes to the client (all if n is
// negative), and those in single bytes if each takes a while.
func pass(n int64, each time.Duration) func(client, server net.Conn) {
	return func(client, server net.Conn) {
		go func() { _, _ = io.Copy(server, client) }()
		var from io.Reader = server
		if n >= 0 {
			from = io.LimitReader(server, n)
		}
		if each == 0 {
			_, _ = io.Copy(client, from)
			return
		}
		for b := make([]byte, 1); ; time.Sleep(each) {
			if _, err := io.ReadFull(from, b); err != nil {
				return
			}
			if _, err := client.Write(b); err != nil {
				return
			}
		}
	}
}

// TestThroughABadNetwork holds, resets, cuts (in the handshake, in the headers,
// in the body), drips and garbles the connections of a refresh, of a browser's
// and of a device's sign-in. The command ends with 5 or does its work; it prints
// nothing by half, and loses no session that it had.
func TestThroughABadNetwork(t *testing.T) {
	treatments := map[string]func(client, server net.Conn){
		"held": func(client, _ net.Conn) { _, _ = io.Copy(io.Discard, client) },
		"reset": func(client, _ net.Conn) {
			_ = client.(*net.TCPConn).SetLinger(0)
		},
		"closed": func(net.Conn, net.Conn) {},
		"garbled": func(client, _ net.Conn) {
			_, _ = io.WriteString(client, strings.Repeat("220 mail.example ESMTP\r\n", 50))
		},
		"dripped": pass(-1, 20*time.Millisecond),
	}
	for _, n := range []int64{1, 100, 1000, 1500, 2000, 2500, 3000} {
		treatments[fmt.Sprintf("cut after %d bytes", n)] = pass(n, 0)
	}
	flows := map[string][]string{
		"refresh": {"kube"},
		"pkce":    {"kube", "--browser", "testbrowser"},
		"device":  {"kube", "--flow", "device", "--login-timeout", "4s"},
	}
	for flow, args := range flows {
		t.Run(flow, func(t *testing.T) {
			t.Parallel()
			p := newTCPProxy(t)
			b := newProxiedBench(t, p)
			for name, treat := range treatments {
				if flow == "refresh" {
					b.expire(t)
				} else {
					b.dir = t.TempDir() + "/cache"
					b.setenv("SSO_EXEC_CACHE_DIR", b.dir)
				}
				p.setTreat(treat)
				o := b.run(args...)
				p.setTreat(nil)
				good := o.code == 0 && strings.HasSuffix(o.stdout, "}\n")
				bad := o.code == exitUnavailable && o.stdout == "" && strings.Contains(o.stderr, "sso-exec: ")
				if !good && !bad {
					t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, o.code, o.stdout, o.stderr)
				}
				if o := b.run("kube", "--browser", "testbrowser"); o.code != 0 {
					t.Errorf("%s: afterwards exit code %d, stderr %q", name, o.code, o.stderr)
				}
			}
			if n := b.idp.ActiveFamilies(); flow == "refresh" && n != 1 {
				t.Errorf("%d sessions alive at the provider, want the one", n)
			}
		})
	}
}

// newProxiedBench has the provider call itself by the proxy's address. It lets a
// refresh token that was just replaced pass for a while, as many do for the very
// case that an answer is lost.
func newProxiedBench(t *testing.T, p *tcpProxy) *bench {
	var direct atomic.Value // what the provider would call itself
	direct.Store("")
	through := "https://" + p.listener.Addr().String()
	b := newBench(t, providertest.Config{DeviceInterval: 1, DeviceApproveAfter: 1, RotationGrace: time.Hour,
		EditMetadata: func(metadata map[string]any) {
			for k, v := range metadata {
				if s, ok := v.(string); ok {
					metadata[k] = strings.Replace(s, direct.Load().(string), through, 1)
				}
			}
		}})
	direct.Store(b.idp.Issuer())
	p.target = strings.TrimPrefix(b.idp.Issuer(), "https://")
	go p.serve()
	b.idp.TamperIDToken(0, providertest.SetClaim("iss", through))
	b.setenv("SSO_EXEC_ISSUER", through)
	b.setenv("SSO_EXEC_HTTP_TIMEOUT", "700ms")
	b.mustRun(t, "login", "--browser", "testbrowser")
	return b
}
