package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
	ago, soon := time.Now().Add(-10*time.Minute).UTC().Format(time.RFC3339),
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	refusal := func(code string) string {
		return `<ErrorResponse><Error><Type>Sender</Type><Code>` + code +
			`</Code><Message>not yours</Message></Error></ErrorResponse>`
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
		{"no envelope", 403, `<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>`, 1,
			"AccessDenied (not yours)", ""},
		{"EC2's envelope", 403,
			`<Response><Errors><Error><Code>AccessDenied</Code><Message>not yours</Message></Error></Errors></Response>`, 1,
			"AccessDenied (not yours)", ""},
		{"message first", 403, `<Error><Message>not <![CDATA[yours]]></Message><Code>AccessDenied</Code></Error>`, 1,
			"AccessDenied (not yours)", ""},
		{"a prefix", 403, `<a:ErrorResponse xmlns:a="x"><a:Error><a:Code>AccessDenied</a:Code><a:Message>not yours</a:Message></a:Error></a:ErrorResponse>`, 1, "AccessDenied (not yours)", ""},
		{"HTML's entities", 403, `<Error><Code>AccessDenied</Code><Message>not&nbsp;yours</Message></Error>`, 1,
			"AccessDenied", ""},
		{"another encoding", 403, latin1("iso-8859-15", refusal("AccessDenied")), 1, "AccessDenied (not yours)", ""},
		{"JSON", 403, `{"Error":{"Code":"AccessDenied","Message":"not yours"}}`, 1, "AccessDenied (not yours)", ""},
		{"JSON with a type", 400, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not yours"}`, 1,
			"AccessDeniedException (not yours)", ""},
		{"hostile words", 403, "<Error><Code>Access\u009b2JDenied</Code><Message>\u202enot\u0085 yours</Message></Error>", 1,
			"refused: Access", ""},
		{"trouble without an envelope", 500,
			`<ErrorResponse><Error><Code>InternalFailure</Code><Message>x</Message></Error></ErrorResponse>`, 5,
			"InternalFailure (x)", ""},
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
				if left, _ := filepath.Glob(filepath.Join(own.dir, "derived", "*", "*.json")); c.code != 0 &&
					(o.stdout != "" || len(left) > 0) {
					t.Errorf("%v: stdout %q, stored %v", command, o.stdout, left)
				}
				if c.code != 0 || command[0] != "aws" {
					continue
				}
				var doc struct {
					AccessKeyId, SecretAccessKey, SessionToken,
					Expiration string
				} //nolint:revive // as in the document
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
	t.Parallel()
	b := newBench(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "SSO_EXEC_ROLE_ARN="+someRole,
		"SSO_EXEC_BROWSER=testbrowser")
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
		if o.code != c.code || len(log) != c.requests || o.code != 0 && !strings.Contains(o.stderr, c.fails[0]) ||
			(o.stdout == "") != (c.code != 0 || c.args[0] == "run") {
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
