package kubeconfig

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Unmapped is a flag of kubelogin that a conversion could not carry over, and
// what to do instead. It never has the flag's value, which may be a secret.
type Unmapped struct{ Flag, Why string }

// Why a stanza cannot be converted.
var (
	// ErrNotKubelogin: it runs something else.
	ErrNotKubelogin = errors.New("the stanza does not run kubelogin (github.com/int128/kubelogin)")
	// errAzureKubelogin: it runs the other kubelogin, which has nothing but the
	// name in common.
	errAzureKubelogin = errors.New("the stanza runs Azure's kubelogin (github.com/Azure/kubelogin), which gets tokens " +
		"for AKS from Entra ID; sso-exec does not take its place")
)

// FromKubelogin converts an exec stanza of int128/kubelogin (kubectl oidc-login
// get-token, kubelogin get-token) into one that runs command, with the same
// issuer, client, scopes, redirect addresses and CA. home stands for ~ in paths,
// which kubelogin expands. Flags of older versions are known too.
func FromKubelogin(e Exec, command, home string) (Exec, []Unmapped, error) {
	words, err := kubeloginArgs(e)
	if err != nil {
		return Exec{}, nil, err
	}
	c := &conversion{home: home, grant: "auto"}
	if err := c.parse(words); err != nil {
		return Exec{}, nil, err
	}
	if c.issuer == "" || c.client == "" {
		return Exec{}, nil, errors.New("kubelogin's --oidc-issuer-url or --oidc-client-id is missing in the stanza")
	}
	out := Exec{
		APIVersion:      e.APIVersion,
		Command:         command,
		Args:            slices.Concat([]string{"kube", "--issuer=" + c.issuer, "--client-id=" + c.client}, c.finish()),
		Env:             slices.Clone(e.Env),
		InteractiveMode: e.InteractiveMode,
	}
	if !slices.Contains([]string{"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"},
		out.APIVersion) {
		out.APIVersion = "client.authentication.k8s.io/v1" // v1alpha1 is gone
	}
	if out.InteractiveMode == "" || out.InteractiveMode == "Always" {
		out.InteractiveMode = "IfAvailable" // v1 wants one, and nothing is read from stdin
	}
	return out, c.unmapped, nil
}

// FromAuthProvider converts the config of client-go's former auth provider oidc, as
// User has it. Its tokens are of no use any more. home stands for ~ in paths.
func FromAuthProvider(p AuthProvider, command, home string) (Exec, []Unmapped, error) {
	c := &conversion{home: home}
	issuer, client := p.Config["idp-issuer-url"], p.Config["client-id"]
	switch {
	case p.Name != "oidc":
		return Exec{}, nil, fmt.Errorf("its auth provider is %q, and only oidc can be converted", p.Name)
	case issuer == "" || client == "":
		return Exec{}, nil, errors.New("idp-issuer-url or client-id is missing in the config of its auth provider")
	}
	kubeloginFlags["--oidc-extra-scope"].set(c, p.Config["extra-scopes"])
	if data := p.Config["idp-certificate-authority-data"]; data != "" { // which goes before the file, as for client-go
		c.caData = []string{data}
	} else if file := p.Config["idp-certificate-authority"]; file != "" {
		c.caFiles = []string{file}
	}
	if p.Secret {
		c.leave("client-secret", whySecret)
	}
	return Exec{
		APIVersion: "client.authentication.k8s.io/v1",
		Command:    command,
		Args: slices.Concat([]string{"kube", "--issuer=" + issuer, "--client-id=" + client}, c.scopeFlag(),
			c.authorities()),
		InteractiveMode: "IfAvailable",
	}, c.unmapped, nil
}

// kubeloginArgs returns what follows the program.
func kubeloginArgs(e Exec) ([]string, error) {
	words := e.Args
	switch program(e.Command) {
	case "kubectl":
		if len(words) == 0 || words[0] != "oidc-login" {
			return nil, ErrNotKubelogin
		}
		words = words[1:]
	case "kubelogin", "kubectl-oidc_login", "kubectl-oidc-login":
	case "docker", "podman", "nerdctl":
		for _, w := range words {
			if strings.Contains(w, "int128/kubelogin") {
				return nil, fmt.Errorf("%w: it runs it in a container; write its flags into a stanza without one first",
					ErrNotKubelogin)
			}
		}
		return nil, ErrNotKubelogin
	default:
		return nil, ErrNotKubelogin
	}
	for _, w := range words {
		name, _, _ := strings.Cut(w, "=")
		if slices.Contains([]string{"--server-id", "--tenant-id", "-t", "--environment", "-e", "--login", "-l",
			"--client-id", "--pop-enabled", "--legacy"}, name) {
			return nil, errAzureKubelogin
		}
	}
	return words, nil
}

