// Package dex runs a real OpenID provider, Dex, inside a Go process: for the
// demo, for the end-to-end tests and for benchmarks.
//
// Start is the function to begin with. What it starts keeps everything in
// memory, listens on a loopback address and ends with its context.
package dex

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/dexidp/dex/connector/oidc"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/connectors"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"golang.org/x/crypto/bcrypt"
)

// Options say what Dex serves. The zero value of all but ClientIDs and Users is useful.
type Options struct {
	ClientIDs []string // public clients: PKCE and Device Code, no secret
	Users     []User

	// RedirectURIs of the public clients. Any ends their way to every port of the loopback.
	RedirectURIs []string

	Services  []Service  // they get tokens for themselves, by a secret
	Upstreams []Upstream // whose ID tokens are taken in exchange for Dex's own

	Listener    net.Listener     // nil: a free port of 127.0.0.1
	Issuer      string           // empty: by the address
	Certificate *tls.Certificate // nil: plain http, which sso-exec accepts on a literal loopback address only

	IDTokenLifetime time.Duration // 0: an hour
	// ReuseInterval is how long a rotated refresh token is still accepted.
	// Mind that within it a refresh with the new token answers that same token.
	ReuseInterval time.Duration

	Now  func() time.Time                // Dex's clock; nil: the time
	Wrap func(http.Handler) http.Handler // around every request, to watch or to spoil it
	Log  *slog.Logger                    // nil: silence
}

// User is somebody who can sign in with a password.
type User struct {
	Email, Password string
	Name            string
	Groups          []string
}

// Service is a confidential client, with the groups of its own tokens.
type Service struct {
	ID, Secret string
	Groups     []string
}

// Upstream is another issuer, by the name that a token exchange gives as
// connector_id.
type Upstream struct {
	ID, Issuer string
	CAFile     string // in PEM; empty: the system's
}

// Server is a running Dex.
type Server struct {
	Issuer  string
	Address string // where it listens

	counter
	http *http.Server
}

// Start runs Dex until ctx ends or Close is called.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := withDefaults(o)
	if err != nil {
		return nil, err
	}
	s := &Server{Issuer: cmp.Or(o.Issuer, issuer(o)), Address: o.Listener.Addr().String()}
	handler, err := newHandler(ctx, s.Issuer, o)
	if err != nil {
		o.Listener.Close()
		return nil, fmt.Errorf("dex: %w", err)
	}
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	l := o.Listener
	if o.Certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*o.Certificate}})
	}
	s.http = &http.Server{
		Handler:           s.count(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("dex has ended", "error", err)
		}
	}()
	context.AfterFunc(ctx, s.Close)
	return s, nil
}

// Close stops Dex; whatever it knew is gone.
func (s *Server) Close() { s.http.Close() }

func withDefaults(o Options) (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC() }
	}
	if o.IDTokenLifetime == 0 {
		o.IDTokenLifetime = time.Hour
	}
	if o.Listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return o, fmt.Errorf("dex: %w", err)
		}
		o.Listener = l
	}
	return o, nil
}

// issuer has no path: with one, Dex wants "<path>/device/callback" registered as
// a redirect URI, and a client with any redirect URI loses the loopback rule
// that newStorage relies on.
func issuer(o Options) string {
	if o.Certificate != nil {
		return "https://" + o.Listener.Addr().String()
	}
	return "http://" + o.Listener.Addr().String()
}

func newHandler(ctx context.Context, issuer string, o Options) (http.Handler, error) {
	store, err := newStorage(o)
	if err != nil {
		return nil, err
	}
	keys, err := (&signer.LocalConfig{KeysRotationPeriod: "6h"}).Open(ctx, store, o.IDTokenLifetime, o.Now, o.Log)
	if err != nil {
		return nil, err
	}
	rotation, err := tokens.NewRefreshTokenPolicy(o.Log, false, "12h", "24h", o.ReuseInterval.String())
	if err != nil {
		return nil, err
	}
	return server.NewServer(ctx, server.Config{
		Issuer:             issuer,
		Storage:            store,
		AllowedGrantTypes:  grantTypes(o),
		SkipApprovalScreen: true,
		IDTokensValidFor:   o.IDTokenLifetime,
		RefreshTokenPolicy: rotation,
		Signer:             keys,
		Now:                o.Now,
		Logger:             o.Log,
	})
}

func grantTypes(o Options) []string {
	types := []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}
	if len(o.Services) > 0 {
		types = append(types, "client_credentials")
	}
	if len(o.Upstreams) > 0 {
		types = append(types, "urn:ietf:params:oauth:grant-type:token-exchange")
	}
	return types
}

func newStorage(o Options) (storage.Storage, error) {
	var clients []storage.Client
	for _, s := range o.Services {
		clients = append(clients, storage.Client{
			ID: s.ID, Name: s.ID, Secret: s.Secret,
			ClientCredentialsClaims: &storage.ClientCredentialsClaims{Groups: s.Groups},
		})
	}
	for _, id := range o.ClientIDs {
		// Public and without redirect URIs: Dex then takes any port and path
		// of 127.0.0.1 and localhost (RFC 8252, section 7.3).
		clients = append(clients, storage.Client{ID: id, Name: id, Public: true, RedirectURIs: o.RedirectURIs})
	}
	var passwords []storage.Password
	for _, u := range o.Users {
		// Dex refuses hashes that are cheaper than the default cost.
		hash, err := bcrypt.GenerateFromPassword([]byte(u.Password), bcrypt.DefaultCost)
		if err != nil {
			return nil, err
		}
		passwords = append(passwords, storage.Password{
			Email: u.Email, Hash: hash, UserID: "id-of-" + u.Email,
			Username: u.Name, Name: u.Name, Groups: u.Groups,
		})
	}
	store := newMemory(o.Log)
	store = storage.WithStaticClients(store, clients)
	store = storage.WithStaticPasswords(store, passwords, o.Log)
	upstreams, err := upstreams(o)
	if err != nil {
		return nil, err
	}
	return storage.WithStaticConnectors(store, append(upstreams,
		storage.Connector{ID: connectors.LocalConnector, Name: "Email", Type: connectors.LocalConnector},
	)), nil
}

// upstreams names people and workloads by the sub of their ID tokens, which is
// all that those of a cluster have.
func upstreams(o Options) (all []storage.Connector, err error) {
	for _, u := range o.Upstreams {
		config := oidc.Config{Issuer: u.Issuer, ClientID: "unused", ClientSecret: "unused", UserNameKey: "sub",
			Scopes: []string{"openid"}}
		if u.CAFile != "" {
			config.RootCAs = []string{u.CAFile}
		}
		text, err := json.Marshal(config)
		if err != nil {
			return nil, err
		}
		all = append(all, storage.Connector{ID: u.ID, Name: u.ID, Type: "oidc", Config: text})
	}
	return all, nil
}
