package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// WorkOS User Management is OAuth in its outline alone: one endpoint for the code,
// the device's polls and the refresh; no metadata, no scopes, no ID token; who
// signed in stands in the answer itself, and when the access token ends in that
// one. For OAuth to the letter there is its sister, [authKit].
//
// A refresh token is bound to no organization: it asks for a token of any that the
// person belongs to, and is replaced by that. For half a minute the one before it
// brings the same successor, for answers that get lost.
var workOS = &flows.Dialect{
	Name: "workos", Title: "WorkOS User Management", Hosts: []string{"api.workos.com"}, Issuer: "https://api.workos.com",
	Known: workOSEndpoints, NoMetadata: true, NoOpenID: true, Offline: flows.OfflineNever, NoDevicePKCE: true,
	Lacks: []string{"scope", "audience", "resource", "client_secret"},
	Register: []string{
		"Redirects: http://127.0.0.1:*/callback (the port wildcard is for loopback addresses only)",
		"for sign-ins without a browser here, CLI Auth is switched on by default",
		"the client ID is that of the environment or application (client_…); its API key (sk_…) never belongs here",
	},
	AuthParams: []flows.Param{{Name: "provider", Value: "authkit"}},
	Free:       flows.Free{Organization: true},
	Ended:      []string{"sso_required", "mfa_enrollment"}, // where no organization is known that could be signed in to
	StepUp: []string{"sso_required", "mfa_enrollment", "mfa_challenge", "email_verification_required",
		"organization_authentication_methods_required"},
	Replay:       30 * time.Second,
	Organization: flows.OrganizationRule{Param: "organization_id", Claim: "org_id", Switch: true},
	SignOut:      workOSSignOut,
	Hints: []flows.RefusalHint{
		{Code: "organization_selection_required",
			Say: "you belong to several organizations: name one with {organization} ID"},
		{Code: "invalid_organization_id",
			Say: "no such organization, or you do not belong to it; leave out {organization} to sign in to another"},
		{Code: "organization_membership_not_found",
			Say: "you do not belong to that organization (any more); leave out {organization} to sign in to another"},
		{Code: "sso_required",
			Say: "this organization signs in through its own identity provider: sign in again, for that organization " +
				"({organization} ID)"},
		{Code: "organization_authentication_methods_required",
			Say: "sign in again by a way that the organization allows: for its identity provider, {organization} ID"},
		{Code: "mfa_challenge", Say: "a second factor is asked for: sign in again in a browser, where WorkOS asks for it"},
		{Code: "mfa_enrollment",
			Say: "a second factor must be set up first: sign in again in a browser, where WorkOS has you do that"},
		{Code: "email_verification_required",
			Say: "your e-mail address must be verified: WorkOS has sent you a message; sign in again in a browser and " +
				"enter its code there"},
		{Code: "invalid_client",
			Say: "is it the client ID of this environment (client_…)? Staging and production have one each"},
		{Code: "invalid_redirect_uri",
			Say: "register http://127.0.0.1:*/callback under Redirects, or name what is registered: {redirect_uri}"},
	},
	Adapt: workOSAdapt, Refusal: workOSRefusal, Tokens: workOSTokens, Identify: workOSIdentify, Verify: workOSVerify,
	EndSession: workOSEnd,
}

// workOSEndpoints are below the API's address or the customer's own domain for
// it, whatever path the issuer has.
func workOSEndpoints(issuer, clientID string) flows.Metadata {
	base := siteOf(issuer)
	return flows.Metadata{
		AuthorizationEndpoint:       base + "/user_management/authorize",
		TokenEndpoint:               base + "/user_management/authenticate",
		DeviceAuthorizationEndpoint: base + "/user_management/authorize/device",
		JWKSURI:                     base + "/sso/jwks/" + url.PathEscape(clientID),
	}
}

// workOSAdapt takes out what the description of a request does not have.
func workOSAdapt(what string, form url.Values) {
	switch what {
	case flows.RequestAuthorization:
		form.Del("scope")
		form.Del("nonce")
		// The ways to say who asks for the sign-in exclude each other, except that
		// AuthKit's page takes the organization as well.
		if form.Get("connection_id") != "" {
			form.Del("provider")
			form.Del("organization_id")
		}
	case flows.RequestDevice: // the client ID alone, which is added where it is sent
		clear(form)
	case flows.RequestCode:
		form.Del("redirect_uri")
	}
}

