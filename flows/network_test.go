package flows

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWay has the sentences for failures that no test can bring about for real.
func TestWay(t *testing.T) {
	dial := func(errno error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	toProxy := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	nxdomain := func(name string) error { return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true} }
	chain := func(names ...string) []*x509.Certificate {
		var certs []*x509.Certificate
		for i := range len(names) - 1 {
			certs = append(certs,
				&x509.Certificate{Subject: pkix.Name{CommonName: names[i]}, Issuer: pkix.Name{CommonName: names[i+1]}})
		}
		return certs
	}
	untrusted := func(shown []*x509.Certificate) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: shown,
			Err: x509.UnknownAuthorityError{Cert: shown[0]}}
	}
	at := func(addrs ...string) (all []netip.AddrPort) {
		for _, a := range addrs {
			all = append(all, netip.AddrPortFrom(netip.MustParseAddr(a), 443))
		}
		return all
	}
	const host, proxy = "login.corp.example", "proxy.corp.example:3128"
	for name, c := range map[string]struct {
		way  way
		kind string
		want string
	}{
		"unknown name": {way{err: nxdomain(host)}, NetUnknownName, "the host login.corp.example was not found"},
		"no name server": {way{err: &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}}, NetNoNames,
			"no name server here has an answer for login.corp.example"},
		"name server silent": {way{err: context.DeadlineExceeded, asking: true, within: time.Second}, NetNoNames,
			"no name server"},
		"out of the VPN": {way{err: context.DeadlineExceeded, tried: at("10.1.2.3"), within: 15 * time.Second}, NetPrivate,
			"login.corp.example is at 10.1.2.3, a private address, which does not answer within 15s"},
		"no route to private": {way{err: dial(syscall.EHOSTUNREACH), tried: at("192.168.7.7", "fd00::7")}, NetPrivate,
			"login.corp.example is at 192.168.7.7, fd00::7, a private address, which does not answer: no route to host"},
		"carrier": {way{err: dial(syscall.ECONNREFUSED), tried: at("100.64.3.3")}, NetPrivate,
			"100.64.3.3, a private address, which does not answer: connection refused"},
		"public": {way{err: context.DeadlineExceeded, tried: at("203.0.113.7"), within: time.Second}, NetSilent,
			"no answer from login.corp.example, at 203.0.113.7 within 1s"},
		"mixed": {way{err: dial(syscall.ECONNREFUSED), tried: at("10.1.2.3", "203.0.113.7")}, NetSilent,
			"at 10.1.2.3, 203.0.113.7: connection refused"},
		"sinkhole": {way{err: dial(syscall.ECONNREFUSED), tried: at("0.0.0.0")}, NetBlocked,
			"login.corp.example leads to this machine itself here (0.0.0.0)"},
		"IPv4 on an IPv6 network": {way{err: dial(syscall.ENETUNREACH), tried: at("203.0.113.7")}, NetUnreachable4,
			"no route from here to login.corp.example, at 203.0.113.7: this machine's network carries no IPv4 there"},
		"IPv6 by Winsock's number": {way{err: dial(syscall.Errno(10051)), tried: at("2001:db8::7")}, NetUnreachable6,
			"carries no IPv6 there"},
		"IPv6 on an IPv4 network": {way{err: dial(syscall.ENETUNREACH), tried: at("2001:db8::7")}, NetUnreachable6,
			"carries no IPv6 there"},
		"server of this machine": {way{host: "127.0.0.1:8443", err: dial(syscall.ECONNREFUSED), tried: at("127.0.0.1")}, "",
			"no answer from 127.0.0.1:8443: dial tcp: connect: connection refused"},
		"localhost": {way{host: "localhost:8443", err: dial(syscall.ECONNREFUSED), tried: at("127.0.0.1", "::1")}, "",
			"no answer from localhost:8443: "},
		"private literal": {way{host: "10.1.2.3", err: dial(syscall.ECONNREFUSED), tried: at("10.1.2.3")}, NetSilent,
			"no answer from 10.1.2.3, at 10.1.2.3: connection refused"},
		"cut off": {way{err: io.ErrUnexpectedEOF, connected: true, tried: at("10.1.2.3")}, "",
			"no answer from login.corp.example: unexpected EOF"},
		"slow": {way{err: context.DeadlineExceeded, connected: true, within: time.Second, tried: at("10.1.2.3")}, "",
			"no answer from login.corp.example within 1s"},

		"proxy's name": {way{err: toProxy(nxdomain("proxy.corp.example")), proxy: proxy, toProxy: true}, NetProxyDown,
			"the host of the proxy proxy.corp.example:3128 (HTTPS_PROXY) was not found"},
		"proxy silent": {way{err: context.DeadlineExceeded, proxy: proxy, toProxy: true, within: time.Second}, NetProxyDown,
			"the proxy proxy.corp.example:3128 (HTTPS_PROXY) does not answer within 1s"},
		"proxy's certificate": {way{err: toProxy(untrusted(chain("proxy", "Corp CA"))), proxy: proxy, toProxy: true},
			NetAuthority,
			`the certificate of the proxy proxy.corp.example:3128 (HTTPS_PROXY) was issued by "Corp CA"`},
		"through a proxy": {way{err: io.EOF, proxy: proxy, connected: true}, "",
			"no answer from login.corp.example through the proxy proxy.corp.example:3128 (HTTPS_PROXY): EOF"},

		"its own": {way{err: untrusted(chain(host, host))}, NetAuthority,
			"the certificate of login.corp.example was issued by itself"},
		"the root": {way{err: untrusted(chain(host, "Zscaler Intermediate", "Zscaler Root CA"))}, NetInspected,
			`was issued by "Zscaler Root CA", of a proxy that looks into TLS (Zscaler)`},
		"vendor inside": {way{err: untrusted(chain(host, "netskope ca", "Corp Root"))}, NetInspected,
			`was issued by "Corp Root", of a proxy that looks into TLS (Netskope)`},
		"hostile name": {way{err: untrusted(chain(host, "a\x1b[2Jb\nsso-exec: all is well"))}, NetAuthority,
			`was issued by "a[2Jb sso-exec: all is well", which`},
	} {
		w := c.way
		if w.host == "" {
			w.host = host
		}
		err := w.explain()
		var network *NetworkError
		if !errors.As(err, &network) || network.Kind != c.kind || !strings.Contains(err.Error(), c.want) ||
			strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: %#v", name, err)
		}
		if !errors.Is(err, w.err) {
			t.Errorf("%s: what went wrong is not inside", name)
		}
	}
}

