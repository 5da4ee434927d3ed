package flows

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// way is a route whose request has failed.
type way struct {
	err       error
	host      string
	proxy     string
	login     bool // the proxy's URL has a user
	toProxy   bool // it failed on the way to the proxy
	tried     []netip.AddrPort
	connected bool
	asking    bool
	within    time.Duration // 0: it was no time-out
}

func (w way) error(kind, format string, args ...any) error {
	return &NetworkError{Kind: kind, Host: w.host, Proxy: w.proxy, says: fmt.Sprintf(format, args...), err: w.err}
}

func (w way) explain() error {
	if connect, ok := errors.AsType[*connectError](w.err); ok {
		return w.connect(connect)
	}
	if err := w.certificate(); err != nil {
		return err
	}
	if errors.Is(w.err, http.ErrSchemeMismatch) || fault.Holds[tls.RecordHeaderError](w.err) {
		return w.error(NetPortal, "what answers in place of %s does not speak TLS", w.subject())
	}
	var dns *net.DNSError
	switch {
	case w.toProxy && w.within > 0:
		return w.error(NetProxyDown, "%s does not answer within %v", w.subject(), w.within)
	case w.toProxy && errors.As(w.err, &dns) && dns.IsNotFound:
		return w.error(NetProxyDown, "the host of %s was not found", w.subject())
	case w.toProxy:
		return w.error(NetProxyDown, "%s does not answer: %s", w.subject(), w.innermost())
	case errors.As(w.err, &dns) && dns.IsNotFound:
		return w.error(NetUnknownName, "the host %s was not found: no name server has an address for it",
			Clean(dns.Name, 100))
	case errors.As(w.err, &dns), w.within > 0 && !w.connected && w.asking:
		return w.error(NetNoNames, "no name server here has an answer for %s", w.host)
	case !w.connected && len(w.tried) > 0:
		return w.unreached()
	}
	return w.error("", "no answer from %s%s%s", w.host, w.through(), w.whole())
}

// connect explains a proxy's no.
func (w way) connect(e *connectError) error {
	proxy := w.named()
	switch {
	case e.status == http.StatusProxyAuthRequired && w.login:
		return w.error(NetProxyLogin, "%s does not accept the user and password in HTTPS_PROXY (status 407%s)",
			proxy, taking(e.schemes))
	case e.status == http.StatusProxyAuthRequired:
		return w.error(NetProxyAuth, "%s wants a user and a password (status 407%s)", proxy, taking(e.schemes))
	case e.portal != "":
		return w.error(NetPortal, "a sign-in page of this network (%s) answers instead of %s", e.portal, w.host)
	case e.status == http.StatusNetworkAuthenticationRequired: // RFC 6585 §6
		return w.error(NetPortal, "a sign-in page of this network answers instead of %s (status 511)", w.host)
	}
	return w.error(NetProxyRefuses, "%s does not connect to %s (status %d)", proxy, w.host, e.status)
}

func taking(schemes []string) string {
	if len(schemes) == 0 {
		return ""
	}
	return "; it takes " + strings.Join(slices.Compact(schemes), ", ")
}

// certificate explains one that does not verify; nil: it is not that.
func (w way) certificate() error {
	var shown []*x509.Certificate
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](w.err); ok {
		shown = refused.UnverifiedCertificates
	}
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(w.err, &name) && name.Certificate != nil:
		return w.error(NetOtherName, "the certificate that is shown for %s is one for %s", w.subject(),
			namesOf(name.Certificate))
	case errors.As(w.err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return w.error(NetClock, "the certificate of %s is valid from %s to %s, and this machine's clock says %s",
			w.subject(),
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), day(time.Now()))
	case errors.As(w.err, &authority):
		if len(shown) == 0 && authority.Cert != nil {
			shown = []*x509.Certificate{authority.Cert}
		}
		return w.authority(shown)
	}
	return nil
}

func (w way) authority(shown []*x509.Certificate) error {
	if len(shown) == 0 {
		return w.error(NetAuthority, "the certificate of %s is of an authority that this machine does not trust", w.subject())
	}
	leaf, last := shown[0], shown[len(shown)-1]
	if len(shown) == 1 && leaf.Issuer.String() == leaf.Subject.String() {
		return w.error(NetAuthority, "the certificate of %s was issued by itself, which this machine does not trust",
			w.subject())
	}
	issuer := Clean(cmp.Or(last.Issuer.CommonName, strings.Join(last.Issuer.Organization, ", "), last.Issuer.String()),
		100)
	if vendor := inspector(shown); vendor != "" {
		return w.error(NetInspected, "the certificate of %s was issued by %q, of a proxy that looks into TLS (%s), which "+
			"this machine does not trust", w.subject(), issuer, vendor)
	}
	return w.error(NetAuthority, "the certificate of %s was issued by %q, which this machine does not trust", w.subject(),
		issuer)
}

