package dialect

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// Microsoft Entra ID. The port is ignored for localhost alone; a registration
// for 127.0.0.1 takes the manifest. Access tokens live for 60 to 90 minutes,
// refresh tokens for 90 days; a refresh brings a new one and leaves the old one
// good, and it is bound to neither scopes nor resources (learn.microsoft.com,
// identity-platform: "Redirect URI restrictions", "Refresh tokens",
// "OAuth 2.0 device authorization grant", "Error codes").
var entra = &flows.Dialect{
	Name: "entra", Title: "Microsoft Entra ID",
	Hosts: []string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn",
		"sts.windows.net"},
	Issuer: "https://login.microsoftonline.com", // with a tenant; see Organization

	CheckIssuer:  checkEntra,
	RedirectURIs: []string{"http://localhost:0/callback"},
	Register: []string{
		"App registrations > New registration; Authentication > Add a platform > Mobile and desktop applications",
		"Authentication > Allow public client flows: Yes, for device sign-ins",
		"API permissions: what the scopes name; openid and offline_access are there",
	},
	Groups: "App registrations > the application > Token configuration > Add groups claim: ID; they come as IDs, and " +
		"not at all to somebody who has more than 200",
	Offline: flows.OfflineAlways, NoDevicePKCE: true,
	Free: flows.Free{Scopes: true, Resources: true},
	// A policy, or a consent that is missing, is about one resource: the refresh
	// token stays good for the others, though the code is invalid_grant.
	StepUp: []string{
		// a second factor, Conditional Access
		"invalid_grant: AADSTS50072:", "invalid_grant: AADSTS50074:", "invalid_grant: AADSTS50076:",
		"invalid_grant: AADSTS50078:", "invalid_grant: AADSTS50079:", "invalid_grant: AADSTS50097:",
		"invalid_grant: AADSTS50158:", "invalid_grant: AADSTS530",
		"invalid_grant: AADSTS50105:", "invalid_grant: AADSTS65001:", "invalid_grant: AADSTS90094:", // assignment, consent
	},
	// Claims challenges come only to clients that say that they understand them.
	ClaimsAtToken: true, Capabilities: []string{"cp1"},
	Lacks: []string{"audience", "acr_values"}, // an authentication context is a claim
	Organization: flows.OrganizationRule{
		Word: "tenant",
		Issuer: func(issuer, tenant string) string {
			return siteOf(issuer) + "/" + url.PathEscape(tenant) + "/v2.0"
		},
		Claim: "tid",
	},
	FederatedAudience:   entraAudience,
	NoRevocation:        "Entra ID has no revocation",
	InsteadOfRevocation: "to end all your sessions: https://mysignins.microsoft.com, Sign out everywhere",
	// Its logout_hint is a claim of its own, not an address.
	SignOut: func(p *flows.Provider, _ flows.SignedIn) string { return p.EndSessionEndpoint },
	Hints: []flows.RefusalHint{
		{Word: "AADSTS7000218",
			Say: "an administrator has to set, at the app registration, Authentication > Allow public client flows: Yes; " +
				"or the redirect URI is registered for Web: move it to Mobile and desktop applications"},
		{Word: "AADSTS50011:",
			Say: "register the redirect URI http://localhost/callback at the platform Mobile and desktop applications; " +
				"the port does not matter there"},
		{Word: "AADSTS500112", Say: "the redirect URI of the code is another one; begin the sign-in again"},
		{Word: "AADSTS900232",
			Say: "the redirect URI is registered for a single-page application: move it to Mobile and desktop " +
				"applications"},
		{Word: "AADSTS53003",
			Say: "a Conditional Access policy forbids this sign-in. If it forbids device codes, use a browser: {flow} " +
				"pkce or {flow} paste; else show an administrator the text above"},
		{Word: "AADSTS5300",
			Say: "Conditional Access wants a device that is known or complies: sign in with a browser on that device " +
				"({flow} pkce)"},
		{Word: "AADSTS530", Say: "Conditional Access forbids this sign-in: show an administrator the text above"},
		{Word: "AADSTS50105", Say: "have an administrator assign you to the enterprise application"},
		{Word: "AADSTS65001",
			Say: "consent is missing: sign in with a browser and give it, or have an administrator grant it (API " +
				"permissions)"},
		{Word: "AADSTS90094", Say: "an administrator has to consent: API permissions > Grant admin consent"},
		{Word: "AADSTS700016",
			Say: "this tenant does not know the client ID: is it the Application (client) ID, and is the tenant right?"},
		{Word: "AADSTS90002", Say: "is the tenant's ID in the issuer right?"},
		{Word: "AADSTS50020",
			Say: "your account is of another tenant: is the tenant's ID in the issuer right? Or have an administrator " +
				"invite you"},
		{Word: "AADSTS70011",
			Say: "a scope is wrong: use those of one resource only, and do not combine RESOURCE/.default with others of it"},
		{Word: "AADSTS28000", Say: "scopes of one resource only: leave one out, and ask for the other by itself"},
		{Code: "bad_verification_code", Say: "the device code is not known there any more: begin the sign-in again"},
	},
	Adapt: adaptEntra,
}

// adaptEntra turns resources into scopes: the second version of the endpoints
// takes no parameter resource (AADSTS901002).
func adaptEntra(what string, form url.Values) {
	resources := form["resource"]
	form.Del("resource")
	form.Del("audience")
	if what == flows.RequestCode { // the scopes are those of the authorization
		return
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, r := range resources {
		if scope := r + "/.default"; !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
}

var entraPath = lazyRegexp(`^/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/v2\.0$`)

func checkEntra(issuer string) error {
	const form = "https://login.microsoftonline.com/TENANT-ID/v2.0"
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	switch {
	case u.Hostname() == "sts.windows.net":
		return errors.New("sts.windows.net is the issuer of tokens of version 1; use " + form)
	case slices.Contains([]string{"common", "organizations", "consumers"}, tenant):
		return fmt.Errorf("%q means every tenant, and tokens name one: use %s with your tenant's ID", tenant, form)
	case entraPath().MatchString(u.Path):
		return nil
	case strings.Contains(tenant, "."):
		return fmt.Errorf("%q is a tenant's name, and tokens have its ID: use %s with the directory (tenant) ID", tenant,
			form)
	}
	return errors.New("an issuer of Entra ID's is " + form + ", without a slash at its end")
}

// entraAudience is what Entra ID has the tokens be for that stand for an application
// (Microsoft, "Workload identity federation"): each of its clouds has a name of its own.
func entraAudience(issuer string) string {
	name := "api://AzureADTokenExchange"
	switch {
	case strings.HasPrefix(issuer, "https://login.microsoftonline.us/"):
		name += "USGov"
	case strings.HasPrefix(issuer, "https://login.partner.microsoftonline.cn/"):
		name += "China"
	}
	return name
}
