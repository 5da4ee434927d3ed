// Package hosts compares the host that a tool asks for with the hosts that a token
// may go to. Whatever could be read in two ways matches nothing.
package hosts

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Pattern is a host that is named in a list: one host, or all names below one.
type Pattern struct {
	name string // a wildcard's begins with the dot
	port string // empty: the default port of the scheme
}

// Parse reads "example.com", "example.com:8443", "127.0.0.1:5000", "[::1]:5000" or
// "*.example.com", which is every name below example.com at any depth, and not
// example.com itself.
func Parse(text string) (Pattern, error) {
	rest, below := strings.CutPrefix(text, "*.")
	name, port, ok := split(rest)
	switch {
	case text == "*" || below && (!ok || strings.Count(name, ".") < 1 || isAddress(name)):
		return Pattern{}, fmt.Errorf("%q: a wildcard needs two labels after it, as in *.example.com", text)
	case strings.Contains(text, "/") || strings.Contains(text, "@"):
		return Pattern{}, fmt.Errorf("%q: give only the host, without a scheme, user name or path", text)
	case strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e }):
		return Pattern{}, fmt.Errorf("%q: write the name in ASCII (xn--…)", text)
	case !ok:
		return Pattern{}, fmt.Errorf("%q is not a host: use example.com, example.com:8443 or *.example.com", text)
	case below:
		name = "." + name
	}
	return Pattern{name, port}, nil
}

// IsWildcard reports whether it stands for more than one host.
func (p Pattern) IsWildcard() bool { return strings.HasPrefix(p.name, ".") }

// String is the pattern in its one spelling.
func (p Pattern) String() string {
	text := p.name
	if p.IsWildcard() {
		text = "*" + text
	}
	if p.port != "" {
		text += ":" + p.port
	}
	return text
}

// Matches reports whether a token may go to a host by this pattern.
func (p Pattern) Matches(h Host) bool {
	switch {
	case h.name == "" || p.port != "" && p.port != h.port, p.port == "" && h.port != defaultPort(h.http):
		return false
	case p.IsWildcard():
		return strings.HasSuffix(h.name, p.name)
	}
	return h.name == p.name
}

// List are patterns, of which any may match.
type List []Pattern

// ParseList is Parse of each text.
func ParseList(texts []string) (List, error) {
	list := make(List, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = Parse(text); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Find returns the index of the pattern that matches a host most closely: the host
// itself before a wildcard, a longer one before a shorter one; -1: none matches.
func (l List) Find(h Host) int {
	best := -1
	for i, p := range l {
		if p.Matches(h) && (best < 0 || len(p.name) > len(l[best].name)) {
			best = i
		}
	}
	return best
}

// Host is a host that a token is asked for. The zero value is none.
type Host struct {
	name, port string
	http       bool
}

// Of is the host of a scheme and an authority, "example.com" or "example.com:8443".
// ok is false for whatever is not https, or http on a literal loopback address, and
// for a host that is not written in the one way that cannot be misread.
func Of(scheme, authority string) (h Host, ok bool) {
	h.http = lower(scheme) == "http"
	if !h.http && lower(scheme) != "https" {
		return Host{}, false
	}
	if h.name, h.port, ok = split(authority); !ok {
		return Host{}, false
	}
	if h.http {
		a, err := netip.ParseAddr(strings.Trim(h.name, "[]"))
		if err != nil || !a.IsLoopback() {
			return Host{}, false
		}
	}
	if h.port == "" {
		h.port = defaultPort(h.http)
	}
	return h, true
}

// OfURL is the host of an absolute URL; see [Of].
func OfURL(url string) (Host, bool) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || strings.ContainsFunc(url, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return Host{}, false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return Of(scheme, rest)
}

// String is the host as a list would name it.
func (h Host) String() string {
	if h.port == defaultPort(h.http) {
		return h.name
	}
	return h.name + ":" + h.port
}

func defaultPort(http bool) string {
	if http {
		return "80"
	}
	return "443"
}

// split reads a host with or without a port.
func split(authority string) (name, port string, ok bool) {
	name = lower(authority)
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, ']') {
		name, port = name[:at], name[at+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", "", false
		}
	}
	return name, port, isAddress(name) || isName(name)
}

// isAddress reports whether a name is an IP address in its usual notation.
func isAddress(name string) bool {
	inner, is6 := strings.CutPrefix(name, "[")
	if is6 {
		var closed bool
		if inner, closed = strings.CutSuffix(inner, "]"); !closed {
			return false
		}
	}
	a, err := netip.ParseAddr(inner)
	return err == nil && a.Is6() == is6 && !a.Is4In6() && a.Zone() == "" && a.String() == inner
}

// isName reports whether a name is one of the DNS, in lower case, and could not be
// read as an address: its last label is not a number.
func isName(name string) bool {
	if len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
		last = label
	}
	digits, hex := "0123456789", strings.HasPrefix(last, "0x")
	if hex {
		last, digits = last[2:], digits+"abcdef"
	}
	return strings.Trim(last, digits) != ""
}

// lower is strings.ToLower for ASCII alone: no other letter becomes one of ASCII.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