// conversion collects what the flags of one stanza say.
type conversion struct {
	home           string
	issuer, client string
	args           []string
	unmapped       []Unmapped

	scopes      []string
	grant       string
	username    bool
	noBrowser   bool
	browser     string
	listen      []string
	redirect    string // --oidc-redirect-url
	host        string // --oidc-redirect-url-hostname
	caFiles     []string
	caData      []string
	authTimeout string
}

func (c *conversion) leave(flag, why string) {
	if !slices.ContainsFunc(c.unmapped, func(u Unmapped) bool { return u.Flag == flag }) {
		c.unmapped = append(c.unmapped, Unmapped{flag, why})
	}
}

// parse reads the flags as pflag does: --flag=value, --flag value, and switches,
// whose value needs the equals sign.
func (c *conversion) parse(words []string) error {
	command := false
	for i := 0; i < len(words); i++ {
		w := words[i]
		name, val, hasVal := strings.Cut(w, "=")
		switch {
		case w == "get-token" && !command:
			command = true
			continue
		case len(name) > 2 && name[0] == '-' && name[1] == 'v': // -v1
			name, val, hasVal = "-v", strings.TrimPrefix(w[2:], "="), true
		case !strings.HasPrefix(w, "-") || w == "-" || w == "--":
			return fmt.Errorf("%w: it has an argument that is neither get-token nor a flag", ErrNotKubelogin)
		}
		if name == "-v" {
			name = "--v"
		}
		f, known := kubeloginFlags[name]
		if !hasVal && (!known || !f.isSwitch) && i+1 < len(words) && (known || !strings.HasPrefix(words[i+1], "-")) {
			i++
			val = words[i]
		} else if !hasVal && known && !f.isSwitch {
			return fmt.Errorf("kubelogin's flag %s has no value in the stanza", name)
		}
		switch {
		case !known:
			c.leave(name, "sso-exec does not know this flag of kubelogin")
		case f.isSwitch && isFalse(val):
		case f.set != nil:
			f.set(c, val)
		case f.why != "":
			c.leave(name, f.why)
		}
	}
	if !command {
		return fmt.Errorf("%w: it has no get-token", ErrNotKubelogin)
	}
	return nil
}

func isFalse(val string) bool {
	b, err := strconv.ParseBool(val)
	return err == nil && !b
}

// finish returns the flags, in the order in which a person would write them.
func (c *conversion) finish() []string {
	out := append(c.scopeFlag(), c.flow()...)
	if c.authTimeout != "" {
		out = append(out, "--login-timeout="+c.authTimeout)
	}
	out = append(out, c.authorities()...)
	return append(out, c.args...)
}

func (c *conversion) scopeFlag() []string {
	if len(c.scopes) == 0 {
		return nil
	}
	return []string{"--scope=" + strings.Join(c.scopes, ",")}
}

// param adds a parameter of the authorization request, in place of one of the same
// name. For some there is a flag.
func (c *conversion) param(p string) {
	name, value, _ := strings.Cut(p, "=")
	flag := "--auth-param=" + name
	switch name {
	case "audience", "resource", "organization":
		flag = "--" + name
	case "login_hint":
		flag = "--login-hint"
	}
	c.args = slices.DeleteFunc(c.args, func(a string) bool { return a == flag || strings.HasPrefix(a, flag+"=") })
	if u, err := url.Parse(value); name == "resource" && (err != nil || !u.IsAbs()) {
		c.leave("--oidc-auth-request-extra-params=resource", "it is not an absolute URI (RFC 8707)")
		return
	}
	if strings.Contains(p, "=") {
		flag += "=" + value
	}
	c.args = append(c.args, flag)
}

