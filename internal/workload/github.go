package workload

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
)

// github asks GitHub Actions for a job's ID token (GitHub documentation: "OpenID
// Connect reference", methods for requesting the OIDC token). Forgejo Actions has
// the same endpoint. The token lives for five minutes.
type github struct{ base }

const (
	githubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

func (s *github) FixedAudience() bool { return false }

func (s *github) Available() error {
	_, err := s.endpoint()
	return err
}

// endpoint is where to ask. The request token goes there, so it must be https.
func (s *github) endpoint() (*url.URL, error) {
	raw, token := s.env.Getenv(githubURL), s.env.Getenv(githubToken)
	switch {
	case raw == "" && !s.env.on("GITHUB_ACTIONS"):
		return nil, s.notHere("this is not a GitHub Actions job (" + githubURL + " is not set)")
	case raw == "" || token == "":
		missing := githubURL
		if raw != "" {
			missing = githubToken
		}
		return nil, s.notHere("the job may not ask for an ID token ("+missing+" is not set)",
			"give the job the right, in its workflow:",
			"  permissions:",
			"    id-token: write",
			"    contents: read # for actions/checkout, since the others are gone then",
			"a pull request from a fork is never given it")
	}
	if _, err := tokenIn([]byte(token)); err != nil {
		return nil, s.notHere("the value of " + githubToken + " is not a token: " + err.Error())
	}
	u, err := flows.CheckURL(githubURL, raw)
	if err != nil {
		return nil, s.notHere(err.Error())
	}
	return u, nil
}

func (s *github) Token(ctx context.Context, audience string) (Token, error) {
	u, err := s.endpoint()
	if err != nil {
		return Token{}, err
	}
	if audience != "" { // without one GitHub takes the URL of the repository's owner
		q := "audience=" + url.QueryEscape(audience)
		if u.RawQuery != "" {
			q = u.RawQuery + "&" + q
		}
		u.RawQuery = q
	}
	client := s.env.HTTP
	if client == nil {
		if client, err = flows.NewHTTPClient(15*time.Second, nil); err != nil {
			return Token{}, err
		}
	}
	secret := strings.TrimSpace(s.env.Getenv(githubToken))
	r := request{
		client: client, doing: "GitHub's ID token", url: u, secret: secret,
		header: map[string]string{"Authorization": "Bearer " + secret, "Accept": "application/json; api-version=2.0"},
	}
	a, err := s.env.send(ctx, r)
	if err != nil {
		return Token{}, err
	}
	fields, err := a.fields(r)
	if a.Status != http.StatusOK {
		return Token{}, a.refused(s.base, "GitHub", text(fields["message"]),
			"the right to ask ends with the job; has the job ended?")
	}
	if err != nil {
		return Token{}, err
	}
	value := text(fields["value"])
	if value == "" && text(fields["message"]) != "" {
		return Token{}, a.refused(s.base, "GitHub", text(fields["message"]))
	}
	return a.token(r, "the ID token from GitHub", value, audience)
}

// Principal is the job. The request token is each job's own: it tells those of a
// matrix apart, which share a name.
func (s *github) Principal() (string, error) {
	if _, err := s.endpoint(); err != nil {
		return "", err
	}
	var parts []string
	for _, name := range ciServices[0].job {
		parts = append(parts, s.env.Getenv(name))
	}
	return principal(append(parts, hash(strings.TrimSpace(s.env.Getenv(githubToken))))...), nil
}
