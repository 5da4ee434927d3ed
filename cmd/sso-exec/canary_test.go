//go:build linux

package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// Every secret of a sign-in is unique text, and the provider knows each. After
// every command all that came out of the process is searched for all of them,
// as they are and in the encodings that a careless line of code would use.

// Kinds of secrets. The room of the cache that may hold one stands next to it.
const (
	aRefreshToken = "refresh token"      // sessions/
	anAccessToken = "access token"       // tokens/
	anIDToken     = "ID token"           // tokens/
	anAWSKey      = "AWS key"            // derived/
	aClientSecret = "client secret"      // nowhere
	aVerifier     = "code verifier"      // nowhere
	aCode         = "authorization code" // nowhere
	aDeviceCode   = "device code"        // nowhere
	aState        = "state"              // the authorization URL
	aNonce        = "nonce"              // the authorization URL; encoded, the ID token
	aDecoy        = "somebody's variable"
)

// mayHold lists what a room of the cache is for. The others hold no secret.
var mayHold = map[string][]string{
	"sessions": {aRefreshToken},
	"tokens":   {anAccessToken, anIDToken},
	"derived":  {anAWSKey},
}

const decoy = "decoy-CANARY-5f2b81"

// canary is a bench that knows its secrets.
type canary struct {
	*bench
	sts     *providertest.STS
	secrets map[string]string // by value
	dumps   string            // what browsers were given: argv and environment
	logs    string            // a directory for --log-file
	trail   string            // one for the audit trail
	scanned int
	events  int
}

func newCanary(t *testing.T, c providertest.Config) *canary {
	t.Helper()
	secret := "CANARY+client/secret=" + hex.EncodeToString([]byte(t.Name()))
	c.Clients, c.DeviceInterval = []providertest.Client{{ID: "cli", Secret: secret}}, 1
	k := &canary{bench: newBench(t, c), secrets: map[string]string{secret: aClientSecret, decoy: aDecoy},
		dumps: t.TempDir(), logs: t.TempDir(), trail: t.TempDir()}
	k.sts = providertest.NewSTS(t, providertest.STSConfig{Provider: k.idp})
	browser := filepath.Join(t.TempDir(), "browser")
	script := "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/cmdline >\"$DUMPS/$$.argv\"\ntr '\\0' '\\n' </proc/$$/environ " +
		">\"$DUMPS/$$.environ\"\nexec testbrowser \"$1\"\n"
	if err := os.WriteFile(browser, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"SSO_EXEC_CLIENT_SECRET": secret, "SSO_EXEC_BROWSER": browser, "DUMPS": k.dumps,
		"SSO_EXEC_STS_ENDPOINT": k.sts.URL(), "SSO_EXEC_ROLE_ARN": "arn:aws:iam::123456789012:role/dev",
		"XDG_STATE_HOME": k.trail, "SSO_EXEC_AUDIT": "all",
		"GITHUB_TOKEN": decoy, "AWS_SECRET_ACCESS_KEY": decoy, "DB_PASSWORD": decoy, "KUBERNETES_EXEC_INFO": kubeInfo,
	} {
		k.setenv(name, value)
	}
	return k
}

// kubeInfo is what kubectl says; a decoy is in its cluster's data.
const kubeInfo = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":true,"cluster":{"server":"https://k","config":{"x":"` + decoy + `"}}}}`

// learn collects the secrets that the servers have seen and given so far.
func (k *canary) learn(t *testing.T) {
	t.Helper()
	add := func(kind string, values ...string) {
		for _, v := range values {
			if len(v) >= 8 {
				k.secrets[v] = kind
			}
		}
	}
	for _, r := range k.idp.Log() {
		add(aRefreshToken, r.Form["refresh_token"]...)
		add(aVerifier, r.Form["code_verifier"]...)
		add(aCode, r.Form["code"]...)
		add(aDeviceCode, r.Form["device_code"]...)
		add(aState, r.Query["state"]...)
		add(aNonce, r.Query["nonce"]...)
	}
	add(aRefreshToken, k.idp.RefreshTokens()...)
	last := k.idp.LastTokens()
	add(anAccessToken, last.AccessToken)
	add(anIDToken, last.IDToken)
	for _, keys := range k.sts.Issued() {
		add(anAWSKey, keys.SecretAccessKey, keys.SessionToken)
	}
}

