package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRoleIsChosen: no role is named. The person chooses one on the terminal, by a part
// of its name or by its number; three processes ask once; what was chosen serves where
// nobody is there, and under other names it does not count.
func TestRoleIsChosen(t *testing.T) {
	t.Parallel()
	b, c := newCenterBench(t)
	if o := b.run("aws", "--interactive", "never"); o.code != 2 || !strings.Contains(o.stderr, "no role is named") ||
		strings.Contains(o.stderr, "assigned to you:") || len(c.Requests()) > 0 {
		t.Errorf("nobody has signed in: %+v, %q", o, c.Requests())
	}
	out := t.TempDir()
	b.env = append(b.env, "OUT="+out)
	typing := func(script string, answers ...string) string {
		t.Helper()
		cmd, control, screen := b.onTerminal(t, script)
		for i, answer := range answers {
			until(t, "the question", func() bool { return strings.Count(screen(), "number or name:") > i })
			if _, err := control.WriteString(answer); err != nil {
				t.Fatal(err)
			}
			if rest := answers[i+1:]; len(rest) > 0 {
				until(t, "an answer to "+answer, func() bool { return strings.Contains(screen(), "match") })
			}
		}
		until(t, "the end", func() bool { return strings.Contains(screen(), "all done") })
		_ = cmd.Wait()
		return screen()
	}
	account := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(out, name))
		_, rest, _ := strings.Cut(string(text), `"AccountId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}

	// Ctrl-D: cancelled, and nothing is kept
	if s := typing(`"$SSO_EXEC" aws >"$OUT/0"; echo code $? all done`, "\x04"); !strings.Contains(s, "code 4 ") {
		t.Errorf("cancelled:\n%s", s)
	}
	// three at once, with stderr kept from the person, as credential_process is run
	s := typing(`for i in 1 2 3; do "$SSO_EXEC" aws >"$OUT/$i" 2>"$OUT/err$i" & done; wait; echo all done`,
		"dev\r", "dev 2222\r")
	if strings.Count(s, "which AWS role") != 1 || !strings.Contains(s, "2 items match") ||
		!strings.Contains(s, "the role is 222222222222 dev account 22") {
		t.Errorf("on the terminal:\n%s", s)
	}
	for _, name := range []string{"1", "2", "3"} {
		if got := account(name); got != "222222222222" {
			text, _ := os.ReadFile(filepath.Join(out, "err"+name))
			t.Errorf("%s got the account %q: %s", name, got, text)
		}
	}
	c.Reset()
	if o := b.run("aws", "--interactive", "never"); o.code != 0 || !strings.Contains(o.stdout, "222222222222") ||
		len(c.Requests()) > 0 {
		t.Errorf("remembered: %+v, %q", o, c.Requests())
	}
	o := b.run("aws", "--account-id", "111111111111", "--interactive", "never")
	if o.code != 2 || o.stdout != "" || !strings.Contains(o.stderr,
		"assigned to you: 111111111111 admin account 11, 111111111111 dev account 11\n") {
		t.Errorf("nobody to choose: %+v", o)
	}
	// a sign-in leaves the choice; another is made when that is asked for, and Enter keeps it
	b.mustRun(t, "login")
	if s := typing(`"$SSO_EXEC" aws list --choose; echo all done`, "\r"); !strings.Contains(s,
		"Enter: 222222222222 dev account 22") {
		t.Errorf("what was chosen is not offered:\n%s", s)
	}
	typing(`"$SSO_EXEC" aws list --choose; "$SSO_EXEC" aws >"$OUT/4"; echo all done`, "1\r")
	if got := account("4"); got != "111111111111" {
		t.Errorf("by number: %q", got)
	}
	// a coding agent is asked nothing
	if s := typing(`CLAUDECODE=1 "$SSO_EXEC" aws --account-id 222222222222 >"$OUT/5"; echo code $? all done`); !strings.
		Contains(s, "code 2 all done") || strings.Contains(s, "which AWS role") {
		t.Errorf("under an agent:\n%s", s)
	}
	if v := c.Violations(); len(v) > 0 {
		t.Error(v)
	}
}