// TestWayForReal has the facts come from a transport.
func TestWayForReal(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	get := func(timeout time.Duration) error {
		hc, err := NewHTTPClient(timeout, nil)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodGet, "http://"+held.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Do(t.Context(), hc, "look", req)
		return err
	}
	// Accepted by the system, and answered by nobody: not a network's fault.
	err = get(200 * time.Millisecond)
	if want := "look: no answer from " + held.Addr().String() + " within 200ms"; err == nil || err.Error() != want {
		t.Errorf("held: %v, want %s", err, want)
	}
	_ = held.Close()
	if err := get(time.Minute); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.Errno(10061)) {
		t.Errorf("closed: %v", err)
	}
}

func TestPortalIn(t *testing.T) {
	for page, want := range map[string]string{
		`<meta http-equiv="refresh" content="0;url=https://portal.hotel.example/x?y">`: "portal.hotel.example",
		`<script>location.href = 'http://portal.hotel.example:8080/';</script>`:        "portal.hotel.example:8080",
		`<form method=post action=https://portal.hotel.example/login>`:                 "portal.hotel.example",
		`<LoginURL>https://wispr.hotel.example/login</LoginURL>`:                       "wispr.hotel.example",
		`<form action="https://LOGIN.corp.example/x"><form action="/y">`:               "",
		`<a href="https://www.example.com/">`:                                          "",
		`{"url": "https://portal.hotel.example"}`:                                      "",
	} {
		if got := portalIn([]byte(page), "login.corp.example"); got != want {
			t.Errorf("%s: %q, want %q", page, got, want)
		}
	}
}

// TestRedirects tells where an answer leads that must not lead anywhere.
func TestRedirects(t *testing.T) {
	from := &url.URL{Scheme: "https", Host: "login.corp.example", Path: "/token"}
	for _, c := range []struct {
		status   int
		location string
		portal   bool
		want     string
	}{
		{302, "https://portal.hotel.example/?u=secret", true, "portal.hotel.example answers instead of login.corp.example"},
		{307, "//portal.hotel.example", true, "portal.hotel.example answers instead"},
		{301, "https://sso.corp.example/token", false,
			"login.corp.example redirects to sso.corp.example (status 301), which is not allowed here"},
		{302, "/elsewhere", false, "login.corp.example redirects (status 302), which is not allowed here"},
		{302, "", false, "redirects (status 302)"},
		{302, "https://%zz", false, "redirects (status 302)"},
	} {
		err := ledElsewhere("refresh", from,
			&http.Response{StatusCode: c.status, Header: http.Header{"Location": {c.location}},
				Request: &http.Request{URL: from}})
		var network *NetworkError
		var outage *UnavailableError
		if !errors.As(err, &outage) || !outage.Garbled || errors.As(err, &network) != c.portal ||
			!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d %s: %v", c.status, c.location, err)
		}
	}
}
