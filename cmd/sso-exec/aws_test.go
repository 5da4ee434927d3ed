package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

const someRole = "arn:aws:iam::123456789012:role/dev"

// anySTS answers each request as it is told, whatever is asked.
type anySTS struct {
	mu     sync.Mutex
	status int
	body   string
	roles  []string // that were asked for, one a request
}

func (s *anySTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles = append(s.roles, r.FormValue("RoleArn"))
	if strings.Contains(r.Header.Get("Accept"), "json") { // as AWS does
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"AssumeRoleWithWebIdentityResponse":{}}`)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// say sets the answer, and forgets what was asked.
func (s *anySTS) say(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body, s.roles = status, body, nil
}

func (s *anySTS) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.roles)
}

// keysUntil is STS's answer with keys that end then; parts are pairs of an
// element and what stands in it instead.
func keysUntil(end string, parts ...string) string {
	text := `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
		`<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s3cr/et+</SecretAccessKey><SessionToken>tok/en==</SessionToken><Expiration>` +
		end + `</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
	return strings.NewReplacer(parts...).Replace(text)
}

// TestSTSAnswers: whatever STS answers, there are whole keys that live, or none.
func TestSTSAnswers(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	const year2030 = "2030-01-02T03:04:05Z"
	good := keysUntil(year2030)
	ago, soon := time.Now().Add(-10*time.Minute).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	refusal := func(code string) string {
		return `<ErrorResponse><Error><Type>Sender</Type><Code>` + code + `</Code><Message>not yours</Message></Error></ErrorResponse>`
	}
	latin1 := func(encoding, text string) string { return `<?xml version="1.0" encoding="` + encoding + `"?>` + text }
	others := [][]string{{"run", "--", "env"}, {"run", "--renew", "--", "env"}} // in turns
	for i, c := range []struct {
		name   string
		status int
		body   string
		code   int
		says   string // on stderr
		end    string // in the document
	}{
		{"as AWS writes it", 200, good, 0, "", year2030},
		{"+0000", 200, keysUntil("2030-01-02T03:04:05+0000"), 0, "", year2030},
		{"+01:00", 200, keysUntil("2030-01-02T04:04:05+01:00"), 0, "", year2030},
		{"-03", 200, keysUntil("2030-01-02T00:04:05-03"), 0, "", year2030},
		{"fraction", 200, keysUntil("2030-01-02T03:04:05.123456Z"), 0, "", year2030},
		{"lower case", 200, keysUntil("2030-01-02t03:04:05z"), 0, "", year2030},
		{"no zone", 200, keysUntil("2030-01-02 03:04:05"), 0, "", year2030},
		{"basic", 200, keysUntil("20300102T030405Z"), 0, "", year2030},
		{"in lines", 200, keysUntil("\n  2030-01-02T03:04:05Z\n"), 0, "", year2030},
		{"ISO-8859-1", 200, latin1("ISO-8859-1", good), 0, "", year2030},
		{"US-ASCII", 200, latin1("US-ASCII", good), 0, "", year2030},
		{"windows-1252", 200, latin1("windows-1252", "<!-- \xe9 -->"+good), 0, "", year2030},
		{"byte order mark", 200, "\ufeff" + latin1("utf-8", good), 0, "", year2030},

		{"ended", 200, keysUntil(ago), 5, "have expired", ""},
		{"no time", 200, keysUntil("tomorrow"), 5, "when the keys end", ""},
		{"no end", 200, keysUntil(""), 5, "when the keys end", ""},
		{"line break in the secret", 200, keysUntil(soon, "s3cr/et+", "s3cr\net"), 5, "characters that no key has", ""},
		{"line break at its end", 200, keysUntil(soon, "s3cr/et+", "s3cr\n"), 5, "characters that no key has", ""},
		{"carriage return in the token", 200, keysUntil(soon, "tok/en==", "tok&#13;en"), 5, "characters that no key has", ""},
		{"space in the ID", 200, keysUntil(soon, "ASIAEXAMPLE", "ASIA EXAMPLE"), 5, "characters that no key has", ""},
		{"tab in the ID", 200, keysUntil(soon, "ASIAEXAMPLE", "ASIA\tEXAMPLE"), 5, "characters that no key has", ""},
		{"not ASCII", 200, keysUntil(soon, "s3cr/et+", "s3cr\u00e9t"), 5, "characters that no key has", ""},
		{"escape", 200, keysUntil(soon, "tok/en==", "tok\u009b2J"), 5, "characters that no key has", ""},
		{"a part is missing", 200, keysUntil(soon, "s3cr/et+", ""), 5, "lacks a part", ""},

		{"AWS's envelope", 403, refusal("AccessDenied"), 1, "AccessDenied (not yours)", ""},
		{"no envelope", 403, `<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>`, 1, "AccessDenied (not yours)", ""},
		{"EC2's envelope", 403, `<Response><Errors><Error><Code>AccessDenied</Code><Message>not yours</Message></Error></Errors></Response>`, 1, "AccessDenied (not yours)", ""},
		{"message first", 403, `<Error><Message>not <![CDATA[yours]]></Message><Code>AccessDenied</Code></Error>`, 1, "AccessDenied (not yours)", ""},
		{"a prefix", 403, `<a:ErrorResponse xmlns:a="x"><a:Error><a:Code>AccessDenied</a:Code><a:Message>not yours</a:Message></a:Error></a:ErrorResponse>`, 1, "AccessDenied (not yours)", ""},
		{"HTML's entities", 403, `<Error><Code>AccessDenied</Code><Message>not&nbsp;yours</Message></Error>`, 1, "AccessDenied", ""},
		{"another encoding", 403, latin1("iso-8859-15", refusal("AccessDenied")), 1, "AccessDenied (not yours)", ""},
		{"JSON", 403, `{"Error":{"Code":"AccessDenied","Message":"not yours"}}`, 1, "AccessDenied (not yours)", ""},
		{"JSON with a type", 400, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not yours"}`, 1, "AccessDeniedException (not yours)", ""},
		{"hostile words", 403, "<Error><Code>Access\u009b2JDenied</Code><Message>\u202enot\u0085 yours</Message></Error>", 1, "refused: Access", ""},
		{"trouble without an envelope", 500, `<ErrorResponse><Error><Code>InternalFailure</Code><Message>x</Message></Error></ErrorResponse>`, 5, "InternalFailure (x)", ""},
		{"trouble", 503, `<Error><Code>SlowDown</Code><Message>x</Message></Error>`, 5, "SlowDown (x)", ""},
		{"trouble by its code", 400, refusal("ThrottledException"), 5, "ThrottledException", ""},
		{"trouble of a proxy", 502, `<html><body>bad gateway</body></html>`, 5, "status 502", ""},
		{"never known", 400, refusal("InvalidIdentityToken"), 1, "InvalidIdentityToken", ""},
		{"no envelope at all", 403, `forbidden`, 5, "status 403", ""},
		{"a maximum", 400, `<ErrorResponse><Error><Code>ValidationError</Code><Message>The requested DurationSeconds exceeds the MaxSessionDuration set for this role.</Message></Error></ErrorResponse>`,
			1, "exceeds the MaxSessionDuration set for this role.)\n  give a --duration", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sts := &anySTS{status: c.status, body: c.body}
			srv := httptest.NewServer(sts)
			defer srv.Close()
			for _, command := range [][]string{{"aws"}, others[i%2]} {
				own := b.copyOf(t)
				own.env = append(own.env, "SSO_EXEC_STS_ENDPOINT="+srv.URL, "SSO_EXEC_ROLE_ARN="+someRole)
				before := len(sts.asked())
				o := own.run(command...)
				if o.code != c.code || !strings.Contains(o.stderr, c.says) || strings.ContainsAny(o.stderr, "\u009b\u202e\u0085") {
					t.Errorf("%v: exit code %d, stderr %q", command, o.code, o.stderr)
				}
				if n := len(sts.asked()) - before; n > 3 || c.code == 1 && c.says != "InvalidIdentityToken" && n != 1 {
					t.Errorf("%v: %d requests", command, n)
				}
				if left, _ := filepath.Glob(filepath.Join(own.dir, "derived", "*", "*.json")); c.code != 0 && (o.stdout != "" || len(left) > 0) {
					t.Errorf("%v: stdout %q, stored %v", command, o.stdout, left)
				}
				if c.code != 0 || command[0] != "aws" {
					continue
				}
				var doc struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } //nolint:revive // as in the document
				if err := json.Unmarshal([]byte(o.stdout), &doc); err != nil || doc.Expiration != c.end ||
					doc.AccessKeyId != "ASIAEXAMPLE" || doc.SecretAccessKey != "s3cr/et+" || doc.SessionToken != "tok/en==" {
					t.Errorf("%v, %s", err, o.stdout)
				}
			}
		})
	}
}

