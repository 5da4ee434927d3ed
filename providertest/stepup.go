package providertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stepUp is what a request asks of the sign-in itself (OIDC Core §3.1.2.1, §5.5.1).
type stepUp struct {
	acr       []string
	essential bool
	maxAge    time.Duration // negative: any
	prompt    []string
}

// readStepUp reads it, and refuses what is malformed.
func (p *Provider) readStepUp(params url.Values) (stepUp, *oauthError) {
	s := stepUp{acr: strings.Fields(params.Get("acr_values")), maxAge: -1, prompt: strings.Fields(params.Get("prompt"))}
	if text := params.Get("max_age"); params.Has("max_age") {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return s, &oauthError{"invalid_request", "max_age must be a number of seconds"}
		}
		s.maxAge = time.Duration(seconds) * time.Second
	}
	if params.Has("claims") {
		var claims struct {
			IDToken struct {
				ACR *struct {
					Essential bool     `json:"essential"`
					Value     string   `json:"value"`
					Values    []string `json:"values"`
				} `json:"acr"`
			} `json:"id_token"`
		}
		if err := json.Unmarshal([]byte(params.Get("claims")), &claims); err != nil ||
			!strings.HasPrefix(params.Get("claims"), "{") {
			return s, &oauthError{"invalid_request", "claims must be a JSON object"}
		}
		if acr := claims.IDToken.ACR; acr != nil {
			s.acr, s.essential = acr.Values, acr.Essential
			if acr.Value != "" {
				s.acr = []string{acr.Value}
			}
		}
	}
	if p.config.IgnoreStepUp {
		return stepUp{maxAge: -1, prompt: s.prompt}, nil
	}
	return s, nil
}

// unmet refuses what cannot be met but must be (OpenID Connect Core Error Code
// unmet_authentication_requirements).
func (p *Provider) unmet(s stepUp) *oauthError {
	known := func(acr string) bool { return slices.Contains(p.config.ACRs, acr) }
	if s.essential && len(s.acr) > 0 && !slices.ContainsFunc(s.acr, known) {
		return &oauthError{"unmet_authentication_requirements", "nobody can sign in with that acr"}
	}
	return nil
}

// signIn decides how and when the person behind a new family signed in: before, if
// the browser has a session that will do, else now.
func (p *Provider) signIn(f *family, s stepUp) {
	now := p.config.Now()
	weakest := ""
	if len(p.config.ACRs) > 0 {
		weakest = p.config.ACRs[0]
	}
	f.acr, f.authTime = weakest, now
	stale := s.maxAge >= 0 && now.Sub(p.signedIn) > s.maxAge
	if !p.signedIn.IsZero() && !stale && !slices.Contains(s.prompt, "login") {
		f.acr, f.authTime = p.signedInBy, p.signedIn
	}
	for _, acr := range s.acr {
		if !slices.Contains(p.config.ACRs, acr) {
			continue
		}
		if f.acr != acr {
			f.acr, f.authTime = acr, now
		}
		break
	}
	if !p.signedIn.IsZero() {
		p.signedIn, p.signedInBy = f.authTime, f.acr
	}
}

// SetSession says since when the browser has a session at the provider, which the
// next sign-ins use as far as they may. A zero time ends that: everybody signs in
// again, which is the default.
func (p *Provider) SetSession(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signedIn, p.signedInBy = since, ""
	if len(p.config.ACRs) > 0 {
		p.signedInBy = p.config.ACRs[0]
	}
}

// RequireStepUp has the userinfo endpoint challenge tokens of sign-ins that are not
// of this acr, or longer ago (RFC 9470 §3); an empty acr and a negative age ask for
// nothing.
func (p *Provider) RequireStepUp(acr string, maxAge time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.needACR, p.needAge = acr, &maxAge
}

// challenge is the answer to a token whose sign-in is not good enough; nil if it
// is.
func (p *Provider) challenge(f *family) *answer {
	if p.needAge == nil {
		return nil
	}
	text := `Bearer error="insufficient_user_authentication", error_description="A different authentication level is required"`
	poor := false
	if p.needACR != "" && f.acr != p.needACR {
		text, poor = text+fmt.Sprintf(", acr_values=%q", p.needACR), true
	}
	if *p.needAge >= 0 && p.config.Now().Sub(f.authTime) > *p.needAge {
		text, poor = text+fmt.Sprintf(`, max_age="%d"`, int64(*p.needAge/time.Second)), true
	}
	if !poor {
		return nil
	}
	a := jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "insufficient_user_authentication"})
	a.header.Set("WWW-Authenticate", text)
	return a
}