// spellings are the forms in which a secret is looked for.
func spellings(kind, v string) []string {
	all := []string{v, url.QueryEscape(v), hex.EncodeToString([]byte(v))}
	if kind == aNonce { // which an ID token carries in base64
		return all
	}
	for shift := range 3 { // base64 of a longer text that the secret is in
		enc := base64.RawURLEncoding.EncodeToString([]byte("xxx"[:shift] + v))
		enc = enc[(shift*8+5)/6 : len(enc)-2]
		all = append(all, enc, strings.NewReplacer("-", "+", "_", "/").Replace(enc))
	}
	return all
}

var authorizationURL = regexp.MustCompile(`https?://[^\s/]+/authorize\?[^\s"]+`)

// scan searches a text for every secret but those of the kinds allowed.
func (k *canary) scan(t *testing.T, where, text string, allowed ...string) {
	t.Helper()
	k.scanned++
	bare := authorizationURL.ReplaceAllString(text, "AUTHORIZATION-URL")
	for v, kind := range k.secrets {
		if slices.Contains(allowed, kind) {
			continue
		}
		in := text
		if kind == aState || kind == aNonce {
			in = bare
		}
		for _, s := range spellings(kind, v) {
			if at := strings.Index(in, s); at >= 0 {
				t.Errorf("%s: a %s is in it: …%q…", where, kind, in[max(0, at-80):min(len(in), at+len(s)+20)])
				break
			}
		}
	}
}

// search looks at all that a finished process has left.
func (k *canary) search(t *testing.T, what string, o outcome, allowed ...string) {
	t.Helper()
	k.learn(t)
	k.scan(t, what+": stdout", o.stdout, allowed...)
	k.scan(t, what+": stderr", o.stderr)
	for name, text := range files(t, k.dumps) {
		k.scan(t, what+": the browser's "+filepath.Ext(name), string(text))
	}
	for name, text := range files(t, k.logs) {
		k.scan(t, what+": log file "+name, string(text))
	}
	k.searchTrail(t, what)
	for name, text := range files(t, k.dir) {
		room, _, _ := strings.Cut(name, "/")
		k.scan(t, what+": file "+name, string(text), mayHold[room]...)
	}
}

