package identitycenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Portal is AWS's access portal, as somebody who is signed in sees it. Every method makes
// one request a page.
type Portal struct {
	HTTP     *http.Client // see [flows.NewHTTPClient]
	Endpoint string       // without a slash at its end
	Token    credential.Secret
}

// Account is an AWS account that a role is assigned in.
type Account struct {
	ID    string `json:"accountId"`
	Name  string `json:"accountName"`  // somebody's text, cleaned
	Email string `json:"emailAddress"` // likewise
}

// Error is a refusal of the portal, by the exception's name.
type Error struct {
	Code    string
	Message string // cleaned for a terminal
	Status  int
}

func (e *Error) Error() string {
	s := "the AWS access portal refused: " + e.Code
	if e.Message != "" {
		s += " (" + e.Message + ")"
	}
	return s
}

// Is tells the kind of the failure.
func (e *Error) Is(kind error) bool { return e.RefusesToken() && kind == fault.SignIn }

// NotYet reports whether the same request may be accepted in a moment.
func (e *Error) NotYet() bool { return false }

// RefusesToken reports whether it was the token that was refused: the session has ended.
func (e *Error) RefusesToken() bool { return e.Status == http.StatusUnauthorized }

// NotAssigned reports whether the role, or the account, is none of this person's.
func (e *Error) NotAssigned() bool {
	return e.Status == http.StatusForbidden || e.Status == http.StatusNotFound
}

// Keys gets a role's keys, which last as long as its permission set says.
func (p Portal) Keys(ctx context.Context, account, role string) (credential.Credential, error) {
	const doing = "get the role's keys"
	var none credential.Credential
	issued := time.Now().UTC()
	a, fields, err := p.get(ctx, doing, "/federation/credentials",
		url.Values{"account_id": {account}, "role_name": {role}})
	if err != nil {
		return none, err
	}
	var in flows.Fields
	if json.Unmarshal(fields["roleCredentials"], &in) != nil {
		return none, flows.Garbled(doing, "the answer has no keys")
	}
	id, secret, token := in.Text("accessKeyId"), in.Text("secretAccessKey"), in.Text("sessionToken")
	for _, part := range []string{id, secret, token} {
		if !Printable(part) {
			return none, flows.Garbled(doing, "the answer lacks a part of the keys, or it has characters that no key has")
		}
	}
	end, err := unixTime(in["expiration"])
	if err != nil {
		return none, flows.Garbled(doing, "the answer does not say when the keys end")
	}
	if end = end.Add(-a.Skew()); !end.After(a.At) {
		return none, flows.Garbled(doing, "the keys in the answer have expired")
	}
	return credential.Credential{IssuedAt: issued, ExpiresAt: end, AWS: &credential.AWSKeys{AccessKeyID: id,
		SecretAccessKey: credential.NewSecret(secret), SessionToken: credential.NewSecret(token), AccountID: account,
		Skew: a.Skew()}}, nil
}

// mostPages bounds a list, whatever a server says.
const mostPages = 200

// Accounts lists the accounts in which a role is assigned.
func (p Portal) Accounts(ctx context.Context) (all []Account, err error) {
	err = p.pages(ctx, "list the accounts", "/assignment/accounts", url.Values{}, "accountList",
		func(raw json.RawMessage) error {
			var page []Account
			err := json.Unmarshal(raw, &page)
			for _, a := range page {
				if Printable(a.ID) {
					all = append(all, Account{a.ID, flows.Clean(a.Name, 200), flows.Clean(a.Email, 200)})
				}
			}
			return err
		})
	return all, err
}

// Roles lists the names of the roles that are assigned in an account.
func (p Portal) Roles(ctx context.Context, account string) (all []string, err error) {
	err = p.pages(ctx, "list the roles", "/assignment/roles", url.Values{"account_id": {account}}, "roleList",
		func(raw json.RawMessage) error {
			var page []struct {
				RoleName string `json:"roleName"`
			}
			err := json.Unmarshal(raw, &page)
			for _, r := range page {
				if Printable(r.RoleName) {
					all = append(all, r.RoleName)
				}
			}
			return err
		})
	return all, err
}

// pages reads a list, page by page.
func (p Portal) pages(ctx context.Context, doing, path string, query url.Values, member string,
	take func(json.RawMessage) error) error {
	query.Set("max_result", "100")
	for range mostPages {
		_, fields, err := p.get(ctx, doing, path, query)
		if err != nil {
			return err
		}
		if take(fields[member]) != nil {
			return flows.Garbled(doing, "the answer has no list that could be read")
		}
		next := fields.Text("nextToken")
		if next == "" {
			return nil
		}
		query.Set("next_token", next)
	}
	return flows.Garbled(doing, "the list has no end")
}

// Logout ends the session, for every program that shares it. A token that is not taken
// any more is no error: the session has ended.
func (p Portal) Logout(ctx context.Context) error {
	_, _, err := p.send(ctx, flows.DoingRevoke, http.MethodPost, "/logout", nil)
	if e, ok := errors.AsType[*Error](err); ok && e.RefusesToken() {
		return nil
	}
	return err
}

func (p Portal) get(ctx context.Context, doing, path string, query url.Values) (*flows.Answer, flows.Fields, error) {
	a, fields, err := p.send(ctx, doing, http.MethodGet, path, query)
	if err == nil && fields == nil {
		err = flows.Garbled(doing, "the answer is not the expected JSON (status %d)", a.Status)
	}
	return a, fields, err
}

// send makes a request; fields are nil where the answer is not a JSON object.
func (p Portal) send(ctx context.Context, doing, method, path string, query url.Values) (*flows.Answer, flows.Fields,
	error) {
	at := p.Endpoint + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	req, err := http.NewRequest(method, at, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("X-Amz-Sso_bearer_token", p.Token.Reveal())
	a, err := flows.Do(ctx, p.HTTP, doing, req)
	if err != nil {
		return nil, nil, err
	}
	a.Sent = []string{p.Token.Reveal()}
	var fields flows.Fields
	_ = json.Unmarshal(a.Body, &fields)
	if a.OK() {
		return a, fields, nil
	}
	name, words := exception(a, fields)
	if throttled(name) {
		return nil, nil, &flows.UnavailableError{Doing: doing, Err: fmt.Errorf("%s answers with %s", a.Host, name),
			RetryAfter: a.RetryAfter(), Status: a.Status}
	}
	if name == "" && fields == nil {
		return nil, nil, flows.Garbled(doing, "the answer has status %d and is not the expected JSON", a.Status)
	}
	if name = a.Words(strings.TrimSpace(name), 100); name == "" {
		name = fmt.Sprintf("status %d", a.Status)
	}
	return nil, nil, &Error{name, a.Words(words, 300), a.Status}
}
