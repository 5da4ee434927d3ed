package workload

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// This test binary is the helper command, if it is told so.
func TestMain(m *testing.M) {
	switch os.Getenv("WORKLOAD_TEST_HELPER") {
	case "":
		os.Exit(m.Run())
	case "token":
		fmt.Println(good(wanted))
	case "opaque":
		fmt.Print("opaque")
	case "fails":
		fmt.Println(good(wanted))
		fmt.Fprintf(os.Stderr, "starting\n\x1b[31mno rights with %s and %s\n", good(wanted), canary+canary)
		os.Exit(3)
	case "floods":
		for {
			if _, err := fmt.Print(strings.Repeat("x", 4096)); err != nil {
				os.Exit(0)
			}
		}
	case "floods stderr":
		for range 1000 {
			fmt.Fprint(os.Stderr, strings.Repeat("y", 4096))
		}
		fmt.Fprintln(os.Stderr, "\nthe end")
		os.Exit(1)
	case "nothing":
	case "environment":
		for _, kv := range os.Environ() {
			if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "SSO_EXEC_") {
				fmt.Print(name, ",")
			}
		}
		fmt.Print(".")
	}
	os.Exit(0)
}

// helper is this binary as a command.
func helper(t *testing.T, what string) Source {
	t.Helper()
	t.Setenv("WORKLOAD_TEST_HELPER", what)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, `command:"`+exe+`" -audience `+canary, at(t, nil))
}

func TestCommand(t *testing.T) {
	for what, c := range map[string]struct{ kind, words string }{
		"token":         {"ok", ""},
		"opaque":        {"ok", ""},
		"fails":         {"refused", "failed (exit status 3): [31mno rights with [secret] and [token]"},
		"nothing":       {"refused", "it is empty"},
		"floods":        {"refused", "printed more than 65536 bytes"},
		"floods stderr": {"refused", "the end"},
	} {
		t.Run(what, func(t *testing.T) {
			s := helper(t, what)
			if err := s.Available(); err != nil || !s.FixedAudience() {
				t.Error(err)
			}
			token := check(t, s, wanted, c.kind, c.words)
			if want := map[string]string{"token": TypeJWT, "opaque": TypeAccessToken}[what]; token.Type != want {
				t.Errorf("type %q, want %q", token.Type, want)
			}
		})
	}
	check(t, helper(t, "token"), "https://other.example", "not here", "--subject-token-audience")
	s := parse(t, "command:/nonexistent/helper "+canary, at(t, nil))
	if err := s.Available(); kind(err) != "not here" {
		t.Error(err)
	}
	check(t, s, wanted, "not here", "no command helper")
	why := "could not be run"
	if runtime.GOOS == "windows" { // where a directory is no command at all
		why = "no command"
	}
	check(t, parse(t, "command:"+t.TempDir(), at(t, nil)), wanted, "not here", why)
}

// Our own secrets are nobody else's.
func TestCommandEnvironment(t *testing.T) {
	for _, name := range []string{"SSO_EXEC_CLIENT_SECRET", "SSO_EXEC_ID_TOKEN", "SSO_EXEC_FLOW", "SSO_EXEC_CACHE_DIR"} {
		t.Setenv(name, canary)
	}
	token := check(t, helper(t, "environment"), "", "ok", "")
	if token.Value.Reveal() != "SSO_EXEC_CACHE_DIR,." {
		t.Errorf("the command sees %s", token.Value.Reveal())
	}
}

func TestCommandPrincipal(t *testing.T) {
	of := func(line string, vars map[string]string) string {
		p, err := parse(t, "command:"+line, at(t, vars)).Principal()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if of("vault 'a b'", nil) != of(`vault   "a b"`, nil) || of("vault a b", nil) == of("vault 'a b'", nil) {
		t.Error("the principal is not that of the words")
	}
	one, two := map[string]string{"GITLAB_CI": "1", "CI_JOB_ID": "1"},
		map[string]string{"GITLAB_CI": "1", "CI_JOB_ID": "2"}
	if of("vault", one) == of("vault", two) || of("vault", one) == of("vault", nil) {
		t.Error("two jobs have one principal")
	}
}

func FuzzTokens(f *testing.F) {
	f.Add(good(wanted))
	f.Add("a.b.c")
	f.Add(jwt(map[string]any{"aud": []any{1, "x"}, "exp": "12", "kubernetes.io": 5}))
	f.Fuzz(func(t *testing.T, s string) {
		token, err := tokenIn([]byte(s))
		if err != nil && strings.TrimSpace(s) != "" && len(s) > 8 && strings.Contains(err.Error(), s) {
			t.Errorf("the error holds the token: %v", err)
		}
		if err == nil && strings.ContainsAny(token, " \t\r\n\x00") {
			t.Errorf("%q is a token", token)
		}
		if c, err := parseJWT(token); err == nil {
			_ = c.checkAudience("x", "y").Error()
		}
		if shown := hide(s, token, 50); len([]rune(shown)) > 51 || strings.ContainsAny(shown, "\n\r\x1b") {
			t.Errorf("%q is shown as %q", s, shown)
		}
	})
}
