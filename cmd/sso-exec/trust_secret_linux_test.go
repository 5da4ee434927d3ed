package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestProfilesSecretUnderOtherRoots has a flag or a variable add a root, or name
// another server, next to a profile that has a secret.
func TestProfilesSecretUnderOtherRoots(t *testing.T) {
	w := newTrust(t, providertest.Config{Clients: []providertest.Client{{ID: "cli", Secret: "s3cret"}}})
	a, b := w.real, w.evil
	secret := w.file(t, "secret", "s3cret")
	both := w.file(t, "both.pem", b.pem+a.pem)
	rewritten := w.file(t, "same.pem",
		"\ufeffCorp's own root\r\n"+strings.ReplaceAll(a.pem, "\n", "\r\n")+"\r\nend\r\n"+a.pem)
	base := "version: 1\ndefault-profile: svc\nprofiles:\n  base:\n    issuer: https://" + theHost +
		"\n    client-id: cli\n    flow: client-credentials\n    ca-file: " + a.ca + "\n"
	svc := "  svc:\n    extends: base\n"
	kinds := map[string]string{
		"file":      base + svc + "    client-secret-file: " + secret + "\n",
		"command":   base + svc + "    client-secret-command: cat " + secret + "\n",
		"inherited": strings.Replace(base, "  base:\n", "  base:\n    client-secret-file: "+secret+"\n", 1) + svc,
		"token":     base + svc + "    subject-token-from: file:" + secret + "\n",
	}
	w.setenv("SSO_EXEC_ISSUER", "")
	w.setenv("SSO_EXEC_CLIENT_ID", "")
	for kind, text := range kinds {
		t.Run(kind, func(t *testing.T) {
			config := w.file(t, "config.yaml", text)
			w.dir = filepath.Join(t.TempDir(), "cache")
			own := []string{"SSO_EXEC_CACHE_DIR=" + w.dir, "SSO_EXEC_CONFIG=" + config}
			for _, c := range []struct {
				given, line string
				names       string // in the message
			}{
				{"", "token --ca-file " + b.ca, "Corp B"},
				{"", "token --ca-file " + both, "--ca-file"},
				{"", "kube --ca-data " + encoded(b.pem), "Corp B"},
				{"SSO_EXEC_CA_FILE=" + b.ca, "token", "SSO_EXEC_CA_FILE"},
				{"SSO_EXEC_CA_DATA=" + encoded(b.pem), "token --profile svc", "Corp B"},
				{"SSO_EXEC_CA_DATA=" + encoded(a.pem+b.pem), "run --token-env T -- env", "SSO_EXEC_CA_DATA"},
				{"SSO_EXEC_CA_DATA=" + encoded(b.pem), "login", "Corp B"},
				{"SSL_CERT_FILE=" + b.ca, "token", "Corp B"},
				{"SSL_CERT_FILE=" + both, "kube", "SSL_CERT_FILE"},
				{"SSL_CERT_DIR=" + b.dir, "login", "SSL_CERT_DIR"},
				{"", "token --profile svc --issuer https://evil.corp.example", "is not for the issuer"},
				{"SSO_EXEC_ISSUER=https://evil.corp.example", "token --profile svc", "is not for the issuer"},
				{"SSO_EXEC_ISSUER=https://evil.corp.example", "token", "no client ID"}, // the default is not used
			} {
				line := append(slices.Clone(own), strings.Fields(c.given)...)
				o := w.through(b, append(line, strings.Fields(c.line)...)...)
				if o.code != exitUsage || o.stdout != "" || !strings.Contains(o.stderr, c.names) {
					t.Errorf("%s %s: exit code %d, stdout %q, stderr %q", c.given, c.line, o.code, o.stdout, o.stderr)
				}
				if seen := b.got(); len(seen) > 0 {
					t.Errorf("%s %s: the other server was sent %q", c.given, c.line, seen)
				}
			}
			if kind == "token" { // this provider does not take it
				return
			}
			// The same set, and roots that nobody needs.
			for _, given := range []string{
				"", "SSO_EXEC_CA_FILE=" + rewritten, "SSO_EXEC_CA_DATA=" + encoded(a.pem), "SSL_CERT_FILE=" + b.ca,
			} {
				line := append(slices.Clone(own), strings.Fields(given)...)
				w.must(t, a, append(line, "token", "--force")...)
			}
			if n := len(filesIn(t, filepath.Join(w.dir, "sessions"))); n != 1 {
				t.Errorf("%d sessions, want the one", n)
			}
		})
	}
	// A secret of this run's own goes where this run says.
	w.must(t, b, "SSO_EXEC_CA_FILE="+b.ca, "token", "--store=none", "--issuer=https://"+theHost, "--client-id=cli",
		"--flow=client-credentials", "--client-secret-file="+secret)
	if !strings.Contains(strings.Join(b.got(), " "), "client_credentials") {
		t.Error("it did not get there")
	}
}

