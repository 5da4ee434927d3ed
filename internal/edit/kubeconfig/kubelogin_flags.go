package kubeconfig

import (
	"slices"
	"strconv"
	"strings"
)

// kubeloginFlag says what becomes of a flag of kubelogin get-token. With neither
// set nor why it is passed over: sso-exec does the same without being told.
type kubeloginFlag struct {
	isSwitch bool
	set      func(c *conversion, val string)
	why      string // what to do instead
}

const (
	whyTLS = "sso-exec always verifies the provider's certificate, and never renegotiates: give a private CA with " +
		"--ca-file or --ca-data"
	whyServer = "the listener for the browser speaks http, on this machine only (RFC 8252 section 7.3): register " +
		"http:// addresses at the provider"
	whyLog     = "see --log-level and --log-file"
	whyService = "this stanza signs in a service, not a person, and that is not converted"
	whySecret  = "a secret does not belong on a command line: put it into a file that only you can read, and give that " +
		"with --client-secret-file"
	whyPass = "sso-exec takes no passwords: a person signs in in a browser or with a device code; --login-hint " +
		"suggests the account to the provider"
)

var kubeloginFlags = map[string]kubeloginFlag{
	"--oidc-issuer-url": {set: func(c *conversion, v string) { c.issuer = v }},
	"--oidc-client-id":  {set: func(c *conversion, v string) { c.client = v }},
	"--oidc-client-secret": {set: func(c *conversion, v string) {
		if v != "" {
			c.leave("--oidc-client-secret", whySecret)
		}
	}},
	"--oidc-extra-scope": {set: func(c *conversion, v string) {
		for _, s := range commas(v) {
			for _, s := range strings.Fields(s) {
				if s != "openid" && !slices.Contains(c.scopes, s) {
					c.scopes = append(c.scopes, s)
				}
			}
		}
	}},
	"--oidc-use-access-token": {isSwitch: true,
		set: func(c *conversion, _ string) { c.args = append(c.args, "--token-type=access") }},
	"--oidc-request-header": {why: "sso-exec cannot send custom headers"},
	"--force-refresh":       {isSwitch: true, set: func(c *conversion, _ string) { c.args = append(c.args, "--force") }},

	// PKCE with S256 is always used (RFC 9700 §2.1.1).
	"--oidc-use-pkce": {isSwitch: true},
	"--oidc-pkce-method": {set: func(c *conversion, v string) {
		if v == "no" {
			c.leave("--oidc-pkce-method=no", "sso-exec always uses PKCE; a provider without it ignores the parameters")
		}
	}},

	"--token-cache-dir": {why: "sso-exec keeps a cache of its own, which this directory would not fit; --cache-dir " +
		"gives it another place"},
	"--token-cache-storage": {set: func(c *conversion, v string) {
		if v == "keyring" || v == "none" {
			c.args = append(c.args, "--store="+v)
		}
	}},
	"--force-keyring": {isSwitch: true, set: func(c *conversion, _ string) { c.args = append(c.args, "--store=keyring") }},
	"--no-keyring":    {isSwitch: true},

	"--certificate-authority":      {set: func(c *conversion, v string) { c.caFiles = append(c.caFiles, v) }},
	"--certificate-authority-data": {set: func(c *conversion, v string) { c.caData = append(c.caData, v) }},
	"--insecure-skip-tls-verify":   {isSwitch: true, why: whyTLS},
	"--tls-renegotiation-once":     {isSwitch: true, why: whyTLS},
	"--tls-renegotiation-freely":   {isSwitch: true, why: whyTLS},

	"--grant-type":        {set: func(c *conversion, v string) { c.grant = v }},
	"--listen-address":    {set: func(c *conversion, v string) { c.listen = append(c.listen, commas(v)...) }},
	"--listen-port":       {set: listenPort},
	"--skip-open-browser": {isSwitch: true, set: func(c *conversion, _ string) { c.noBrowser = true }},
	"--browser-command":   {set: func(c *conversion, v string) { c.browser = v }},
	"--authentication-timeout-sec": {set: func(c *conversion, v string) {
		if n, err := strconv.ParseUint(v, 10, 31); err == nil && n > 0 {
			c.authTimeout = v + "s"
		}
	}},
	"--local-server-cert":             {why: whyServer},
	"--local-server-key":              {why: whyServer},
	"--open-url-after-authentication": {why: "sso-exec ends at a page of its own"},
	"--oidc-redirect-url":             {set: func(c *conversion, v string) { c.redirect = v }},
	"--oidc-redirect-url-hostname":    {set: func(c *conversion, v string) { c.host = v }},
	"--oidc-redirect-url-authcode-keyboard": {set: func(c *conversion, v string) {
		if c.redirect == "" {
			c.redirect = v
		}
	}},
	"--oidc-auth-request-extra-params": {set: func(c *conversion, v string) {
		pairs := []string{v}
		if strings.Count(v, "=") > 1 { // so pflag's map of strings
			pairs = commas(v)
		}
		for _, p := range pairs {
			if p = strings.Trim(p, `"`); p != "" {
				c.param(p)
			}
		}
	}},
	"--username": {set: func(c *conversion, _ string) {
		c.username = true
		c.leave("--username", whyPass)
	}},
	"--password": {why: whyPass},

	"--token-exchange-resource":             {why: whyService},
	"--token-exchange-audience":             {why: whyService},
	"--token-exchange-requested-token-type": {why: whyService},
	"--token-exchange-subject-token":        {why: whyService},
	"--token-exchange-subject-token-type":   {why: whyService},
	"--token-exchange-actor-token":          {why: whyService},
	"--token-exchange-actor-token-type":     {why: whyService},

	// klog's.
	"--v": {set: func(c *conversion, v string) {
		if n, err := strconv.Atoi(v); err == nil && n > 0 && !slices.Contains(c.args, "--verbose") {
			c.args = append(c.args, "--verbose")
		}
	}},
	"--logtostderr":       {isSwitch: true},
	"--alsologtostderr":   {isSwitch: true},
	"--add_dir_header":    {isSwitch: true},
	"--one_output":        {isSwitch: true},
	"--skip_headers":      {isSwitch: true},
	"--skip_log_headers":  {isSwitch: true},
	"--log_backtrace_at":  {why: whyLog},
	"--log_dir":           {why: whyLog},
	"--log_file":          {why: whyLog},
	"--log_file_max_size": {why: whyLog},
	"--stderrthreshold":   {why: whyLog},
	"--vmodule":           {why: whyLog},
}

// listenPort is from before kubelogin 1.20: ports only.
func listenPort(c *conversion, v string) {
	for _, p := range commas(v) {
		c.listen = append(c.listen, "127.0.0.1:"+p)
	}
}
