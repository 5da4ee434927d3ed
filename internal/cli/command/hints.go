package command

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// noticeable is how much two clocks may differ without a word.
const noticeable = 10 * time.Second

// issuerHint says where to write the issuer as the provider spells it.
func issuerHint(o *settings.Resolved, issuer string) string {
	switch o.From["issuer"].By {
	case settings.ByProfile:
		return "in " + o.From.Where("issuer") + ", write: issuer: " + issuer
	case settings.ByVariable:
		return "set " + settings.VariableOf("issuer") + "=" + talk.Quote(issuer)
	}
	return "use " + talk.Quote("--issuer="+issuer)
}

func refusalHints(o *settings.Resolved, e *flows.OAuthError) []string {
	if by := e.Skew.Abs(); by >= noticeable && (e.Code == "invalid_client" || e.Code == "invalid_grant") {
		way := "behind"
		if e.Skew < 0 {
			way = "ahead of"
		}
		return []string{fmt.Sprintf("this machine's clock is %s %s the provider's: set it, and try again", talk.Rough(by),
			way)}
	}
	lines := knownRefusal(o, e)
	if len(lines) > 0 && e.Doing != flows.DoingRefresh && e.Doing != flows.DoingExchange {
		return lines
	}
	return append(lines, signInAgain(o, e.Doing)...)
}

// signInAgain is what helps a person where a refusal is not understood: not every
// provider says invalid_grant when a session has ended.
func signInAgain(o *settings.Resolved, doing string) []string {
	switch {
	case o.Provider.Identity == credential.Service:
		return nil
	case flows.AtSignIn(doing):
		return []string{"to try again, run: " + settings.LoginCommand(o)}
	case doing == flows.DoingRefresh || doing == flows.DoingExchange:
		return []string{"your session is unchanged; if this goes on, sign in again: " + settings.LoginCommand(o)}
	}
	return nil
}

// knownRefusal says what is known to be behind a refusal.
func knownRefusal(o *settings.Resolved, e *flows.OAuthError) []string {
	if say := o.Spoken().Hint(e, settings.NameOf); say != "" {
		return []string{say}
	}
	switch e.Code {
	case "invalid_client", "unauthorized_client":
		if o.Provider.Identity == credential.Service {
			var lines []string
			if o.Provider.ClientID != "" {
				lines = append(lines, fmt.Sprintf("is client %q registered at %s, for --flow %s, and with this credential? See "+
					"--client-auth", o.Provider.ClientID, o.Provider.Issuer, o.SignIn.Flow))
			}
			if source, _, _ := strings.Cut(o.Workload.SubjectFrom, ":"); source != "" {
				lines = append(lines, "does it trust the issuer of the token from "+source+", and whom that token is for "+
					"(--subject-token-audience)? One that was used before may be refused too")
			}
			return lines
		}
		return []string{fmt.Sprintf("is client %q registered at %s, for this flow, and as a public client if it has no "+
			"secret?", o.Provider.ClientID, o.Provider.Issuer)}
	case "invalid_scope":
		return []string{"the provider does not know a scope, or does not allow it to this client: see --scope"}
	}
	if e.Doing == flows.DoingExchange {
		return []string{"does the provider let this client exchange such a token (--token-type, --subject-token-type) for " +
			"this target, and trust its issuer? Has the token ended?"}
	}
	return nil
}

func stsHints(o *settings.Resolved, e *sts.Error) []string {
	if e.Service != "" {
		return []string{"does the role's policy allow ecr:GetAuthorizationToken?"}
	}
	if e.Role != "" {
		return chainHints(o, e)
	}
	switch e.Code {
	case "AccessDenied", "AccessDeniedException":
		return []string{fmt.Sprintf("does the trust policy of %s allow this provider, audience %q and you?", o.AWS.RoleARN,
			o.Provider.ClientID)}
	case "ExpiredTokenException":
		return []string{"is this machine's clock right?"}
	case "InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim":
		switch {
		case o.Provider.Identity == credential.Service:
			return []string{"STS accepts a JWT whose issuer is an identity provider of the account, for one of its audiences: " +
				"see --resource, --audience, and of a platform's own token --subject-token-audience"}
		case o.Exchanges():
			return []string{"STS accepts a JWT whose issuer is an identity provider of the account: is that what the exchange " +
				"gives, and for the right --exchange-audience? See --exchange-token-type"}
		case o.Target.TokenType == credential.AccessToken:
			return []string{"STS takes ID tokens: leave out --token-type access"}
		}
		return []string{fmt.Sprintf("is %s registered as an identity provider of the account, with audience %q?",
			o.Provider.Issuer, o.Provider.ClientID)}
	case "ValidationError", "InvalidParameterValue":
		if strings.Contains(strings.ToLower(e.Message), "durationseconds") {
			role := o.AWS.RoleARN[strings.LastIndex(o.AWS.RoleARN, "/")+1:]
			return []string{"give a --duration that the role allows (1h by default), or have its maximum raised, to 12 hours " +
				"at most:",
				"aws iam update-role --role-name " + talk.Quote(role) + " --max-session-duration 43200"}
		}
		return []string{"see --role-arn, --role-session-name and --duration"}
	}
	return nil
}