// filesIn lists the files of a directory.
func filesIn(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPlantedMetadata has runs under SSL_CERT_FILE leave metadata of somebody else's
// for runs without it.
func TestPlantedMetadata(t *testing.T) {
	w := newTrust(t, providertest.Config{})
	a, b := w.real, w.evil
	own := "SSO_EXEC_CA_FILE=" + a.ca
	for _, line := range []string{"login --session other", "kube --session another",
		"setup provider corp --yes --no-login --config " + filepath.Join(t.TempDir(), "new.yaml"),
	} {
		for _, variable := range []string{"SSL_CERT_FILE=" + b.ca, "SSL_CERT_DIR=" + b.dir} {
			w.must(t, b, append([]string{own, variable}, strings.Fields(line)...)...)
			if kept, err := os.ReadDir(filepath.Join(w.dir, "providers")); err == nil && len(kept) > 0 {
				t.Fatalf("%s %s: metadata was kept", variable, line)
			}
		}
	}
	w.must(t, a, own, "SSL_CERT_FILE="+b.ca, "login") // vouched for by --ca-file
	if n := len(filesIn(t, filepath.Join(w.dir, "providers"))); n != 1 {
		t.Errorf("%d files of metadata, want 1", n)
	}
	a.idp.ResetRequests()
	w.must(t, a, own, "kube", "--force")
	if n := a.idp.Requests(); n.All != 1 || n.RefreshToken != 1 {
		t.Errorf("requests of a refresh: %+v", n)
	}
}

// TestSessionOfVersion00 uses sessions that name no root: they need no sign-in, but go
// nowhere for the variables' sake.
func TestSessionOfVersion00(t *testing.T) {
	w := newTrust(t, providertest.Config{})
	a, b := w.real, w.evil
	own := "SSO_EXEC_CA_FILE=" + a.ca
	w.must(t, a, own, "login")
	session := filepath.Join(w.dir, "sessions", filesIn(t, filepath.Join(w.dir, "sessions"))[0].Name())
	if err := editJSON(session, func(doc map[string]any) { delete(doc, "root"); delete(doc, "extraRoots") }); err != nil {
		t.Fatal(err)
	}
	w.must(t, a, own, "kube", "--force")
	w.must(t, a, own, "SSL_CERT_FILE="+b.ca, "kube", "--force")
	if o := w.through(b, own, "SSL_CERT_FILE="+b.ca, "kube", "--force"); o.code != exitLogin || len(b.got()) > 0 {
		t.Errorf("%+v", o)
	}
	// By its ID it is reached as it was made, whatever variables say.
	id := strings.TrimSuffix(filepath.Base(session), ".json")[:12]
	o := w.through(b, "SSO_EXEC_CA_FILE="+b.ca, "logout", id)
	if !strings.Contains(o.stdout, "NOT revoked") || len(b.got()) > 0 {
		t.Errorf("logout: %+v", o)
	}
}

// TestLogoutWithAnotherCAFile has the file of a session's CA replaced.
func TestLogoutWithAnotherCAFile(t *testing.T) {
	w := newTrust(t, providertest.Config{})
	a, b := w.real, w.evil
	ca := w.file(t, "ca.pem", a.pem)
	w.must(t, a, "SSO_EXEC_CA_FILE="+ca, "login")
	if err := os.WriteFile(ca, []byte(b.pem), 0o600); err != nil {
		t.Fatal(err)
	}
	w.setenv("SSO_EXEC_ISSUER", "")
	w.setenv("SSO_EXEC_CLIENT_ID", "")
	if o := w.through(b, "status", "--check"); o.code != exitLogin || len(b.got()) > 0 {
		t.Errorf("status: %+v", o)
	}
	if o := w.through(a, "SSO_EXEC_CA_FILE="+a.ca, "status", "--check"); o.code != 0 {
		t.Errorf("the same CA from elsewhere: %+v", o)
	}
	o := w.through(b, "logout", "--all")
	if o.code != 0 || !strings.Contains(o.stdout, "NOT revoked") || len(b.got()) > 0 {
		t.Errorf("logout: %+v", o)
	}
}

// TestWhoseAccount asks for another account by a parameter of the sign-in.
func TestWhoseAccount(t *testing.T) {
	b := newBench(t, providertest.Config{})
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "version: 1\nprofiles:\n  b:\n    auth-param: [hd=b.example]\n  hint:\n    login-hint: bob@b.example\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.setenv("SSO_EXEC_CONFIG", config)
	first := b.mustRun(t, "kube", "--browser", "testbrowser").stdout
	b.idp.SetUser(providertest.User{Subject: "bob", Email: "bob@b.example"})
	for _, line := range []string{
		"--auth-param hd=b.example", "--auth-param domain_hint=b.example", "--auth-param connection=b",
		"--auth-param kc_idp_hint=b", "--auth-param identity_provider=b", "--auth-param something=new",
		"--login-hint bob@b.example", "--profile b", "--profile hint",
		"SSO_EXEC_LOGIN_HINT=bob@b.example", "SSO_EXEC_AUTH_PARAM=hd=b.example",
	} {
		with, args := *b, append(strings.Fields(line), "--interactive", "never")
		if strings.HasPrefix(line, "SSO_EXEC_") {
			with.env, args = append(slices.Clone(b.env), line), args[1:]
		}
		bobs := func(o outcome) bool { return o.code == 0 && subject(t, o.stdout) == "bob" }
		// Another spelling of one that has signed in is that one's session.
		if o := with.run(append([]string{"kube"}, args...)...); o.code != exitLogin && !bobs(o) {
			t.Errorf("%s: %+v", line, o)
		}
		args[len(args)-1] = "auto"
		for _, more := range []string{"", "--force"} {
			o := with.run(slices.Concat([]string{"kube", "--browser", "testbrowser"}, args, strings.Fields(more))...)
			if !bobs(o) {
				t.Errorf("%s %s: %+v", line, more, o)
			}
		}
		b.idp.ResetRequests()
		if o := with.run(append([]string{"kube"}, args...)...); !bobs(o) || b.idp.Requests().All != 0 {
			t.Errorf("%s once more: %+v", line, o)
		}
	}
	b.idp.ResetRequests()
	for _, looks := range []string{"", "ui_locales=de", "display=popup", "prompt=login"} {
		line := strings.TrimSuffix("--auth-param="+looks, "--auth-param=")
		o := b.run(append([]string{"kube", "--interactive", "never"}, strings.Fields(line)...)...)
		if o.stdout != first || b.idp.Requests().All != 0 {
			t.Errorf("%s: %+v", line, o)
		}
	}
}

// subject reads whose ID token an ExecCredential has.
func subject(t *testing.T, doc string) string {
	t.Helper()
	var cred struct{ Status struct{ Token string } }
	if err := json.Unmarshal([]byte(doc), &cred); err != nil {
		return err.Error()
	}
	var claims struct{ Sub string }
	_, payload, _ := strings.Cut(cred.Status.Token, ".")
	payload, _, _ = strings.Cut(payload, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims.Sub
}

// TestDefaultProfile: it is used only where neither an issuer nor a client ID is given,
// by flag or variable, or where they are its own.
func TestDefaultProfile(t *testing.T) {
	b := newBench(t, providertest.Config{})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "version: 1\ndefault-profile: corp\nprofiles:\n  base:\n    issuer: " + b.idp.Issuer() +
		"\n    ca-file: " + ca +
		"\n  corp:\n    extends: base\n    client-id: cli\n    session: label-of-corp\n    browser: testbrowser\n"
	for path, text := range map[string]string{ca: string(b.idp.CAPEM()), config: text} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.setenv("SSO_EXEC_CONFIG", config)
	for _, name := range []string{"SSO_EXEC_ISSUER", "SSO_EXEC_CLIENT_ID", "SSO_EXEC_CA_FILE"} {
		b.setenv(name, "")
	}
	b.mustRun(t, "login")
	b.mustRun(t, "login", "--organization=org_1")
	b.setenv("SSO_EXEC_INTERACTIVE", "never")
	used := func(given []string, command string) (bool, outcome) {
		with := *b
		args := strings.Fields(command)
		for _, g := range given { // NAME=VALUE, or a flag
			if strings.HasPrefix(g, "SSO_EXEC_") {
				with.env = append(slices.Clone(with.env), g)
			} else {
				args = slices.Insert(args, 1, g)
			}
		}
		o := with.run(args...)
		return strings.Contains(o.stdout+o.stderr, "label-of-corp") || o.code == 0, o
	}
	own, other := b.idp.Issuer(), "https://other.corp.example"
	for _, c := range []struct {
		given []string
		used  bool
	}{
		{nil, true},
		{[]string{"--issuer=" + own}, true},
		{[]string{"SSO_EXEC_ISSUER=" + own}, true},
		{[]string{"--client-id=cli"}, true},
		{[]string{"SSO_EXEC_CLIENT_ID=cli"}, true},
		{[]string{"--issuer=" + own, "SSO_EXEC_CLIENT_ID=cli"}, true},
		{[]string{"--issuer=" + own, "SSO_EXEC_ISSUER=" + other}, true}, // the flag overrides it
		{[]string{"--issuer=" + other}, false},
		{[]string{"--issuer=" + own + "/"}, false},
		{[]string{"SSO_EXEC_ISSUER=" + other}, false},
		{[]string{"--client-id=other"}, false},
		{[]string{"SSO_EXEC_CLIENT_ID=other"}, false},
		{[]string{"--issuer=" + own, "--client-id=other"}, false},
		{[]string{"--client-id=cli", "SSO_EXEC_ISSUER=" + other}, false},
		{[]string{"--issuer=" + other, "--client-id=other"}, false},
		{[]string{"SSO_EXEC_ISSUER=" + other, "SSO_EXEC_CLIENT_ID=other"}, false},
	} {
		for _, command := range []string{"kube", "token", "whoami", "status", "run --token-env T -- true"} {
			if got, o := used(c.given, command); got != c.used {
				t.Errorf("%q %s: the default profile is used: %v, %+v", c.given, command, got, o)
			}
		}
		flags := flagsOf(c.given)
		o := b.run(slices.Concat([]string{"__complete", "org", "use"}, flags, []string{""})...)
		if strings.Contains(o.stdout, "org_1") != c.used {
			t.Errorf("%q completion: %+v", c.given, o)
		}
		if !c.used {
			o := b.run(slices.Concat([]string{"logout", "--http-timeout=1s"}, flags)...)
			if strings.Contains(o.stdout, "Signed out") {
				t.Errorf("%q logout: %+v", c.given, o)
			}
		}
	}
	b.mustRun(t, "token") // nobody has signed it out
}

// flagsOf turns variables into the flags that they stand for; a flag overrides them.
func flagsOf(given []string) (flags []string) {
	for _, g := range slices.Backward(given) {
		if name, ok := strings.CutPrefix(g, "SSO_EXEC_"); ok {
			name, value, _ := strings.Cut(name, "=")
			g = "--" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + "=" + value
		}
		flags = append(flags, g)
	}
	return flags
}

// TestGrantsThatLookAlike has two services whose token file and audience are the same
// words.
func TestGrantsThatLookAlike(t *testing.T) {
	b := newBench(t, providertest.Config{})
	dir := t.TempDir()
	for name, token := range map[string]string{"t": "token-of-t", "t blue": "token-of-t-blue"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.setenv("SSO_EXEC_ISSUER", "")
	b.setenv("SSO_EXEC_CLIENT_ID", "")
	for _, c := range []struct{ from, audience, want string }{
		{"t", "blue green", "token-of-t\n"}, {"t blue", "green", "token-of-t-blue\n"}, {"t", "blue green", "token-of-t\n"},
	} {
		o := b.run("token", "--flow=workload", "--subject-token-audience="+c.audience,
			"--subject-token-from=file:"+filepath.Join(dir, c.from))
		if o.stdout != c.want {
			t.Errorf("%q for %q: %+v", c.from, c.audience, o)
		}
	}
}