// Further codes of refusals, in WorkOS's words.
const (
	workOSChoose  = "organization_selection_required"
	workOSSSO     = "sso_required"
	workOSMethods = "organization_authentication_methods_required"
)

// workOSRefusal reads both envelopes: RFC 6749's {error, error_description}, and
// {code, message}. The pending_authentication_token next to a step-up finishes a
// sign-in: it is kept by nobody, and cut out of any words that repeat it.
func workOSRefusal(doing string, a *flows.Answer, fields flows.Fields) error {
	if a.Status == http.StatusOK {
		return nil
	}
	a.Sent = append(a.Sent, fields.Text("pending_authentication_token"))
	code, words := fields.Text("error"), fields.Text("error_description")
	if code == "" {
		code, words = fields.Text("code"), fields.Text("message")
	}
	if code == "" { // a request that does not validate: 422
		var errs []struct{ Code, Message string }
		if json.Unmarshal(fields["errors"], &errs) == nil && len(errs) > 0 {
			code, words = errs[0].Code, errs[0].Message
		}
	}
	e := &flows.OAuthError{Doing: doing, Code: a.Words(code, 100), Description: a.Words(words, 300), Status: a.Status,
		Skew: a.Skew()}
	switch e.Code {
	case "":
		return nil
	case "too_many_requests", "rate_limit_exceeded":
		return &flows.UnavailableError{Doing: doing, Err: e, RetryAfter: a.RetryAfter(), Status: http.StatusTooManyRequests}
	case workOSChoose:
		return &flows.OrganizationChoiceError{Organizations: workOSOrganizations(a, fields), Err: e}
	case workOSSSO:
		e.Hint = tellConnections(a, fields["connection_ids"])
	case workOSMethods:
		e.Hint = tellMethods(a, fields["auth_methods"], fields["sso_connection_ids"])
	}
	return e
}

// workOSID is what an ID looks like, so that one can be put into a command to be
// pasted.
var workOSID = lazyRegexp(`^[A-Za-z0-9_-]{1,100}$`)

func workOSOrganizations(a *flows.Answer, fields flows.Fields) []flows.Organization {
	var listed, all []flows.Organization
	_ = json.Unmarshal(fields["organizations"], &listed)
	for _, o := range listed {
		if workOSID().MatchString(o.ID) {
			all = append(all, flows.Organization{ID: o.ID, Name: a.Words(o.Name, 100)})
		}
	}
	return all
}

// tellConnections names the connections by which a sign-in would work.
func tellConnections(a *flows.Answer, raw json.RawMessage) string {
	var ids []string
	_ = json.Unmarshal(raw, &ids)
	ids = slices.DeleteFunc(ids, func(id string) bool { return !workOSID().MatchString(id) })
	if len(ids) == 0 {
		return ""
	}
	return "sign in with " + a.NameOf("auth_param") + " connection_id=" + strings.Join(ids[:min(len(ids), 5)], " or =")
}

// tellMethods names the ways to sign in that an organization allows.
func tellMethods(a *flows.Answer, methods, connections json.RawMessage) string {
	var allowed map[string]bool
	_ = json.Unmarshal(methods, &allowed)
	var names []string
	for name, ok := range allowed {
		if ok && workOSID().MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var say []string
	if len(names) > 0 {
		say = append(say, "it allows "+strings.Join(names, ", "))
	}
	if c := tellConnections(a, connections); c != "" {
		say = append(say, c)
	}
	return strings.Join(say, "; ")
}

// workOSClaims are the claims of an access token that matter here.
type workOSClaims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Session string `json:"sid"`
}

// workOSTokens takes the end of the access token from itself: the answer does not
// tell it.
func workOSTokens(set *credential.TokenSet, _ flows.Fields) {
	if set.ExpiresAt.IsZero() {
		set.ExpiresAt = flows.TokenEnd(set.AccessToken, set.Skew)
	}
}

// workOSVerify checks an access token: RS256 by the client's keys, its issuer in
// one of the spellings that are known, its time, its subject and its organization.
// It has no audience.
func workOSVerify(ctx context.Context, p *flows.Provider, set *credential.TokenSet, want flows.Expect) error {
	_, err := workOSAccessToken(ctx, p, set, want)
	return err
}

