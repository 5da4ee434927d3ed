package run

import (
	"strings"
	"testing"
)

// The token's line is nobody's section, and what was there stays as it was.
func FuzzWithLine(f *testing.F) {
	for _, s := range []string{"", "a=1\n", "a=1\n[x]\nb=2\n", "[x]\n", " [x]\n[y"} {
		f.Add(s)
	}
	const line = "//h/:_authToken=t"
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" && !strings.HasSuffix(text, "\n") || strings.Contains(text, line) {
			return
		}
		before, after, found := strings.Cut(withLine(text, line), line+"\n")
		if !found || before+after != text || strings.HasPrefix(before, "[") || strings.Contains(before, "\n[") ||
			before != "" && !strings.HasSuffix(before, "\n") {
			t.Errorf("%q: %q", text, before)
		}
	})
}
