// Package workos speaks the endpoints of WorkOS by which an operator manages API
// keys: create, list, validate, expire, delete. All of them take the key of the
// environment, which is never shipped with a program and never asked of a person
// who only wants to sign in.
//
// Failures: [*flows.UnavailableError] where nothing is known of what was asked
// (no answer, 5xx, 429, no JSON), [*Error] for a refusal. No request is sent
// twice and none follows a redirect, if the client is of [flows.NewHTTPClient].
package workos

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// DefaultURL is where WorkOS answers.
const DefaultURL = "https://api.workos.com"

// Client asks WorkOS.
type Client struct {
	HTTP *http.Client
	URL  string            // base, as flows.CheckURL takes it; empty: DefaultURL
	Key  credential.Secret // the environment's
}

// Error is a refusal: WorkOS is up and means it.
type Error struct {
	Doing   string // e.g. "create the API key"
	Status  int    // HTTP
	Code    string // e.g. entity_not_found; may be empty
	Message string // WorkOS's words, cleaned for a terminal
}

func (e *Error) Error() string {
	why := cmp.Or(e.Code, e.Message)
	if e.Code != "" && e.Message != "" {
		why += " (" + e.Message + ")"
	}
	if e.Status == http.StatusUnauthorized {
		return fmt.Sprintf("%s: WorkOS does not accept the environment's key (status 401)", e.Doing)
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: WorkOS refuses (status %d): %s", e.Doing, e.Status, why), ": ")
}

// Gone reports whether WorkOS does not know what was asked about.
func Gone(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Status == http.StatusNotFound
}

// call sends one request and decodes a 2xx answer into out, unless that is nil.
// secrets are what the request carries next to the environment's key.
func (c Client) call(ctx context.Context, doing, method, path string, query url.Values, in, out any,
	secrets ...credential.Secret) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	at, err := flows.CheckURL("WorkOS's URL", strings.TrimRight(cmp.Or(c.URL, DefaultURL), "/")+path)
	if err != nil {
		return err
	}
	at.RawQuery = query.Encode()
	req, err := http.NewRequest(method, at.String(), body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key.Reveal())
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	a, err := flows.Do(ctx, c.HTTP, doing, req)
	if err != nil {
		return err
	}
	if !a.OK() {
		for _, secret := range append(secrets, c.Key) {
			a.Sent = append(a.Sent, secret.Reveal())
		}
		return refusal(doing, a)
	}
	if out == nil {
		return nil
	}
	return a.JSON(doing, out)
}

// refusal reads WorkOS's two envelopes: {code, message, errors} and {error,
// error_description}. A refusal that is not JSON may be a proxy's.
func refusal(doing string, a *flows.Answer) error {
	var doc struct {
		Code        string            `json:"code"`
		Message     string            `json:"message"`
		Error       string            `json:"error"`
		Description string            `json:"error_description"`
		Errors      []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(a.Body, &doc) != nil && a.Status != http.StatusUnauthorized {
		return flows.Garbled(doing, "the answer is not the expected JSON (status %d)", a.Status)
	}
	message := cmp.Or(doc.Message, doc.Description)
	for _, e := range doc.Errors[:min(3, len(doc.Errors))] {
		message += " " + detail(e)
	}
	clean := func(s string) string {
		return flows.Clean(aKey().ReplaceAllString(a.Words(s, len(s)), "[secret]"), 300)
	}
	return &Error{Doing: doing, Status: a.Status, Code: clean(cmp.Or(doc.Code, doc.Error)), Message: clean(message)}
}

// aKey is what WorkOS's keys look like. A message has no business repeating one,
// sent or not. It is compiled when it is used, since all commands link this.
var aKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`sk_[A-Za-z0-9_]{8,}`) })

// detail is one of the things that are wrong: a text, or code, field and message.
func detail(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var e struct{ Code, Field, Message string }
	_ = json.Unmarshal(raw, &e)
	return strings.Join(strings.Fields(e.Field+" "+e.Code+" "+e.Message), " ")
}
