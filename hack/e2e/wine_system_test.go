package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestAllWineAudit: the audit trail is a file in Windows' own place, and audit show reads
// it. A policy that is not the administrators' own lets nothing through: under Wine no
// other can be made, so that the event log is another test's.
func TestAllWineAudit(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	w.watched("kube", "--audit", "all").ok()
	var calls []*command
	for range 8 {
		calls = append(calls, w.sso("kube", "--force", "--interactive", "never"))
	}
	for _, r := range calls {
		w.document(r)
	}
	w.sso("logout").ok()
	w.refused(w.sso("kube", "--interactive", "never"), 3)

	type event struct{ Event, Issuer, Tool, Caller, Result, Flow string }
	var all []event
	read := func(text string) (events []event) {
		for line := range strings.Lines(text) {
			var e event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%v: %q", err, line)
			}
			if e.Issuer == w.idp.Issuer() {
				events = append(events, e)
			}
		}
		return events
	}
	text, err := os.ReadFile(filepath.Join(w.home, "AppData/Local/sso-exec/audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	all = read(string(text))
	counts := map[string]int{}
	for _, e := range all {
		counts[e.Event]++
	}
	t.Logf("%v, %+v", counts, all)
	if counts["sign-in"] != 1 || counts["cached"] == 0 || counts["refresh"] == 0 || counts["logout"] != 1 ||
		counts["refused"] != 1 || all[1].Caller != "wine.exe" {
		t.Errorf("%v", counts)
	}
	var shown struct{ Events []event }
	if err := json.Unmarshal([]byte(w.sso("audit", "show", "--since", "1h", "-o", "json").ok()), &shown); err != nil {
		t.Error(err)
	}
	ours := slices.DeleteFunc(shown.Events, func(e event) bool { return e.Issuer != w.idp.Issuer() })
	if !slices.Equal(ours, all) {
		t.Errorf("audit show: %+v\nthe file: %+v", ours, all)
	}

	w.write(filepath.Join(winePrefix(), "drive_c/ProgramData/sso-exec/policy.yaml"), "version: 1\naudit: required\n")
	w.refused(w.sso("kube", "--interactive", "never"), 6, `C:\ProgramData\sso-exec\policy.yaml`, "administrators")
	if out := w.sso("policy", "explain").wait(); !strings.Contains(out.stdout+out.stderr, "administrators") {
		t.Errorf("policy explain: %+v", out)
	}
}

// TestAllWineEventLog: the lines of a trail that is required reach the event log, which
// Wine has no more of than a trace of what it was given.
func TestAllWineEventLog(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.env = append(w.env, "WINEDEBUG=trace+eventlog")
	res := w.run(filepath.Join(w.bin, "internal.audit.test.exe"), "-test.run", "^TestEventLog$").wait()
	if res.code != 0 || !strings.Contains(res.stderr, `\"event\":\"sign-in\"`) ||
		!strings.Contains(res.stderr, `\"event\":\"logout\"`) {
		t.Errorf("%+v", res)
	}
}

// TestAllWineSecret: a client's secret from stdin and from a handle that the parent has
// given; what the parent has not given is refused, and says what to use.
func TestAllWineSecret(t *testing.T) {
	w := newWindows(t, providertest.Config{Clients: []providertest.Client{{ID: "service", Secret: secretOfBasic}}})
	ask := []string{onWindows(filepath.Join(w.bin, "sso-exec.exe")), "token", "--flow", "client-credentials",
		"--client-id", "service", "--store", "none"}
	file := filepath.Join(filepath.Dir(w.cache), "the secret")
	w.write(file, secretOfBasic+"\r\n")

	w.stdin = secretOfBasic + "\r\n"
	w.run(append(ask, "--client-secret-fd=0")...).ok()
	w.stdin = ""
	w.run(slices.Concat([]string{filepath.Join(w.bin, "wine.exe"), "inherit", onWindows(file)}, ask,
		[]string{"--client-secret-fd="})...).ok()
	w.run(append(ask, "--client-secret-file", onWindows(file))...).ok()

	n := w.idp.Requests().Token
	for _, fd := range []string{"3", "9", "400", "4096", "99999"} {
		w.refused(w.run(append(ask, "--client-secret-fd="+fd)...), 2,
			"sso-exec: --client-secret-fd "+fd+": no such descriptor", "--client-secret-file or --client-secret-command")
	}
	if more := w.idp.Requests().Token - n; more > 0 {
		t.Errorf("%d requests without a secret", more)
	}
	w.tty = newTerminal(t, 100, 50)
	r := w.run(append(ask, "--client-secret-fd=0")...)
	w.shows(r, "secrets are not read from terminals")
	<-r.done
}

// TestAllWineAWSConfig: setup aws where the config is named by a variable, is read-only,
// or is a directory.
func TestAllWineAWSConfig(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.env = append(w.env, "SSO_EXEC_CACHE_DIR=", "SSO_EXEC_CA_FILE=", `ELSEWHERE=C:\an other place`,
		`AWS_CONFIG_FILE=%ELSEWHERE%\aws config`)
	dir := filepath.Join(winePrefix(), "drive_c/an other place")
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "aws config")
	const before = "[default]\r\nregion = eu-central-1\r\n"
	w.write(file, before)
	setup := func(more ...string) result {
		return w.sso(slices.Concat([]string{"setup", "aws"}, more, []string{"--aws-profile", "corp", "--yes"})...).wait()
	}
	role := []string{"--role-arn", "arn:aws:iam::123456789012:role/r"}
	text := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}

	if res := setup(role...); res.code != 0 || !strings.HasPrefix(text(file), before) ||
		!strings.Contains(text(file), "credential_process") || text(file+".bak") != before ||
		strings.Contains(res.stderr, "warning") {
		t.Errorf("elsewhere: %+v\n%q", res, text(file))
	}
	t.Logf("%s", text(file))
	if res := setup("--remove"); res.code != 0 || text(file) != before {
		t.Errorf("--remove: %+v\n%q", res, text(file))
	}

	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	if res := setup(role...); res.code != 6 || text(file) != before || !strings.Contains(res.stderr, "it is read-only") {
		t.Errorf("read-only: %+v\n%q", res, text(file))
	}

	w.env = append(w.env, `AWS_CONFIG_FILE=C:\an other place`)
	if res := setup(role...); res.code == 0 || !strings.Contains(res.stderr, "not a regular file") {
		t.Errorf("a directory: %+v", res)
	}
}

