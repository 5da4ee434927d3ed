package sso_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A program that uses the library links neither the command line nor the editors of
// other programs' files, nor AWS, nor a keyring that it does not import, nor what the tests are
// made of.
func TestWhatAProgramLinks(t *testing.T) {
	const module = "github.com/sso-exec/sso-exec/"
	for _, goos := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for dep := range strings.Lines(string(out)) {
			dep = strings.TrimSpace(dep)
			for _, no := range []string{
				"github.com/spf13/", "github.com/zalando/", "github.com/godbus/",
				"k8s.io/", "github.com/aws/", "testing", "net/http/httptest",
				module + "plugin", module + "cache/keyring", module + "providertest", module + "flows/sts",
				module + "internal/acquire", module + "internal/cli",
				module + "internal/edit/kubeconfig", module + "internal/edit/awsconfig", module + "internal/hosted",
				module + "internal/settings", module + "internal/workload",
			} {
				if dep == strings.TrimSuffix(no, "/") || strings.HasPrefix(dep, strings.TrimSuffix(no, "/")+"/") {
					t.Errorf("%s: links %s", goos, dep)
				}
			}
		}
	}
}
