//go:build unix

package environ

import (
	"os"
	"slices"
	"testing"

	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Where settings are the system's, what a caller's variables choose is gone, and what is
// run for the caller still has them.
func TestPin(t *testing.T) {
	home, err := userfile.EntryHome()
	if err != nil {
		t.Fatal(err)
	}
	given = nil
	defer func() { given = nil }()
	gone := []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE",
		"BROWSER",
		"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LD_PRELOAD_X", "DYLD_X"}
	for _, name := range append(gone, "HOME", "PATH") {
		t.Setenv(name, "/evil")
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	PinPrograms()
	if err := Pin(); err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if v, set := os.LookupEnv(name); set {
			t.Errorf("%s=%s", name, v)
		}
	}
	if os.Getenv("HOME") != home || os.Getenv("PATH") != browser.SystemPath || os.Getenv("AWS_REGION") != "eu-west-1" {
		t.Errorf("HOME=%s PATH=%s AWS_REGION=%s", os.Getenv("HOME"), os.Getenv("PATH"), os.Getenv("AWS_REGION"))
	}
	for _, want := range []string{"HOME=/evil", "PATH=/evil", "BROWSER=/evil", "LD_PRELOAD_X=/evil"} {
		if !slices.Contains(Given(), want) {
			t.Errorf("%s is not what the caller gave", want)
		}
	}
	if path, err := LookPath("sh"); err == nil {
		t.Errorf("found outside of the caller's PATH: %s", path)
	}
	if os.Getenv("PATH") != browser.SystemPath {
		t.Error("PATH is the caller's again")
	}
}
