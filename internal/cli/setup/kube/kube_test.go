//go:build unix

package kube

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// What somebody else has written since it was shown is neither overwritten nor
// kept as a backup; what another process has written to the same end is fine.
func TestSetupKubeChangedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	for _, c := range []struct {
		now  string
		want error
	}{{"users: []\n", nil}, {"users: [ ]\n", userfile.ErrChanged}, {"", userfile.ErrChanged}, {"new: x\n", nil}} {
		if err := os.WriteFile(path, []byte(c.now), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Remove(path + ".bak")
		p := &kubePlan{ctx: t.Context()}
		err := p.write(&setup.Edit{Path: path, Old: []byte("users: []\n"), New: []byte("new: x\n")})
		if !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.now, err, c.want)
		}
		want := "new: x\n"
		if c.want != nil {
			want = c.now
		}
		if got, _ := os.ReadFile(path); string(got) != want {
			t.Errorf("%q became %q", c.now, got)
		}
		if _, err := os.Stat(path + ".bak"); (err == nil) != (c.now == "users: []\n") {
			t.Errorf("%q: backup: %v", c.now, err)
		}
		if _, err := os.Stat(path + ".lock"); err == nil {
			t.Errorf("%q: the lock is still there", c.now)
		}
	}
}

// The plain name is written only where it leads to this very program.
func TestSetupKubeProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &kubeSetup{line: map[string]bool{}}
	t.Setenv("PATH", dir)
	if got, err := setup.ProgramOf(s.program, s.line["command"]); err != nil || !filepath.IsAbs(got) {
		t.Errorf("without it on PATH: %q, %v", got, err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "sso-exec")); err != nil {
		t.Fatal(err)
	}
	if got, err := setup.ProgramOf(s.program, s.line["command"]); err != nil || got != "sso-exec" {
		t.Errorf("a link on PATH: %q, %v", got, err)
	}
	s.program = "other"
	if got, err := setup.ProgramOf(s.program, s.line["command"]); err != nil || got != "other" {
		t.Errorf("a name: %q, %v", got, err)
	}
	s.program = "./other"
	if got, err := setup.ProgramOf(s.program, s.line["command"]); err != nil || !filepath.IsAbs(got) {
		t.Errorf("a path: %q, %v", got, err)
	}
	s.program, s.line["command"] = "", true
	if _, err := setup.ProgramOf(s.program, s.line["command"]); err == nil {
		t.Error("nothing was taken for a command")
	}
}