// unixWords are what nobody on Windows can paste or has.
var unixWords = regexp.MustCompile(
	`\bexport |\bchmod\b|\bchown\b|\bsudo\b|\bsh -c\b|~/|/dev/|\bset HOME\b|\$[A-Z]|\bunset\b`)

// TestAllWineDoctor: doctor on Windows ends as what it found, and each check says
// something of this system.
func TestAllWineDoctor(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	type check struct{ Name, Result, Detail, Fix string }
	var doctor func(want int, env []string, args ...string) map[string]check
	doctor = func(want int, env []string, args ...string) map[string]check {
		t.Helper()
		other := *w
		other.env = append(slices.Clone(w.env), env...)
		res := other.sso(append([]string{"doctor"}, args...)...).wait()
		if len(args) == 0 {
			t.Logf("%q\n%s", env, res.stdout)
		}
		if res.code != want || res.stderr != "" {
			t.Errorf("doctor %q ended with %d, not %d: %s%s", args, res.code, want, res.stdout, res.stderr)
		}
		if found := unixWords.FindAllString(res.stdout, -1); len(found) > 0 {
			t.Errorf("doctor %q says %q", args, found)
		}
		if len(args) == 0 {
			return doctor(want, env, append(args, "-o", "json")...)
		}
		var doc struct{ Checks []check }
		if err := json.Unmarshal([]byte(res.stdout), &doc); err != nil {
			t.Fatalf("%v: %s", err, res.stdout)
		}
		named := map[string]check{}
		for _, c := range doc.Checks {
			named[c.Name] = c
			if c.Detail == "" || c.Result != "pass" && c.Fix == "" {
				t.Errorf("%+v", c)
			}
		}
		return named
	}
	doctor(0, nil)
	w.signIn()
	w.write(filepath.Join(w.home, "AppData/Roaming/sso-exec/config.yaml"),
		"version: 1\nprofiles:\n  corp:\n    issuer: "+w.idp.Issuer()+"\n    client-id: cli\n")
	found := doctor(0, nil)
	if c := found["storage"]; !strings.Contains(c.Detail, "1 session") || !strings.Contains(c.Detail, onWindows(w.cache)) {
		t.Errorf("storage: %+v", c)
	}
	doctor(0, []string{"SSO_EXEC_STORE=keyring"})
	doctor(0, []string{`SSO_EXEC_CACHE_DIR=C:\users\Zoë Ann\OneDrive\cache`})
	doctor(1, []string{"SSO_EXEC_ISSUER=https://127.0.0.1:1"})
	doctor(1, []string{`SSO_EXEC_CACHE_DIR=C:\windows\win.ini\cache`})
	if err := os.Chmod(w.cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if c := doctor(1, nil)["storage"]; !strings.Contains(c.Fix, "icacls") {
		t.Errorf("a loose directory: %+v", c)
	}
}