// device approves every device code until the process has ended.
func (k *canary) device(p *proc) {
	for p.running() {
		for _, code := range k.idp.PendingUserCodes() {
			_ = k.idp.ApproveDevice(code)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// call runs a command and searches.
func (k *canary) call(t *testing.T, code int, allowed []string, args ...string) {
	t.Helper()
	p := k.start(t, args...)
	go k.device(p)
	o := p.wait(t)
	what := strings.Join(args, " ")
	if o.code != code {
		t.Errorf("%s: exit code %d, want %d: %s", what, o.code, code, o.stderr)
	}
	if o.code == 0 && args[0] != "login" && len(o.stdout) < 20 {
		t.Errorf("%s: stdout %q", what, o.stdout)
	}
	k.search(t, what, o, allowed...)
}

// TestCanary: every command, by every flow, cached and refreshed, at every log
// level.
func TestCanary(t *testing.T) {
	t.Parallel()
	k := newCanary(t, providertest.Config{ResponseIss: true})
	talk := [][]string{{}, {"-v"}, {"--log-level", "debug"},
		{"--explain", "--log-level", "debug", "--log-file", filepath.Join(k.logs, "log")}}
	outputs := []struct {
		allowed string
		args    []string
	}{
		{anIDToken, []string{"kube"}},
		{anAWSKey, []string{"aws"}},
		{anAccessToken, []string{"token"}},
		{anAccessToken, []string{"token", "-o", "header"}},
		{anAccessToken, []string{"token", "-o", "json", "-n"}},
		{anIDToken, []string{"token", "--token-type", "id"}},
	}
	for i, extra := range talk {
		for _, flow := range []string{"pkce", "device"} {
			k.call(t, 0, nil, append([]string{"login", "--flow", flow}, extra...)...)
		}
		for j, out := range outputs {
			if !soaking() && (i+j)%2 == 1 {
				continue
			}
			args := append(slices.Clone(out.args), extra...)
			k.call(t, 0, []string{out.allowed}, args...)
			k.expire(t)
			k.call(t, 0, []string{out.allowed}, args...)
			k.call(t, 0, []string{out.allowed}, append(args, "--force")...)
		}
	}
	// The first sign-in of a call, instead of login's.
	restore(t, k.dir, nil)
	k.call(t, 0, []string{anIDToken}, "kube", "--flow", "pkce", "--log-level", "debug")
	restore(t, k.dir, nil)
	k.call(t, 0, []string{anAWSKey}, "aws", "--flow", "device", "--log-level", "debug")

	found := map[string]int{}
	for _, kind := range k.secrets {
		found[kind]++
	}
	t.Logf("%d events; %d texts searched for %d secrets: %v", k.events, k.scanned, len(k.secrets), found)
	if k.events < 30 {
		t.Errorf("only %d events were recorded", k.events)
	}
	for _, kind := range []string{aRefreshToken, anAccessToken, anIDToken, anAWSKey, aClientSecret, aVerifier, aCode,
		aDeviceCode, aState, aNonce} {
		if found[kind] == 0 {
			t.Errorf("this test has seen no %s; kinds seen: %v", kind, slices.Sorted(maps.Keys(found)))
		}
	}
}

// TestCanaryCrash: SIGABRT makes Go print its goroutines, with every GOTRACEBACK, while
// the process holds a refresh token, a client secret, a verifier, a device code.
func TestCanaryCrash(t *testing.T) {
	t.Parallel()
	k := newCanary(t, providertest.Config{LoginForm: true, RotationGrace: time.Hour})
	k.call(t, 0, nil, "login", "--flow", "device")
	const sig = syscall.SIGABRT
	for _, traceback := range []string{"all", "system", "crash"} {
		k.setenv("GOTRACEBACK", traceback)
		k.expire(t)
		g := k.gate(t)
		k.crash(t, sig, []string{"kube", "--log-level", "debug"}, func(*proc) bool { return len(g.arrived) > 0 })
		g.open()
		k.idp.Edit(providertest.RefreshToken, nil)
		k.crash(t, sig, []string{"login", "--flow", "device"}, func(*proc) bool { return k.idp.Requests().DeviceCode > 0 })
		k.crash(t, sig, []string{"login", "--flow", "pkce"}, func(*proc) bool { return k.idp.Requests().Authorize > 0 })
		k.setenv("GOTRACEBACK", "single")
		k.call(t, 0, []string{anIDToken}, "kube")
	}
}

// crash runs a command, ends it by a signal once it is ready, and searches.
func (k *canary) crash(t *testing.T, sig syscall.Signal, args []string, ready func(*proc) bool) {
	t.Helper()
	k.learn(t)
	k.idp.ResetRequests()
	p := k.start(t, args...)
	until(t, strings.Join(args, " ")+" is at work", func() bool { return ready(p) || !p.running() })
	p.signal(sig)
	o := p.wait(t)
	if !strings.Contains(o.stderr, "goroutine ") {
		t.Errorf("%v: no goroutine dump: exit code %d, %q", sig, o.code, o.stderr)
	}
	k.search(t, fmt.Sprintf("%s ended by %v", strings.Join(args, " "), sig), o)
}

// TestNoCoreFile: the memory of a process that holds secrets is not written to
// a file, whatever limits it was started with.
func TestNoCoreFile(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.expire(t)
	g := b.gate(t)
	p := startCommand(t, b.env, "/bin/sh", "-c", `ulimit -S -c "$(ulimit -H -c)"; exec "$0" kube`, b.bin)
	g.wait(t)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.pid()))
	if err != nil {
		t.Fatal(err)
	}
	g.open()
	p.wait(t)
	line := regexp.MustCompile(`(?m)^Max core file size +(\S+).*$`).FindStringSubmatch(string(limits))
	if line == nil || line[1] != "0" {
		t.Errorf("a core file could be written: %q", line)
	}
}

// TestCanaryHostileProvider: the token endpoint turns on its client, and sends
// back what it was sent, wherever it may put text.
func TestCanaryHostileProvider(t *testing.T) {
	t.Parallel()
	evil := &hostile{}
	server := httptest.NewTLSServer(evil)
	t.Cleanup(server.Close)
	k := newCanary(t, providertest.Config{EditMetadata: func(m map[string]any) {
		m["token_endpoint"] = server.URL +
			"/token"
	}})
	ca := filepath.Join(t.TempDir(), "both.pem")
	both := append(k.idp.CAPEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})...)
	if err := os.WriteFile(ca, both, 0o600); err != nil {
		t.Fatal(err)
	}
	k.setenv("SSO_EXEC_CA_FILE", ca)
	evil.behind = k.idp
	k.call(t, 0, nil, "login", "--flow", "pkce")
	good := files(t, k.dir)

	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{{"kube"}, {"login", "--flow", "pkce"}, {"login", "--flow", "device"}} {
				restore(t, k.dir, good)
				k.expire(t)
				evil.set(answer)
				p := k.start(t, append(args, "--login-timeout", "3s", "--log-level", "debug", "--log-file",
					filepath.Join(k.logs, name))...)
				go k.device(p)
				o := p.wait(t)
				evil.set(nil)
				for v, kind := range evil.seen() {
					k.secrets[v] = kind
				}
				k.search(t, strings.Join(args, " "), o, anIDToken, anAccessToken)
			}
		})
	}
}

