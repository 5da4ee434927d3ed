package command

import (
	"net/url"
	"os"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// networkHints says what to do about what keeps a server and this machine apart.
// Nothing is lost by any of it, which is said where somebody might think so.
func networkHints(e *flows.NetworkError) []string {
	portal := []string{"if this network wants you to sign in to it, do that in a browser first (any http:// page leads " +
		"there). Nothing was lost; try again then"}
	lines, known := map[string][]string{
		flows.NetProxyDown: {"is the proxy for another network than this one, or behind a VPN? Without it: unset " +
			"HTTPS_PROXY, or add " + hostname(e.Host) + " to NO_PROXY"},
		flows.NetProxyAuth: {"HTTPS_PROXY=http://USER:PASSWORD@" + e.Proxy +
			", with the characters of both percent-encoded, gives it Basic credentials",
			"one that takes only Negotiate or NTLM needs a helper of its own on this machine, which HTTPS_PROXY then names"},
		flows.NetProxyLogin: {"has the password changed? Its characters must be percent-encoded in HTTPS_PROXY. Only " +
			"Basic can be sent"},
		flows.NetProxyRefuses: {"must the proxy be told to let " + hostname(e.Host) +
			" through? If it can be reached without the proxy, add it to NO_PROXY"},
		flows.NetAuthority: {"is it a private CA's? Name that CA: --ca-file. Is it a proxy that looks into TLS? Then " +
			"name the proxy's",
			"have its certificate from who runs it, never from the connection itself"},
		flows.NetInspected: {"name the proxy's CA: --ca-file FILE (SSO_EXEC_CA_FILE). Have the file from who runs the " +
			"network, never from the connection itself"},
		flows.NetOtherName: portal, flows.NetPortal: portal,
		flows.NetClock: {"if that clock is right, the server's certificate must be renewed by who runs it; else " +
			"set the clock"},
		flows.NetUnknownName: {"is the VPN on, if it takes one? Is the name right? Nothing was lost; try again then"},
		flows.NetNoNames:     {"is there a network, and is the VPN on? Nothing was lost; try again then"},
		flows.NetPrivate: {"is the VPN on? If it is, another network here may use the same addresses. Nothing was lost; " +
			"try again then"},
		flows.NetBlocked: {"does something block that name: a filter of the name server, or a line in the hosts file?"},
		flows.NetUnreachable4: {"is there a network? One with IPv6 alone reaches IPv4 through its own name server " +
			"(DNS64) or a proxy: a name works where an address does not"},
		flows.NetUnreachable6: {"is there a network? One with IPv4 alone does not reach that host but through a proxy " +
			"(HTTPS_PROXY)"},
		flows.NetSilent: {"is there a network, and is a VPN or a proxy (HTTPS_PROXY) needed? Nothing was lost; try " +
			"again later"},
	}[e.Kind]
	if !known {
		lines = []string{"nothing was lost; try again later"}
	}
	if e.Proxy == "" {
		lines = append(lines, unusedProxy()...)
	}
	return lines
}

// unusedProxy tells of a proxy that the environment seems to mean, and that is
// not used. Its value may have a password and is not shown.
func unusedProxy() []string {
	set := func(names ...string) string {
		for _, name := range names {
			if os.Getenv(name) != "" {
				return name
			}
		}
		return ""
	}
	name := set("HTTPS_PROXY", "https_proxy")
	if all := set("ALL_PROXY", "all_proxy"); name == "" && all != "" {
		return []string{all + " is set, but only HTTPS_PROXY is heeded"}
	}
	if name == "" {
		return nil
	}
	value := os.Getenv(name)
	_, err := url.Parse(value)
	_, bare := url.Parse("http://" + value)
	if err != nil && (bare != nil || strings.Contains(value, "://")) {
		return []string{name +
			" is set, but is not a URL, so it was not used; a password's characters must be percent-encoded in it"}
	}
	return nil
}

// hostname is a host without its port.
func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }
