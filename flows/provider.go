package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/flows/internal/jws"
)

// Metadata is what a provider says about itself (OpenID Connect Discovery §3;
// RFC 8414 §2), as far as the flows need it.
type Metadata struct {
	Issuer                      string   `json:"issuer"`
	AuthorizationEndpoint       string   `json:"authorization_endpoint"`
	TokenEndpoint               string   `json:"token_endpoint"`
	DeviceAuthorizationEndpoint string   `json:"device_authorization_endpoint"`
	JWKSURI                     string   `json:"jwks_uri"`
	ScopesSupported             []string `json:"scopes_supported"`
	TokenEndpointAuthMethods    []string `json:"token_endpoint_auth_methods_supported"`
	IDTokenSigningAlgs          []string `json:"id_token_signing_alg_values_supported"`
	IssParameterSupported       bool     `json:"authorization_response_iss_parameter_supported"`
	RevocationEndpoint          string   `json:"revocation_endpoint"` // checked where it is used
	RevocationAuthMethods       []string `json:"revocation_endpoint_auth_methods_supported"`
	EndSessionEndpoint          string   `json:"end_session_endpoint"` // checked where it is used
	GrantTypes                  []string `json:"grant_types_supported"`
	PAREndpoint                 string   `json:"pushed_authorization_request_endpoint"`
	RequiresPAR                 bool     `json:"require_pushed_authorization_requests"`
	AssertionSigningAlgs        []string `json:"token_endpoint_auth_signing_alg_values_supported"`

	MTLSEndpointAliases Aliases `json:"mtls_endpoint_aliases"`
}

// Aliases are the endpoints for clients that use mutual TLS (RFC 8705 §5). One
// that is not there is the ordinary one.
type Aliases struct {
	TokenEndpoint               string `json:"token_endpoint"`
	DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint"`
	RevocationEndpoint          string `json:"revocation_endpoint"` // checked where it is used
	PAREndpoint                 string `json:"pushed_authorization_request_endpoint"`
}

// Provider is an authorization server whose metadata and keys are known. It is
// made by [Discover], or from what an earlier run kept by [ParseProvider].
type Provider struct {
	Metadata
	RawMetadata json.RawMessage // to keep
	RawKeys     json.RawMessage // to keep; changes when the keys are fetched again
	Incomplete  bool            // one of its two documents could not be had just now: ask again soon

	Names   Names    // for errors; may be nil
	Dialect *Dialect // never nil; that of a provider that its metadata gives away, where none was named

	hc        *http.Client
	keys      []jws.Key
	refetched bool
}

// standards is the dialect of a provider of which nothing is known.
var standards = &Dialect{Documents: DocumentsLacking}