// answers are what the hostile endpoint makes of an echo.
var answers = map[string]func(w http.ResponseWriter, echo string){
	"error_description": func(w http.ResponseWriter, echo string) {
		tell(w, 401, map[string]any{"error": "invalid_client", "error_description": echo})
	},
	"invalid_grant": func(w http.ResponseWriter, echo string) {
		tell(w, 400, map[string]any{"error": "invalid_grant", "error_description": "bad: " + echo})
	},
	"error": func(w http.ResponseWriter, echo string) { tell(w, 400, map[string]any{"error": echo}) },
	"token_type": func(w http.ResponseWriter, echo string) {
		tell(w, 200, map[string]any{"access_token": "x", "token_type": echo})
	},
	"page": func(w http.ResponseWriter, echo string) {
		w.Header().Set("Content-Type", "text/"+echo)
		_, _ = w.Write([]byte("<html>" + echo))
	},
	"unavailable": func(w http.ResponseWriter, echo string) { tell(w, 503, map[string]any{"error_description": echo}) },
	"redirect": func(w http.ResponseWriter, echo string) {
		w.Header().Set("Location", "https://elsewhere.example/?"+echo)
		w.WriteHeader(307)
	},
}

// TestRefreshTokenStaysWithItsHost: the provider's metadata names a token
// endpoint elsewhere one day. The refresh token does not go there.
func TestRefreshTokenStaysWithItsHost(t *testing.T) {
	b := newBench(t, providertest.Config{})
	evil := providertest.New(t, providertest.Config{})
	b.setenv("SSO_EXEC_CA_DATA", base64.StdEncoding.EncodeToString(evil.CAPEM()))
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.idp.Edit(providertest.Discovery, providertest.With("token_endpoint", evil.Issuer()+"/token"))
	if err := os.RemoveAll(filepath.Join(b.dir, "providers")); err != nil { // it is asked for again
		t.Fatal(err)
	}
	b.expire(t)
	o := b.run("kube", "--interactive", "never")
	if o.code != exitOther || o.stdout != "" || !strings.Contains(o.stderr, "has moved") {
		t.Errorf("exit code %d, stdout %q, stderr %q", o.code, o.stdout, o.stderr)
	}
	if n := evil.Requests().All; n != 0 || !b.live(t) {
		t.Errorf("%d requests to the other host; the stored token is live: %v", n, b.live(t))
	}
}
