package flows

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/sso-exec/sso-exec/internal/loopback"
)

// Paste signs a person in through a browser on any machine: [Provider.PKCE],
// but that the person may bring the answer back by hand
// ([Authorization.Answer]). The listener is open at the same time, for a browser
// here or a forwarded port (ssh -L); where no port can be had, it does without.
func (p *Provider) Paste(ctx context.Context, req SignIn, show func(*Authorization) error,
	accept func(*Result) error) error {
	loop, err := listen(req)
	if errors.Is(err, ErrNoPort) {
		loop, err = loopback.Deaf(req.RedirectURIs)
	}
	if err != nil {
		return err
	}
	return p.authorize(ctx, req, loop, show, accept)
}

// Answer takes what the person brings back: the address of the page that the
// browser was sent to in the end, or its query, or the code alone. The error
// says what is wrong with it, in words for that person, and repeats nothing of
// it; the sign-in goes on waiting then. It may be called at any time, by any
// goroutine; of several answers, also the listener's, the first one counts.
//
// A code alone carries no state. It is taken nevertheless: the ID token's nonce
// binds it to this sign-in (RFC 9700 §2.1), as does PKCE; but not where the
// provider names itself in its answer, against mix-up (RFC 9207).
func (a *Authorization) Answer(text string) error {
	if len(text) > loopback.MaxHeader { // as much as the listener takes
		return errors.New("this is too long for the address of a page")
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	// an address copied in several lines, or with what stood around it
	text = strings.Trim(strings.Join(words, ""), "\"'`<>")
	if text == "" {
		return errors.New("nothing was pasted")
	}
	var q url.Values
	var err error
	if strings.ContainsAny(text, "?&") {
		q, err = a.pastedQuery(text)
	} else {
		q, err = a.pastedCode(text, len(words) > 1)
	}
	if err != nil {
		return err
	}
	select {
	case a.answer <- response{q, true}:
	default: // the listener was quicker
	}
	return nil
}

// pastedQuery takes an address, or the query of one.
func (a *Authorization) pastedQuery(text string) (url.Values, error) {
	before, query, isAddress := strings.Cut(text, "?")
	if !isAddress {
		query = text
	}
	query, _, _ = strings.Cut(query, "#")
	q, broken := readQuery(query)
	switch {
	case isBroken(broken):
		return nil, errors.New("this address is damaged: copy all of it, from http:// to its end")
	case q.Get("response_type") != "" || q.Get("code_challenge") != "" || q.Get("request_uri") != "":
		return nil, errors.New("this is the address to open: sign in there, then copy the address of the last page, the " +
			"one that fails to load")
	case !single(q):
		return nil, errors.New("this is not an address that the provider made: a part of it is there twice")
	case q.Get("code") == "" && q.Get("error") == "":
		return nil, a.notTheLast("this address has no code")
	case q.Get("state") == "":
		return nil, errors.New("this address has no state: copy all of it, to its end")
	case !a.wants(q) && isAddress && !strings.HasSuffix(a.RedirectURI, strings.TrimPrefix(before, "http://")):
		return nil, a.notTheLast("this is the address of another page")
	case !a.wants(q):
		return nil, errors.New("this address belongs to another sign-in, or its end is missing: copy all of the newest one")
	}
	return q, nil
}

func (a *Authorization) notTheLast(what string) error {
	return fmt.Errorf("%s: copy the address of the last page, which begins with %s", what, a.RedirectURI)
}

// pastedCode takes a code alone, as it stands in an address.
func (a *Authorization) pastedCode(text string, severalWords bool) (url.Values, error) {
	host := a.RedirectURI
	if u, err := url.Parse(a.RedirectURI); err == nil {
		host = u.Host
	}
	text = strings.TrimPrefix(text, "code=")
	code, err := url.PathUnescape(text)                                                       // which leaves "+" alone
	isCode := !strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r >= 0x7f }) // RFC 6749 A.11
	switch {
	case strings.Contains(text, "://") || strings.Contains(text, host):
		return nil, a.notTheLast("this address has no code")
	case strings.HasPrefix(text, "state=") || strings.HasPrefix(text, "error="):
		return nil, errors.New("this is a part of the address only: copy all of it, from http:// to its end")
	case err != nil || severalWords || len(code) < minCode || !isCode:
		return nil, errors.New("this is neither the address of the last page nor a code")
	case a.needsIssuer:
		return nil, a.notTheLast("the code alone is not enough for this provider")
	}
	return url.Values{"code": {code}}, nil
}

// minCode tells a code from a word that was typed by mistake, which would end
// the sign-in.
const minCode = 16

// tellPasted adds what a person can have done wrong. What they brought is their own.
func tellPasted(err error) error {
	var refusal *OAuthError
	if errors.As(err, &refusal) {
		refusal.Loopback = false
	}
	if refusal != nil && refusal.Code == "invalid_grant" {
		return fmt.Errorf("%w: the pasted code is incomplete, or was used before", err)
	}
	return err
}
