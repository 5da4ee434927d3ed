package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is about the provider and the way to it. It is asked once for all checks:
// its metadata and its keys, without a token or a secret.

// answers are what came of asking the provider.
type answers struct {
	provider *flows.Provider // nil: it was not asked, or err says why there is none
	err      error
	host     string
	last     *http.Response // of its host, without its body; nil: none came
	at       time.Time      // when that came
	extra    []byte         // the roots of --ca-file and --ca-data
}

// askTimeout bounds one request of the checks.
const askTimeout = 8 * time.Second

// ask asks the provider.
func (d *doctor) ask(ctx context.Context) *answers {
	o := *d.bound
	o.Network.Timeout = min(o.Network.Timeout, askTimeout)
	o.Report.LogLevel, o.Report.Verbose = "error", false // what is worth a word is a check's to say
	if err := cmp.Or(o.CheckOverrides(), o.Obey()); err != nil {
		return &answers{err: err}
	}
	s, err := acquire.Open(&o, acquire.Caller{})
	if err != nil {
		return &answers{err: err}
	}
	a := &answers{extra: o.ExtraRoots().Pem}
	seen := &witness{next: s.HTTP.Transport}
	s.HTTP.Transport = seen
	a.provider, a.err = flows.Discover(ctx, s.HTTP, s.Dialect, s.Request.Issuer, s.Request.ClientID)
	u, err := url.Parse(s.Request.Issuer)
	if a.provider != nil && seen.last == nil { // a dialect knows its endpoints without a request
		if u, err = url.Parse(a.provider.TokenEndpoint); err == nil {
			req, _ := http.NewRequest(http.MethodGet, u.Scheme+"://"+u.Host+"/", nil)
			_, a.err = flows.Send(ctx, s.HTTP, "reach the provider", req)
			if outage, ok := errors.AsType[*flows.UnavailableError](a.err); ok && outage.Garbled {
				a.err = nil // a redirect is an answer
			}
		}
	}
	if err == nil {
		a.host = u.Host
	}
	a.last, a.at = seen.last, seen.at
	return a
}

// witness keeps the first answer of a server.
type witness struct {
	next http.RoundTripper
	mu   sync.Mutex
	last *http.Response
	at   time.Time
}

// Unwrap is for package flows, which finds its own transport below.
func (w *witness) Unwrap() http.RoundTripper { return w.next }

// RoundTrip sends, and remembers.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.last == nil {
		w.last, w.at = resp, time.Now()
	}
	return resp, err
}

// checkNetwork tells which way leads to the provider, and what is in it: a proxy, a
// page that a network shows before it lets anybody through, a name that is not known.
func checkNetwork(_ context.Context, d *doctor) (f found) {
	a := d.provider()
	if a.host == "" {
		return f
	}
	way := "directly"
	req := &http.Request{URL: &url.URL{Scheme: "https", Host: a.host}}
	if proxy, err := http.ProxyFromEnvironment(req); err == nil && proxy != nil && proxy.Host != "" {
		way = "through the proxy " + proxy.Host // never its user
	}
	if outage, ok := errors.AsType[*flows.UnavailableError](a.err); ok && !outage.Garbled && a.last == nil ||
		fault.Holds[*flows.NetworkError](a.err) {
		f.fail(failure, d.o, a.err)
		return f
	}
	if a.last != nil {
		f.add(pass, a.host+" answers, "+way)
	}
	return f
}

func checkProvider(_ context.Context, d *doctor) (f found) {
	a := d.provider()
	switch {
	case a.provider != nil && a.err == nil:
	case a.err == nil || fault.Holds[*flows.NetworkError](a.err) || a.host != "" && a.last == nil &&
		fault.KindOf(a.err) == fault.Unavailable: // the network's to tell
		return f
	case fault.KindOf(a.err) == fault.Forbidden: // the policy's to tell
		return f
	default:
		f.fail(failure, d.o, a.err)
		return f
	}
	p := a.provider
	f.add(pass, fmt.Sprintf("%s (%s)", p.Issuer, cmp.Or(p.Dialect.Title, "OpenID Connect")))
	var has []string
	for _, e := range [][2]string{{"browser", p.AuthorizationEndpoint}, {"device code", p.DeviceAuthorizationEndpoint}} {
		if e[1] != "" {
			has = append(has, e[0])
		}
	}
	if len(has) > 0 {
		f.add(pass, "sign-in by "+strings.Join(has, " and "))
	}
	if p.RevocationEndpoint == "" && !p.Dialect.NoOpenID {
		f.add(pass, "it has no revocation endpoint: logout only forgets the session here")
	}
	if p.Incomplete {
		f.add(warning, "a part of its metadata could not be read just now")
	}
	return f
}

