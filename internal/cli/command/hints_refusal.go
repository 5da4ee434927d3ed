package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// noticeable is how much two clocks may differ without a word.
const noticeable = 10 * time.Second

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
	switch e.Code {
	case "AccessDenied", "AccessDeniedException":
		return []string{fmt.Sprintf("does the trust policy of %s allow this provider, audience %q and you?", o.AWS.RoleARN,
			o.Provider.ClientID)}
	case "ExpiredTokenException":
		return []string{"is this machine's clock right?"}
	case "InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim":
		switch {
		case o.Provider.Identity == credential.Service:
			return []string{"STS takes a JWT whose issuer is an identity provider of the account, for one of its audiences: " +
				"see --resource, --audience, and of a platform's own token --subject-token-audience"}
		case o.Exchanges():
			return []string{"STS takes a JWT whose issuer is an identity provider of the account: is that what the exchange " +
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
