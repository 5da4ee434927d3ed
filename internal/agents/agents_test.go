package agents

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/answers"
)

// TestRemembered: under another agent an answer is another one.
func TestRemembered(t *testing.T) {
	for _, name := range Variables() {
		if !answers.Counts(name) {
			t.Errorf("%s is not part of a remembered question (internal/answers)", name)
		}
	}
}

func TestSeen(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Agent
	}{
		{nil, Agent{}},
		{map[string]string{"CLAUDECODE": "1"}, Agent{"claude-code", "CLAUDECODE"}},
		{map[string]string{"CLAUDECODE": "0", "CURSOR_AGENT": "false"}, Agent{}},
		{map[string]string{"CURSOR_TRACE_ID": "x", "TERM_PROGRAM": "vscode"}, Agent{}},
		{map[string]string{"CURSOR_EXTENSION_HOST_ROLE": "agent-exec"}, Agent{"cursor", "CURSOR_EXTENSION_HOST_ROLE"}},
		{map[string]string{"CURSOR_EXTENSION_HOST_ROLE": "ui"}, Agent{}},
		{map[string]string{"CODEX_SANDBOX": "seatbelt"}, Agent{"codex", "CODEX_SANDBOX"}},
		{map[string]string{"AGENT": "1", "OPENCODE": "1"}, Agent{"opencode", "OPENCODE"}},
		{map[string]string{"AGENT": "1"}, Agent{"unknown", "AGENT"}},
		{map[string]string{"AGENT": "goose", "AI_AGENT": ""}, Agent{"goose", "AGENT"}},
		{map[string]string{"AI_AGENT": "Claude-Code_2.1@x\n{\"a\":1}"}, Agent{"claude-code_2.1@xa1", "AI_AGENT"}},
		{map[string]string{"AI_AGENT": "\x1b[31m\u00e9"}, Agent{"31m", "AI_AGENT"}},
		{map[string]string{"AI_AGENT": "\u65e5\u672c"}, Agent{"unknown", "AI_AGENT"}},
		{map[string]string{"AI_AGENT": strings.Repeat("a", 10_000)}, Agent{strings.Repeat("a", 64), "AI_AGENT"}},
	} {
		if got := seen(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.env, got, c.want)
		}
	}
}

// The page lists what the table has, and every row says where that is from.
func TestTableHasSources(t *testing.T) {
	page, err := os.ReadFile("../../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		link := "https://" + strings.Split(r.source, ": ")[0]
		if !strings.HasPrefix(r.source, "github.com/") || !strings.Contains(string(page), link) {
			t.Errorf("%s: source %q is not on the page", r.Variable, r.source)
		}
	}
	names := Variables()
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), "`"+name+"=") {
			t.Errorf("%s is not on the page", name)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(table)+len(anyAgent) {
		t.Error("a variable is there twice")
	}
}
