package flows

// GitLab, its own or at home (the issuer is then the instance's address). The
// port is ignored for literal loopback addresses, never for localhost (Doorkeeper).
// Device sign-ins are there since 17.1, and not in its metadata. Access tokens
// live for 2 hours; each sign-in brings a refresh token, which is good once and
// has no end of its own (docs.gitlab.com, "OAuth 2.0 identity provider API").
var gitlab = &Dialect{
	Name: "gitlab", Title: "GitLab",
	Hosts:  []string{"gitlab.com"},
	Issuer: "https://gitlab.com",

	Known: func(issuer, _ string) Metadata {
		return Metadata{DeviceAuthorizationEndpoint: issuer + "/oauth/authorize_device", RevocationEndpoint: issuer + "/oauth/revoke"}
	},
	Register: []string{
		"User settings (or the group's, or the instance's) > Applications > Add new application; Confidential: no",
		"scopes: openid, and email, profile or what else you ask for",
	},
	Offline: OfflineNever,
	Lacks:   []string{"organization", "audience", "resource"},
	Hints: []RefusalHint{
		{"invalid_client", "", "untick Confidential at the application, or give --client-secret-file; and is it of this GitLab?"},
		{"invalid_scope", "", "tick the scopes at the application: openid first of all"},
		{"unauthorized_client", "", "may the application use this grant? Device sign-ins take GitLab 17.1"},
		{"invalid_grant", "redirect", "register http://127.0.0.1/callback: the port does not matter there"},
	},
}