func workOSAccessToken(ctx context.Context, p *flows.Provider, set *credential.TokenSet,
	want flows.Expect) (workOSClaims, error) {
	var c workOSClaims
	payload, err := p.VerifySigned(ctx, "the access token", set.AccessToken.Reveal(), []string{"RS256"})
	if err != nil {
		return c, err
	}
	var all flows.Fields
	if json.Unmarshal(payload, &c) != nil || json.Unmarshal(payload, &all) != nil {
		return c, verifyErrorf("the access token's claims are not what they must be")
	}
	if err := flows.CheckTimes("the access token", all, set); err != nil {
		return c, err
	}
	switch {
	case !slices.Contains(workOSIssuers(p.Issuer, want.ClientID), c.Issuer):
		return c, verifyErrorf("the access token is from %q, not from %q: if that is your environment's own domain, give "+
			"it as %s",
			flows.Clean(c.Issuer, 200), p.Issuer, p.Names.Of("issuer"))
	case c.Subject == "":
		return c, verifyErrorf("the access token names no subject")
	case want.Subject != "" && c.Subject != want.Subject:
		return c, &flows.SubjectError{Want: want.Subject, Got: c.Subject}
	}
	return c, p.SameOrganization(set, want)
}

// workOSIssuers are the spellings of iss that are met, of the configured address
// and of the API's own.
func workOSIssuers(issuer, clientID string) []string {
	all := []string{issuer}
	for _, base := range []string{siteOf(issuer), "https://api.workos.com"} {
		all = append(all, base, base+"/", base+"/user_management/"+clientID)
	}
	return all
}

// workOSIdentify tells who signed in by the answer's user, who must be the access
// token's subject.
func workOSIdentify(ctx context.Context, p *flows.Provider, set *credential.TokenSet, fields flows.Fields,
	want flows.Expect) (credential.Identity, error) {
	var none credential.Identity
	c, err := workOSAccessToken(ctx, p, set, want)
	if err != nil {
		return none, err
	}
	var user struct {
		ID        string `json:"id"`
		Email     string `json:"email"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
	}
	if err := json.Unmarshal(fields["user"], &user); err != nil || user.ID == "" {
		return none, verifyErrorf("the provider's answer does not say who signed in (user)")
	}
	if user.ID != c.Subject {
		return none, verifyErrorf("the provider's answer is of user %q, its access token of %q", flows.Clean(user.ID, 100),
			flows.Clean(c.Subject, 100))
	}
	if said, is := fields.Text("organization_id"), p.OrganizationOf(set); said != "" && said != is {
		return none, verifyErrorf("the provider's answer is for organization %q, its access token for %q",
			flows.Clean(said, 100), flows.Clean(is, 100))
	}
	return credential.Identity{
		Issuer: p.Issuer, Subject: c.Subject, Email: flows.Clean(user.Email, 100),
		Name: flows.Clean(strings.TrimSpace(user.FirstName+" "+user.LastName), 100),
	}, nil
}

// workOSSignOut is the page that ends the session that an access token is of;
// nothing if it names none. It asks for no more than the session's ID.
func workOSSignOut(p *flows.Provider, s flows.SignedIn) string {
	var c workOSClaims
	if !credential.PeekClaims(s.AccessToken, &c) || !workOSID().MatchString(c.Session) {
		return ""
	}
	return siteOf(p.Issuer) + "/user_management/sessions/logout?" + url.Values{"session_id": {c.Session}}.Encode()
}

// workOSEnd asks for that page, as a browser would: the session ends by that, its
// refresh token with it; where the browser is led after that is of no interest.
func workOSEnd(ctx context.Context, p *flows.Provider, s flows.SignedIn) error {
	page := workOSSignOut(p, s)
	if page == "" {
		return errors.New(flows.DoingRevoke + ": no token is stored that names the session (sid)")
	}
	req, err := http.NewRequest(http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "*/*")
	a, err := flows.Send(ctx, p.HTTP(), flows.DoingRevoke, req)
	switch {
	case a != nil && a.Status < 400:
		return nil
	case err != nil:
		return err
	case a.Status >= 500 || a.Status == http.StatusTooManyRequests:
		return a.Trouble(flows.DoingRevoke)
	}
	fields, err := a.Fields(flows.DoingRevoke)
	if err != nil {
		return err
	}
	if err := workOSRefusal(flows.DoingRevoke, a, fields); err != nil {
		return err
	}
	return a.Refusal(flows.DoingRevoke, fields)
}
