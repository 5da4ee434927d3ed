package command

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/talk"
)

// A command about a path with a space is one about that path, wherever it is shown.
func TestPasted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b")
	got := Pasted("chmod 700 "+path+" && true", path)
	if want := "chmod 700 " + talk.Quote(path) + " && true"; got != want || !strings.ContainsAny(got, `'"`) {
		t.Errorf("%s, want %s", got, want)
	}
}
