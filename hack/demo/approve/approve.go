// Package approve is the person and the browser of unattended runs: it opens an
// authorization URL or a device verification page, fills in the forms that it
// meets and follows the redirects, as far as sso-exec's own callback page.
//
// It knows forms by their fields' names, as Dex has them; it runs no scripts.
package approve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Browser signs one person in.
type Browser struct {
	Email, Password string
	UserCode        string                                // for a verification page that doesn't know it from its URL
	Roots           *x509.CertPool                        // nil: the system's
	Proxy           func(*http.Request) (*url.URL, error) // nil: none
}

// Page is where a visit ended.
type Page struct {
	URL    *url.URL
	Status int
	HTML   string
}

// steps is more pages than any sign-in has: more are a form that comes back.
const steps = 8

// Visit opens a URL and answers forms until a page has none.
func (b Browser) Visit(ctx context.Context, start string) (Page, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return Page{}, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.Roots}, Proxy: b.Proxy}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, start, nil)
	if err != nil {
		return Page{}, err
	}
	filled := false
	for range steps {
		page, err := load(client, req)
		if err != nil {
			return page, err
		}
		form, ok, err := findForm(page)
		if err != nil {
			return page, err
		}
		if !ok {
			return page, nil
		}
		// Dex shows its form again, and no error status, after a wrong password.
		if _, asked := form.fields["password"]; asked && filled {
			return page, errors.New("the sign-in form came back: wrong e-mail or password")
		} else if asked {
			filled = true
		}
		if req, err = b.fill(ctx, form); err != nil {
			return page, err
		}
	}
	return Page{}, fmt.Errorf("no end after %d forms", steps)
}

func load(client *http.Client, req *http.Request) (Page, error) {
	resp, err := client.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return Page{}, failed.Err // its own words hold the whole URL, with its code and state
	}
	if err != nil {
		return Page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	page := Page{URL: resp.Request.URL, Status: resp.StatusCode, HTML: string(body)}
	if err != nil {
		return page, err
	}
	if resp.StatusCode >= 400 {
		// Without the query: it may hold a code or a state.
		return page, fmt.Errorf("%s%s answered %s", page.URL.Host, page.URL.Path, resp.Status)
	}
	return page, nil
}

func (b Browser) fill(ctx context.Context, f form) (*http.Request, error) {
	for name, value := range map[string]string{"login": b.Email, "password": b.Password, "user_code": b.UserCode} {
		if _, asked := f.fields[name]; asked && value != "" {
			f.fields.Set(name, value)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.action.String(), strings.NewReader(f.fields.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}

type form struct {
	action *url.URL
	fields url.Values
}

// findForm reads the first form of a page that is to be posted.
func findForm(p Page) (form, bool, error) {
	root, err := html.Parse(strings.NewReader(p.HTML))
	if err != nil {
		return form{}, false, err
	}
	for node := range root.Descendants() {
		if node.Data != "form" || !strings.EqualFold(attribute(node, "method"), "post") {
			continue
		}
		action, err := p.URL.Parse(attribute(node, "action"))
		if err != nil {
			return form{}, false, err
		}
		f := form{action: action, fields: url.Values{}}
		for field := range node.Descendants() {
			if name := attribute(field, "name"); field.Data == "input" && name != "" && attribute(field, "type") != "checkbox" {
				f.fields.Set(name, attribute(field, "value"))
			}
		}
		return f, true, nil
	}
	return form{}, false, nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
