//go:build unix

package awsconfig

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The SDKs give the line to a shell: the arguments come out as they went in.
func TestCommandInAShell(t *testing.T) {
	for _, c := range commands {
		if c.want == "" {
			continue
		}
		line, err := Command("linux", append([]string{"/usr/bin/env", "printf", `%s\0`}, c.words...))
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sh", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, c.words) {
			t.Errorf("%s: %q, want %q", line, got, c.words)
		}
	}
}