// inspectors are products that issue certificates of their own for what passes
// through them, by words of their CAs.
var inspectors = []string{
	"Zscaler", "Netskope", "Palo Alto", "Fortinet", "FortiGate", "Blue Coat", "Cisco Umbrella", "Sophos", "Skyhigh",
	"McAfee Web Gateway",
	"Check Point", "Forcepoint", "Websense", "Barracuda", "Cato Networks", "iboss", "Menlo Security", "WatchGuard",
	"SonicWall",
	"Kaspersky", "Avast", "AVG", "Bitdefender", "ESET SSL", "mitmproxy", "Charles Proxy", "Fiddler", "PortSwigger",
}

func inspector(shown []*x509.Certificate) string {
	for _, cert := range shown {
		issuer := strings.ToLower(cert.Issuer.String())
		for _, vendor := range inspectors {
			if strings.Contains(issuer, strings.ToLower(vendor)) {
				return vendor
			}
		}
	}
	return ""
}

func namesOf(cert *x509.Certificate) string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{cmp.Or(cert.Subject.CommonName, "nobody")}
	}
	if len(names) > 3 {
		names = append(names[:3], "others")
	}
	return Clean(strings.Join(names, ", "), 200)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// unreached explains addresses to which there was no connection.
func (w way) unreached() error {
	var addrs []string
	all := func(is func(netip.Addr) bool) bool {
		return !slices.ContainsFunc(w.tried, func(a netip.AddrPort) bool { return !is(a.Addr().Unmap()) })
	}
	for _, a := range w.tried {
		addrs = append(addrs, a.Addr().Unmap().String())
	}
	slices.Sort(addrs)
	addrs = slices.Compact(addrs)
	at := strings.Join(addrs[:min(len(addrs), 3)], ", ")
	host := w.host
	if name, _, err := net.SplitHostPort(w.host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	named := err != nil && host != "localhost"
	noWay := errors.Is(w.err, syscall.ENETUNREACH) || errors.Is(w.err, syscall.Errno(10051)) // Winsock's
	switch {
	case named && all(func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }):
		return w.error(NetBlocked, "%s leads to this machine itself here (%s), where nothing answers", w.host, at)
	case named && all(isPrivate):
		return w.error(NetPrivate, "%s is at %s, a private address, which does not answer%s", w.host, at, w.because())
	case noWay && all(netip.Addr.Is4):
		return w.error(NetUnreachable4,
			"no route from here to %s, at %s: this machine's network carries no IPv4 there", w.host, at)
	case noWay && all(netip.Addr.Is6):
		return w.error(NetUnreachable6,
			"no route from here to %s, at %s: this machine's network carries no IPv6 there", w.host, at)
	case all(netip.Addr.IsLoopback): // a server on this machine
		return w.error("", "no answer from %s%s", w.host, w.whole())
	}
	return w.error(NetSilent, "no answer from %s, at %s%s", w.host, at, w.because())
}

// carrier is the address space that carriers and VPNs share (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || carrier.Contains(a)
}

// subject names what was spoken to: the server, or the proxy before it.
func (w way) subject() string {
	if w.toProxy {
		return w.named()
	}
	return w.host
}

func (w way) named() string { return "the proxy " + w.proxy + " (HTTPS_PROXY)" }

func (w way) through() string {
	if w.proxy == "" {
		return ""
	}
	return " through " + w.named()
}

// because is the end of a sentence: how long nobody answered, or the system's own
// word.
func (w way) because() string {
	if w.within > 0 {
		return fmt.Sprintf(" within %v", w.within)
	}
	return ": " + w.innermost()
}

// whole is because with all that is known of the failure.
func (w way) whole() string {
	if w.within > 0 {
		return w.because()
	}
	return ": " + Clean(w.err.Error(), 300)
}

func (w way) innermost() string {
	if errno, ok := errors.AsType[syscall.Errno](w.err); ok {
		return errno.Error()
	}
	return Clean(w.err.Error(), 300)
}