// Discover fetches the metadata of an issuer, by OpenID Connect Discovery and
// then by RFC 8414, and its keys: two or three requests. What the metadata lacks is
// taken from the dialect; nil: nothing is known of the provider. Some dialects need
// the client's ID for it, others take none.
//
// The issuer that the metadata names must be the one asked for, byte for byte
// (Discovery §4.3, RFC 8414 §3.3), and every endpoint must be https, as the
// issuer is; http is left to an issuer on a loopback address.
func Discover(ctx context.Context, hc *http.Client, d *Dialect, issuer, clientID string) (*Provider, error) {
	if d == nil {
		d = standards
	}
	if d.CheckIssuer != nil {
		if err := d.CheckIssuer(issuer); err != nil {
			return nil, err
		}
	}
	var raw json.RawMessage
	var incomplete bool
	var err error
	if d.NoMetadata {
		known := d.Known(issuer, clientID)
		known.Issuer = issuer
		raw, err = json.Marshal(known)
	} else {
		raw, incomplete, err = fetchMetadata(ctx, hc, issuer, func(first json.RawMessage) bool {
			return d.Documents == DocumentsBoth || d.Documents == DocumentsLacking && lacksEndpoints(first)
		})
	}
	if err != nil {
		return nil, err
	}
	p, err := parseMetadata(hc, d, issuer, clientID, raw)
	if err != nil {
		return nil, err
	}
	p.Incomplete = incomplete
	if err := p.fetchKeys(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// ParseProvider makes a provider from kept metadata and keys, without a
// request. It makes the same checks as [Discover].
func ParseProvider(hc *http.Client, d *Dialect, issuer, clientID string, metadata, keys json.RawMessage) (
	*Provider, error) {
	p, err := parseMetadata(hc, d, issuer, clientID, metadata)
	if err != nil {
		return nil, err
	}
	return p, p.setKeys(keys)
}

const doingDiscovery = "read the provider's metadata"

// fill takes over what is missing.
func (m *Metadata) fill(known Metadata) {
	for _, f := range []struct{ have, known *string }{
		{&m.AuthorizationEndpoint, &known.AuthorizationEndpoint}, {&m.TokenEndpoint, &known.TokenEndpoint},
		{&m.DeviceAuthorizationEndpoint, &known.DeviceAuthorizationEndpoint}, {&m.JWKSURI, &known.JWKSURI},
		{&m.RevocationEndpoint, &known.RevocationEndpoint}, {&m.EndSessionEndpoint, &known.EndSessionEndpoint},
	} {
		if *f.have == "" {
			*f.have = *f.known
		}
	}
}

// fetchMetadata reads the metadata; of both documents what the first one lacks
// comes from the second, if there is one; incomplete: that could not be told.
func fetchMetadata(ctx context.Context, hc *http.Client, issuer string,
	both func(first json.RawMessage) bool) (metadata json.RawMessage, incomplete bool, err error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, false, err
	}
	// RFC 8414 §3.1 inserts the well-known part before the issuer's path,
	// Discovery §4 appends it.
	inserted := *u
	inserted.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.Path, "/")
	var a *Answer
	var found json.RawMessage
	var odd error // some sites have a page, or lead to one, in the place of what they do not have
	for _, at := range []string{
		strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration",
		inserted.String(),
	} {
		req, err := http.NewRequest(http.MethodGet, at, nil)
		if err != nil {
			return nil, false, err
		}
		a, err = Do(ctx, hc, doingDiscovery, req)
		var outage *UnavailableError
		var portal *NetworkError // it would answer the other question too
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, false, err
		case err != nil && found != nil:
			return found, true, nil
		case errors.As(err, &outage) && outage.Garbled && !errors.As(err, &portal) && odd == nil:
			odd = err
		case err != nil && odd == nil:
			return nil, false, err
		case err != nil:
		case !a.OK():
		case found != nil:
			return merged(found, a.Body), false, nil
		case !json.Valid(a.Body) && odd == nil:
			odd = a.notJSON(doingDiscovery)
		case !json.Valid(a.Body):
		case !both(a.Body):
			return a.Body, false, nil
		default:
			found = a.Body
		}
	}
	switch {
	case found != nil:
		return found, false, nil
	case odd != nil:
		return nil, false, odd
	}
	return nil, false, fmt.Errorf("%s: no metadata at %s (status %d): check the issuer URL",
		doingDiscovery, issuer, a.Status)
}

// lacksEndpoints reports whether OpenID Connect's document leaves out what RFC
// 8414 has next to it: some providers tell that in its own document alone.
func lacksEndpoints(metadata json.RawMessage) bool {
	m, err := readMetadata(metadata)
	return err == nil && (m.DeviceAuthorizationEndpoint == "" || m.RevocationEndpoint == "")
}