// chainHints are about a role that another role's keys were to assume.
func chainHints(o *settings.Resolved, e *sts.Error) []string {
	roles := o.Roles()
	before := "the role before it"
	if at := slices.Index(roles, e.Role); at > 0 {
		before = roles[at-1]
	}
	switch e.Code {
	case "AccessDenied", "AccessDeniedException":
		lines := []string{fmt.Sprintf("does the trust policy of %s allow %s, and does that role's own policy allow "+
			"sts:AssumeRole on it?", e.Role, before)}
		if o.AWS.ExternalID == "" {
			lines = append(lines, "a trust policy of another company may ask for an --external-id")
		}
		if o.AWS.SourceIdentity != "" || len(o.AWS.Tags) > 0 {
			lines = append(lines, "--source-identity needs sts:SetSourceIdentity, --tag needs sts:TagSession, in both policies")
		}
		return lines
	case "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "RequestExpired":
		return []string{"is this machine's clock right?"}
	case "ValidationError", "InvalidParameterValue":
		return []string{"see --chain-role-arn, --role-session-name, --external-id, --tag and --duration (an hour at most)"}
	}
	return nil
}

// serviceHints tell how a CI job would get an identity of its own: two lines.
func serviceHints(o *settings.Resolved) []string {
	ci, source := workload.CI(workload.Env{})
	if ci == "" || o.Provider.Identity != credential.Human {
		return nil
	}
	key, value := "subject-token-from", source
	if source == "" {
		key, value = "client-secret-file", "FILE"
	}
	if o.Source.Profile == "" {
		return []string{ci + " can have an identity of its own, with a client ID of its own: add --flow=client-credentials " +
			talk.Quote("--"+key+"="+value)}
	}
	return []string{
		ci + " can have an identity of its own. Give it a profile with a client ID of its own, and these two lines:",
		"flow: client-credentials",
		key + ": " + value,
	}
}

// maxListed bounds how many organizations an error lists.
const maxListed = 20

// organizationHints lists the organizations, and says how to name one.
func organizationHints(o *settings.Resolved, e *session.OrganizationRequiredError) (lines []string) {
	if e.Why != "" {
		lines = append(lines, e.Why)
	}
	if len(e.Organizations) == 0 {
		return append(lines, "name it: --organization ID; the administrator of the provider knows the ID")
	}
	lines = append(lines, "you belong to:")
	for _, k := range e.Organizations[:min(len(e.Organizations), maxListed)] {
		lines = append(lines, "  "+talk.OrgTitle(k.ID, k.Name))
	}
	if n := len(e.Organizations) - maxListed; n > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", n))
	}
	lines = append(lines, "name one: "+settings.LoginCommand(o, "organization")+" --organization=ID")
	if o.Source.Profile != "" {
		lines = append(lines, "or for good: "+o.Ours("org", "use", "ID", "--profile="+o.Source.Profile))
	}
	return lines
}

// refusedOrganizationHints is what to do about a refused switch.
func refusedOrganizationHints(o *settings.Resolved, e *session.OrganizationError) (lines []string) {
	if refusal, ok := errors.AsType[*flows.OAuthError](e.Err); ok {
		if known := o.Dialect().Hint(refusal, settings.NameOf); known != "" {
			lines = append(lines, known)
		}
	}
	return append(lines, "the session goes on for other organizations; see: "+o.Command("org", "list"))
}

// networkHints says what to do about what keeps a server and this machine apart.
// Nothing is lost by any of it, which is said where somebody might think so.
func networkHints(e *flows.NetworkError) []string {
	portal := []string{"if this network wants you to sign in to it, do that in a browser first (any http:// page leads " +
		"there). Then try again: nothing was lost"}
	lines, known := map[string][]string{
		flows.NetProxyDown: {"is the proxy for another network than this one, or behind a VPN? Without it: unset " +
			"HTTPS_PROXY, or add " + hostname(e.Host) + " to NO_PROXY"},
		flows.NetProxyAuth: {"HTTPS_PROXY=http://USER:PASSWORD@" + e.Proxy +
			", with the characters of both percent-encoded, gives it Basic credentials",
			"one that takes only Negotiate or NTLM needs a helper of its own on this machine, which HTTPS_PROXY then names"},
		flows.NetProxyLogin: {"has the password changed? Its characters must be percent-encoded in HTTPS_PROXY. Only " +
			"Basic can be sent"},
		flows.NetProxyRefuses: {"must the proxy allow " + hostname(e.Host) +
			"? If it can be reached without the proxy, add it to NO_PROXY"},
		flows.NetAuthority: {"if a private CA issued it, name that CA: --ca-file; if a proxy inspects TLS here, " +
			"name the proxy's CA",
			"get its certificate from whoever runs it, never from the connection itself"},
		flows.NetInspected: {"name the proxy's CA: --ca-file FILE (SSO_EXEC_CA_FILE). Get the file from whoever runs the " +
			"network, never from the connection itself"},
		flows.NetOtherName: portal, flows.NetPortal: portal,
		flows.NetClock: {"if that clock is right, whoever runs the server must renew its certificate; else " +
			"set the clock"},
		flows.NetUnknownName: {"check the name, and the VPN if it needs one. Then try again: nothing was lost"},
		flows.NetNoNames:     {"check the network, and the VPN if you use one. Then try again: nothing was lost"},
		flows.NetPrivate: {"is the VPN on? If it is, another network here may use the same addresses. Then try " +
			"again: nothing was lost"},
		flows.NetBlocked: {"does something block that name: a filter of the name server, or a line in the hosts file?"},
		flows.NetUnreachable4: {"is there a network? One with IPv6 alone reaches IPv4 through its own name server " +
			"(DNS64) or a proxy: a name works where an address does not"},
		flows.NetUnreachable6: {"is there a network? An IPv4-only network reaches that host only through a proxy " +
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