// flow returns the flags of the grant, and for that with a browser its redirect
// addresses: those that are registered at the provider.
func (c *conversion) flow() []string {
	var out []string
	if c.grant == "auto" && c.username { // as for kubelogin
		c.grant = "password"
	}
	switch c.grant {
	case "auto":
		if c.noBrowser { // kubelogin says where to go, and listens
			out = append(out, "--flow=pkce")
		}
		out = append(out, c.redirects()...)
	case "authcode":
		out = append(append(out, "--flow=pkce"), c.redirects()...)
	case "authcode-keyboard":
		out = append(out, "--flow=paste")
		if c.redirect != "" && isLoopback(c.redirect) {
			out = append(out, "--redirect-uri="+c.redirect)
		} else {
			c.leave("--grant-type=authcode-keyboard", "its redirect URI is not on this machine: register "+
				"http://127.0.0.1/callback at the provider, then paste the address of the last page into sso-exec")
		}
	case "device-code":
		out = append(out, "--flow=device")
	case "password":
		c.leave("--grant-type=password", "sso-exec takes no passwords: a person signs in in a browser or with a device code")
	case "client-credentials", "token-exchange":
		c.leave("--grant-type="+c.grant, whyService)
	default:
		c.leave("--grant-type", "kubelogin does not know this grant type either")
	}
	switch {
	case c.noBrowser:
		out = append(out, "--browser=none")
	case c.browser != "":
		out = append(out, "--browser="+quoteWord(c.browser))
	}
	return out
}

// redirects returns kubelogin's redirect URIs. It says localhost whatever it
// listens on.
func (c *conversion) redirects() []string {
	if c.redirect != "" {
		if isLoopback(c.redirect) {
			return []string{"--redirect-uri=" + c.redirect}
		}
		c.leave("--oidc-redirect-url", "sso-exec listens on this machine only: register an address such as "+
			"http://localhost:8000 at the provider, and give it with --redirect-uri")
		return nil
	}
	if c.host == "" {
		c.host = "localhost"
	}
	if !isLoopback("http://" + c.host) {
		c.leave("--oidc-redirect-url-hostname",
			"sso-exec listens on this machine only: register http://localhost:8000 at the provider")
		c.host = "localhost"
	}
	if len(c.listen) == 0 {
		c.listen = []string{"127.0.0.1:8000", "127.0.0.1:18000"}
	}
	var out []string
	for _, l := range c.listen {
		host, port, err := net.SplitHostPort(l)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			c.leave("--listen-address",
				"it is not an address with a port: give the redirect URI that is registered with --redirect-uri")
			continue
		}
		if host != "localhost" && !isLoopback("http://"+net.JoinHostPort(host, port)) {
			c.leave("--listen-address", "sso-exec listens on 127.0.0.1 and ::1 only, so that nobody else's browser can answer")
		}
		out = append(out, "--redirect-uri=http://"+net.JoinHostPort(strings.Trim(c.host, "[]"), port))
	}
	return slices.Compact(out)
}

// isLoopback tells whether sso-exec could listen on a redirect URI.
func isLoopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path == "/done" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// authorities returns the flags of private CAs.
func (c *conversion) authorities() []string {
	var out []string
	for i, f := range c.caFiles {
		if rest, ok := strings.CutPrefix(f, "~"); ok {
			if c.home == "" {
				c.leave("--certificate-authority", "no home directory to put in place of its ~: give the file with --ca-file")
				continue
			}
			f = filepath.Join(c.home, rest)
		}
		if i > 0 {
			c.leave("--certificate-authority", "there are several: put them into one file, and give it with --ca-file")
			break
		}
		out = append(out, "--ca-file="+f)
	}
	switch len(c.caData) {
	case 0:
	case 1:
		out = append(out, "--ca-data="+c.caData[0])
	default:
		var all []byte
		for _, d := range c.caData {
			b, err := base64.StdEncoding.DecodeString(d)
			if err != nil {
				c.leave("--certificate-authority-data", "it is not base64: give it with --ca-data or --ca-file")
				return out
			}
			all = append(append(all, strings.TrimRight(string(b), "\n")...), '\n')
		}
		out = append(out, "--ca-data="+base64.StdEncoding.EncodeToString(all))
	}
	return out
}

// quoteWord keeps a program's name one word: kubelogin does not split it.
func quoteWord(s string) string {
	switch {
	case !strings.ContainsAny(s, " \t'\""):
		return s
	case !strings.Contains(s, `"`):
		return `"` + s + `"`
	}
	return "'" + s + "'"
}

// commas splits a value as pflag does for a list.
func commas(s string) []string {
	fields, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return []string{s}
	}
	return fields
}
