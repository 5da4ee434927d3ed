package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
)

// noticeable is how much two clocks may differ without a word.
const noticeable = 10 * time.Second

func refusalHints(o *options, e *flows.OAuthError) []string {
	if by := e.Skew.Abs(); by >= noticeable && (e.Code == "invalid_client" || e.Code == "invalid_grant") {
		way := "behind"
		if e.Skew < 0 {
			way = "ahead of"
		}
		return []string{fmt.Sprintf("this machine's clock is %s %s the provider's: set it, and try again", rough(by), way)}
	}
	lines := knownRefusal(o, e)
	if len(lines) > 0 && e.Doing != flows.DoingRefresh && e.Doing != flows.DoingExchange {
		return lines
	}
	return append(lines, signInAgain(o, e.Doing)...)
}

// signInAgain is what helps a person where a refusal is not understood: not every
// provider says invalid_grant when a session has ended.
func signInAgain(o *options, doing string) []string {
	switch {
	case o.identity == credential.Service:
		return nil
	case flows.AtSignIn(doing):
		return []string{"to try again, run: " + loginCommand(o)}
	case doing == flows.DoingRefresh || doing == flows.DoingExchange:
		return []string{"your session is unchanged; if this goes on, sign in again: " + loginCommand(o)}
	}
	return nil
}

// knownRefusal says what is known to be behind a refusal.
func knownRefusal(o *options, e *flows.OAuthError) []string {
	if say := o.spoken().Hint(e); say != "" {
		return []string{say}
	}
	switch e.Code {
	case "invalid_client", "unauthorized_client":
		if o.identity == credential.Service {
			var lines []string
			if o.clientID != "" {
				lines = append(lines, fmt.Sprintf("is client %q registered at %s, for --flow %s, and with this credential? See --client-auth", o.clientID, o.issuer, o.flow))
			}
			if source, _, _ := strings.Cut(o.subjectTokenFrom, ":"); source != "" {
				lines = append(lines, "does it trust the issuer of the token from "+source+", and whom that token is for (--subject-token-audience)? One that was used before may be refused too")
			}
			return lines
		}
		return []string{fmt.Sprintf("is client %q registered at %s, for this flow, and as a public client if it has no secret?", o.clientID, o.issuer)}
	case "invalid_scope":
		return []string{"the provider does not know a scope, or does not allow it to this client: see --scope"}
	}
	if e.Doing == flows.DoingExchange {
		return []string{"does the provider let this client exchange such a token (--token-type, --subject-token-type) for this target, and trust its issuer? Has the token ended?"}
	}
	return nil
}

func stsHints(o *options, e *sts.Error) []string {
	switch e.Code {
	case "AccessDenied", "AccessDeniedException":
		return []string{fmt.Sprintf("does the trust policy of %s allow this provider, audience %q and you?", o.roleARN, o.clientID)}
	case "ExpiredTokenException":
		return []string{"is this machine's clock right?"}
	case "InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim":
		switch {
		case o.identity == credential.Service:
			return []string{"STS takes a JWT whose issuer is an identity provider of the account, for one of its audiences: see --resource, --audience, and of a platform's own token --subject-token-audience"}
		case o.exchanges():
			return []string{"STS takes a JWT whose issuer is an identity provider of the account: is that what the exchange gives, and for the right --exchange-audience? See --exchange-token-type"}
		case o.tokenType == credential.AccessToken:
			return []string{"STS takes ID tokens: leave out --token-type access"}
		}
		return []string{fmt.Sprintf("is %s registered as an identity provider of the account, with audience %q?", o.issuer, o.clientID)}
	case "ValidationError", "InvalidParameterValue":
		if strings.Contains(strings.ToLower(e.Message), "durationseconds") {
			role := o.roleARN[strings.LastIndex(o.roleARN, "/")+1:]
			return []string{"give a --duration that the role allows (1h by default), or have its maximum raised, to 12 hours at most:",
				"aws iam update-role --role-name " + quote(role) + " --max-session-duration 43200"}
		}
		return []string{"see --role-arn, --role-session-name and --duration"}
	}
	return nil
}
