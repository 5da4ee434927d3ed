package configure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// What config edit begins a file with is right, and so is what it shows.
func TestStarter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := string(starter(dir))
	head, example, ok := strings.Cut(text, "\n\n")
	if !ok {
		t.Fatal(text)
	}
	example = strings.ReplaceAll("\n"+example, "\n# ", "\n")
	for _, text := range []string{text, head + "\n" + example} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := (config.Paths{Named: path}).Validate(settings.ProfileKeys()); len(found) > 0 {
			t.Errorf("%v in\n%s", found, text)
		}
	}
	c, err := config.Paths{Named: path}.Open()
	if err != nil || len(c.Names()) != 2 {
		t.Errorf("%v, %v", c, err)
	}
	if line := strings.Split(text, "\n")[7]; !strings.HasPrefix(line, "#   # yaml-language-server: $schema=") {
		t.Errorf("%q", line)
	}
}