// copyOf is the same bench with a cache of its own, as it is now.
func (b *bench) copyOf(t *testing.T) *bench {
	t.Helper()
	own := *b
	own.dir = filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(own.dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	// CopyFS makes what the umask allows.
	err := filepath.WalkDir(own.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
	own.env = append(slices.Clone(b.env), "SSO_EXEC_CACHE_DIR="+own.dir)
	return &own
}

// TestSTSKnowsTheTokenLater: STS fetches the provider's keys itself, and may come
// too late for a token that is new.
func TestSTSKnowsTheTokenLater(t *testing.T) {
	b := newBench(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "SSO_EXEC_ROLE_ARN="+someRole, "SSO_EXEC_BROWSER=testbrowser")
	const not = "InvalidIdentityToken"
	for _, c := range []struct {
		name     string
		fails    []string
		shift    time.Duration // of what is stored, before
		args     []string
		code     int
		requests int
	}{
		{"a new token", []string{not, not}, 0, []string{"aws"}, 0, 3},
		{"one that is stored", []string{not, not}, 0, []string{"aws", "--force"}, 0, 3},
		{"the SDKs' name of it", []string{not + "Exception"}, 0, []string{"aws", "--force"}, 0, 2},
		{"with other trouble", []string{"Throttling", not}, 0, []string{"run", "--force", "--", "true"}, 0, 3},
		{"a token that has ended", []string{"ExpiredTokenException"}, 0, []string{"aws", "--force"}, 0, 2},
		{"keys that are due serve", []string{not, not, not}, 50 * time.Minute, []string{"aws"}, 0, 3},
		{"but not if they have ended", []string{not, not, not}, 70 * time.Minute, []string{"aws"}, 1, 3},
		{"for good", []string{"AccessDenied"}, 0, []string{"aws"}, 1, 1},
	} {
		if c.shift > 0 {
			b.mustRun(t, "aws", "--force")
			b.shiftIn(t, "derived", -c.shift)
		}
		before := len(sts.Log())
		sts.FailNext(c.fails...)
		o := b.run(c.args...)
		log := sts.Log()[before:]
		if o.code != c.code || len(log) != c.requests || o.code != 0 && !strings.Contains(o.stderr, c.fails[0]) || (o.stdout == "") != (c.code != 0 || c.args[0] == "run") {
			t.Errorf("%s: exit code %d, %d requests\n%s%s", c.name, o.code, len(log), o.stdout, o.stderr)
		}
	}
	// All who wait for one of them come to the same end.
	b.mustRun(t, "aws", "--force")
	b.shiftIn(t, "derived", -50*time.Minute)
	before := len(sts.Log())
	sts.FailNext(slices.Repeat([]string{not}, 30)...)
	for i, o := range b.storm(5, "aws") {
		if o.code != 0 || !json.Valid([]byte(o.stdout)) {
			t.Errorf("process %d: exit code %d, %s", i, o.code, o.stderr)
		}
	}
	if n := len(sts.Log()) - before; n < 3 || n > 15 {
		t.Errorf("%d requests", n)
	}
}

// TestWhichSTS: an ID token goes where AWS's own tools would send it, and never
// to another partition.
func TestWhichSTS(t *testing.T) {
	b := newBench(t, providertest.Config{})
	world := hosted.New(t)
	sts := &anySTS{status: 200, body: keysUntil("2030-01-02T03:04:05Z")}
	srv := httptest.NewServer(sts)
	t.Cleanup(srv.Close)
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, slices.Concat(b.idp.CAPEM(), world.CAPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "HTTPS_PROXY="+world.Proxy, "SSO_EXEC_CA_FILE="+both)
	b.mustRun(t, "login", "--browser", "testbrowser")
	gov, cn := strings.Replace(someRole, "aws", "aws-us-gov", 1), strings.Replace(someRole, "aws", "aws-cn", 1)
	type env = []string
	others := []env{{"run", "--aws", "--", "true"}, {"run", "--renew", "--", "true"}} // in turns
	for i, c := range []struct {
		role string
		env  env
		args []string
		host string // that is asked; "local": srv; empty: nobody, exit code 2
		says string // then
	}{
		{someRole, nil, nil, "sts.amazonaws.com", ""},
		{someRole, nil, env{"--region", "aws-global"}, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_REGION=eu-central-1"}, nil, "sts.eu-central-1.amazonaws.com", ""},
		{someRole, env{"AWS_REGION=eu-central-1\r"}, nil, "sts.eu-central-1.amazonaws.com", ""},
		{someRole, env{"AWS_DEFAULT_REGION=eu-west-1"}, nil, "sts.eu-west-1.amazonaws.com", ""},
		{someRole, env{"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-central-1"}, env{"--region", "us-west-2"}, "sts.us-west-2.amazonaws.com", ""},
		{gov, nil, nil, "sts.us-gov-west-1.amazonaws.com", ""},
		{gov, env{"AWS_REGION=us-gov-east-1"}, nil, "sts.us-gov-east-1.amazonaws.com", ""},
		{gov, env{"AWS_REGION=us-east-1"}, nil, "", "--region"},
		{gov, nil, env{"--region", "eu-central-1"}, "", "aws-us-gov"},
		{gov, nil, env{"--region", "aws-global"}, "", "--region"},
		{someRole, nil, env{"--region", "us-gov-west-1"}, "", "--region"},
		{someRole, nil, env{"--region", "cn-north-1"}, "", "aws-cn"},
		{cn, nil, nil, "sts.cn-north-1.amazonaws.com.cn", ""},
		{cn, nil, env{"--region", "us-east-1"}, "", "--region"},
		{"arn:aws-eusc:iam::123456789012:role/dev", nil, nil, "sts.eusc-de-east-1.amazonaws.eu", ""},
		{"arn:aws-new:iam::123456789012:role/dev", nil, nil, "", "--sts-endpoint"},
		{"arn:minio:iam:::role/dev", env{"AWS_REGION=us-east-1"}, nil, "", "--sts-endpoint"},
		{"urn:s3:iam:::role/x", nil, nil, "", "--sts-endpoint"},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=us-east-1"}, nil, "sts-fips.us-east-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=True"}, nil, "sts-fips.us-east-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=FALSE", "AWS_USE_DUALSTACK_ENDPOINT="}, nil, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_USE_FIPS_ENDPOINT=yes"}, nil, "", "AWS_USE_FIPS_ENDPOINT"},
		{gov, env{"AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=us-gov-west-1"}, nil, "sts.us-gov-west-1.amazonaws.com", ""},
		{someRole, env{"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_REGION=eu-central-1"}, nil, "sts.eu-central-1.api.aws", ""},
		{cn, env{"AWS_USE_DUALSTACK_ENDPOINT=true"}, nil, "sts.cn-north-1.api.amazonwebservices.com.cn", ""},
		{someRole, env{"AWS_USE_DUALSTACK_ENDPOINT=1"}, nil, "", "AWS_USE_DUALSTACK_ENDPOINT"},
		{someRole, env{"AWS_ENDPOINT_URL_STS=" + srv.URL}, nil, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL=" + srv.URL}, nil, "local", ""},
		{gov, env{"AWS_ENDPOINT_URL_STS=" + srv.URL, "AWS_ENDPOINT_URL=https://a.example", "AWS_REGION=eu-central-1"}, nil, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=https://a.example"}, env{"--sts-endpoint", srv.URL}, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=http://10.0.0.7"}, env{"--sts-endpoint", srv.URL}, "local", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=" + srv.URL, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, nil, "sts.amazonaws.com", ""},
		{someRole, env{"AWS_ENDPOINT_URL_STS=http://10.0.0.7"}, nil, "", "AWS_ENDPOINT_URL_STS"},
		{someRole, env{"AWS_ENDPOINT_URL=http://localhost:4566"}, nil, "", "AWS_ENDPOINT_URL"},
		{someRole, env{"AWS_ENDPOINT_URL=sts.amazonaws.com"}, nil, "", "AWS_ENDPOINT_URL"},
		{"urn:s3:iam:::role/x", env{"AWS_ENDPOINT_URL_STS=" + srv.URL}, nil, "local", ""},
		{"urn:s3:iam:::role/x", nil, env{"--sts-endpoint", srv.URL}, "local", ""},
		{"Rolle für alle, " + strings.Repeat("x", 2032), nil, env{"--sts-endpoint", srv.URL}, "local", ""},
		{strings.Repeat("x", 2049), nil, env{"--sts-endpoint", srv.URL}, "", "--role-arn"},
		{"urn:\x1b[2J", nil, env{"--sts-endpoint", srv.URL}, "", "--role-arn"},
	} {
		world.Handle(c.host, sts)
		for _, command := range []env{{"aws"}, others[i%2]} {
			own := *b
			own.env = append(slices.Clone(b.env), c.env...)
			own.env = append(own.env, "SSO_EXEC_ROLE_ARN="+c.role)
			sts.say(sts.status, sts.body)
			before := len(world.Requests())
			o := own.run(slices.Concat(command[:1], env{"--force"}, c.args, command[1:])...)
			asked, hosts := sts.asked(), world.Requests()[before:]
			name := fmt.Sprintf("%.40q %q %.60q %q", c.role, c.env, c.args, command)
			switch {
			case c.host == "":
				if o.code != 2 || len(asked) > 0 || len(hosts) > 0 || !strings.Contains(o.stderr, c.says) || strings.Contains(o.stderr, "\x1b") {
					t.Errorf("%s: exit code %d, asked %q, stderr %q", name, o.code, hosts, o.stderr)
				}
			case o.code != 0 || !slices.Equal(asked, env{c.role}):
				t.Errorf("%s: exit code %d, asked for %q\n%s", name, o.code, asked, o.stderr)
			case c.host == "local" && len(hosts) > 0, c.host != "local" && !slices.Equal(hosts, env{"POST " + c.host + "/"}):
				t.Errorf("%s: asked %q", name, hosts)
			}
		}
	}
}

// TestCABundle: AWS_CA_BUNDLE vouches for STS, and for nobody else.
func TestCABundle(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	sts := &anySTS{status: 200, body: keysUntil("2030-01-02T03:04:05Z")}
	srv := httptest.NewTLSServer(sts)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	home := t.TempDir()
	bundle := filepath.Join(home, "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+srv.URL, "SSO_EXEC_ROLE_ARN="+someRole)
	with := func(env ...string) *bench {
		own := *b
		own.env = append(slices.Clone(b.env), env...)
		return &own
	}
	trusting := with("AWS_CA_BUNDLE=" + bundle)
	for _, command := range [][]string{{"aws", "--force"}, {"run", "--force", "--", "true"}, {"run", "--renew", "--force", "--", "true"}} {
		trusting.mustRun(t, command...)
	}
	with("AWS_CA_BUNDLE=~/bundle.pem", "HOME="+home).mustRun(t, "aws", "--force")
	sts.say(200, "")
	trusting.mustRun(t, "aws") // from the cache
	// Keys that came under other roots are not for those who do not trust them.
	if o := b.run("aws"); o.code != 5 || o.stdout != "" {
		t.Errorf("without it: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if len(sts.asked()) > 0 {
		t.Error("STS was asked")
	}
	for _, value := range []string{bundle + ".none", os.DevNull} {
		if o := with("AWS_CA_BUNDLE="+value).run("aws", "--force"); o.code != 2 || !strings.Contains(o.stderr, "AWS_CA_BUNDLE") {
			t.Errorf("%s: exit code %d\n%s", value, o.code, o.stderr)
		}
	}
	// The provider's CA in it does not make the provider trusted.
	if err := os.WriteFile(bundle, b.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := with("AWS_CA_BUNDLE="+bundle, "SSO_EXEC_CA_FILE=").run("aws", "--browser", "testbrowser"); o.code != 5 || !strings.Contains(o.stderr, "certificate") {
		t.Errorf("the provider: exit code %d\n%s", o.code, o.stderr)
	}
}
