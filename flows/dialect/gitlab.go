package dialect

import "github.com/sso-exec/sso-exec/flows"

// GitLab, its own or at home (the issuer is then the instance's address). The
// port is ignored for literal loopback addresses, never for localhost (Doorkeeper).
// Device sign-ins are there since 17.1, and not in its metadata. Access tokens
// live for 2 hours; each sign-in brings a refresh token, which is good once and
// has no end of its own (docs.gitlab.com, "OAuth 2.0 identity provider API").
var gitlab = &flows.Dialect{
	Name: "gitlab", Title: "GitLab",
	Hosts:  []string{"gitlab.com"},
	Issuer: "https://gitlab.com",

	Known: func(issuer, _ string) flows.Metadata {
		return flows.Metadata{DeviceAuthorizationEndpoint: issuer + "/oauth/authorize_device",
			RevocationEndpoint: issuer + "/oauth/revoke"}
	},
	Register: []string{
		"User settings (or the group's, or the instance's) > Applications > Add new application; Confidential: no",
		"scopes: openid, and email, profile or what else you ask for",
	},
	Groups:  "they come as groups_direct; have the claim mapping of the cluster use that",
	Offline: flows.OfflineNever,
	Lacks:   []string{"organization", "audience", "resource"},
	Hints: []flows.RefusalHint{
		{Code: "invalid_client",
			Say: "untick Confidential at the application, or give {client_secret}; and is it of this GitLab?"},
		{Code: "invalid_scope", Say: "tick the scopes at the application: openid first of all"},
		{Code: "unauthorized_client", Say: "may the application use this grant? Device sign-ins take GitLab 17.1"},
		{Code: "invalid_grant", Word: "redirect", Say: "register http://127.0.0.1/callback: the port does not matter there"},
	},
}