// merged is a JSON object with what another one has next to it; the first one, if
// one of them is none, or is another issuer's (RFC 8414 §3.3).
func merged(first, second json.RawMessage) json.RawMessage {
	var all, more map[string]json.RawMessage
	if json.Unmarshal(first, &all) != nil || json.Unmarshal(second, &more) != nil ||
		text(more["issuer"]) != text(all["issuer"]) {
		return first
	}
	for name, value := range more {
		if _, ok := all[name]; !ok {
			all[name] = value
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return first
	}
	return b
}

// readMetadata reads metadata member by member: one of a wrong type costs no
// other, and is as if it were missing, except for those that a sign-in depends on.
func readMetadata(raw json.RawMessage) (m Metadata, err error) {
	a := &Answer{Status: http.StatusOK, Header: http.Header{}, Body: raw}
	err = json.Unmarshal(raw, &m)
	var odd *json.UnmarshalTypeError // the others were read all the same
	switch {
	case err == nil:
		return m, nil
	case !errors.As(err, &odd) || odd.Field == "":
		return m, a.notJSON(doingDiscovery)
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} {
		var s *string // null is as if it were missing
		if v, ok := members[name]; ok && json.Unmarshal(v, &s) != nil {
			return m, Garbled(doingDiscovery, "its %s is not a string", name)
		}
	}
	return m, nil
}

func parseMetadata(hc *http.Client, d *Dialect, issuer, clientID string, raw json.RawMessage) (*Provider, error) {
	if d == nil {
		d = standards
	}
	p := &Provider{RawMetadata: raw, Dialect: d, hc: hc}
	var err error
	if p.Metadata, err = readMetadata(raw); err != nil {
		return nil, err
	}
	if p.Issuer != issuer {
		return nil, &VerifyError{&IssuerError{Want: issuer, Got: p.Issuer}}
	}
	if d.Known != nil {
		p.Metadata.fill(d.Known(issuer, clientID))
	}
	if d.Recognize != nil {
		if other := d.Recognize(p.Metadata); other != nil {
			p.Dialect = other
		}
	}
	for name, endpoint := range map[string]string{
		"authorization_endpoint":                                      p.AuthorizationEndpoint,
		"token_endpoint":                                              p.TokenEndpoint,
		"device_authorization_endpoint":                               p.DeviceAuthorizationEndpoint,
		"jwks_uri":                                                    p.JWKSURI,
		"pushed_authorization_request_endpoint":                       p.PAREndpoint,
		"mtls_endpoint_aliases.token_endpoint":                        p.MTLSEndpointAliases.TokenEndpoint,
		"mtls_endpoint_aliases.device_authorization_endpoint":         p.MTLSEndpointAliases.DeviceAuthorizationEndpoint,
		"mtls_endpoint_aliases.pushed_authorization_request_endpoint": p.MTLSEndpointAliases.PAREndpoint,
	} {
		if endpoint == "" {
			continue
		}
		if _, err := p.checkEndpoint(name, endpoint); err != nil {
			return nil, err
		}
	}
	if p.TokenEndpoint == "" {
		return nil, verifyErrorf("the provider's metadata has no token_endpoint")
	}
	return p, nil
}

const doingKeys = "read the provider's keys"

// fetchKeys reads the JSON Web Key Set (RFC 7517 §5).
func (p *Provider) fetchKeys(ctx context.Context) error {
	if p.JWKSURI == "" {
		return p.setKeys(json.RawMessage(`{"keys":[]}`))
	}
	req, err := http.NewRequest(http.MethodGet, p.JWKSURI, nil)
	if err != nil {
		return err
	}
	a, err := Do(ctx, p.hc, doingKeys, req)
	if err != nil {
		return err
	}
	// the address has the client's ID in it
	if p.Dialect.NoMetadata && (a.Status == http.StatusNotFound || a.Status == http.StatusBadRequest) {
		return fmt.Errorf("%s: %s has none for this client (status %d): is the client ID right?", doingKeys, a.Host, a.Status)
	}
	if !a.OK() {
		return &UnavailableError{Doing: doingKeys, Err: fmt.Errorf("status %d", a.Status)}
	}
	return p.setKeys(a.Body)
}

// setKeys keeps the keys that are understood: a set may carry others
// (RFC 7517 §5).
func (p *Provider) setKeys(raw json.RawMessage) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	a := &Answer{Status: http.StatusOK, Header: http.Header{}, Body: raw}
	if err := a.JSON(doingKeys, &set); err != nil {
		return err
	}
	p.keys = nil
	for _, raw := range set.Keys {
		if key, ok := jws.ReadKey(raw); ok {
			p.keys = append(p.keys, key)
		}
	}
	p.RawKeys = raw
	return nil
}

// HTTP is the client that the provider is asked with.
func (p *Provider) HTTP() *http.Client { return p.hc }

// KeysRefetched reports whether the keys were fetched again since the provider
// was made, so that RawKeys should be kept again.
func (p *Provider) KeysRefetched() bool { return p.refetched }