func checkKeys(_ context.Context, d *doctor) (f found) {
	p := d.provider().provider
	if p == nil || p.JWKSURI == "" {
		return f
	}
	var set struct {
		Keys []struct{ Kty, Alg, Crv string }
	}
	if err := json.Unmarshal(p.RawKeys, &set); err != nil || len(set.Keys) == 0 {
		f.add(failure, "the provider publishes no keys at "+p.JWKSURI+": ID tokens cannot be verified")
		f.fix("ask the administrator of the provider: its jwks_uri must list its signing keys", "")
		return f
	}
	var kinds []string
	for _, k := range set.Keys {
		kind := flows.Clean(cmp.Or(k.Alg, k.Crv, k.Kty), 20)
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	f.add(pass, fmt.Sprintf("%s (%s)", counted(len(set.Keys), "key"), strings.Join(kinds, ", ")))
	return f
}

// soon is how long before its end a certificate is a warning.
const soon = 14 * 24 * time.Hour

func checkTLS(_ context.Context, d *doctor) (f found) {
	a := d.provider()
	if a.last == nil || a.last.TLS == nil || len(a.last.TLS.VerifiedChains) == 0 {
		if a.last != nil && a.last.TLS == nil {
			f.add(pass, "none: plain http to this machine itself")
		}
		return f
	}
	chain := a.last.TLS.VerifiedChains[0]
	leaf, root := chain[0], chain[len(chain)-1]
	by := "the system's roots"
	switch {
	case isAmong(root, a.extra):
		by = "--ca-file or --ca-data"
	case len(flows.RootVariables()) > 0:
		by = strings.Join(flows.RootVariables(), " and ") + " or the system's roots"
	}
	f.add(pass, fmt.Sprintf("signed by %s, trusted through %s", nameOf(root), by))
	if left := leaf.NotAfter.Sub(a.at); left < soon {
		f.add(warning, fmt.Sprintf("the certificate of %s ends at %s", a.host, leaf.NotAfter.UTC().Format(time.DateTime)))
		f.fix("ask the administrator of the provider to renew it", "")
	}
	return f
}

func isAmong(c *x509.Certificate, pem []byte) bool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return false
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

func nameOf(c *x509.Certificate) string {
	return fmt.Sprintf("%q", flows.Clean(cmp.Or(c.Subject.CommonName, c.Subject.String()), 100))
}

// What clocks may differ by: without a word, and without the end of tokens being
// mistaken.
const (
	smallSkew = 10 * time.Second
	largeSkew = time.Minute
)

func checkClock(_ context.Context, d *doctor) (f found) {
	a := d.provider()
	if a.last == nil {
		return f
	}
	date, err := http.ParseTime(a.last.Header.Get("Date"))
	if err != nil || a.last.Header.Get("Age") != "" { // out of some cache
		f.add(pass, "the provider does not say what time it is")
		return f
	}
	by := date.Sub(a.at).Round(time.Second)
	way := "behind"
	if by < 0 {
		way = "ahead of"
	}
	say := fmt.Sprintf("this machine's clock is %s %s the provider's", talk.Rough(by.Abs()), way)
	switch {
	case by.Abs() < smallSkew:
		f.add(pass, "this machine's clock agrees with the provider's")
	case by.Abs() < largeSkew:
		f.add(warning, say)
	default:
		f.add(failure, say+": tokens seem to have ended, or not to have begun")
	}
	if f.result != pass {
		f.fix("set the clock", map[string]string{"darwin": "sudo sntp -sS time.apple.com",
			"linux": "sudo timedatectl set-ntp true", "windows": "w32tm /resync"}[runtime.GOOS])
	}
	return f
}
