// Package house holds the rules of the module that no single package can test:
// who may import whom, and that every package says what it is.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sso-exec/sso-exec"

// A listed is a package as go list -json tells it.
type listed struct {
	ImportPath string
	Name       string
	Doc        string
	Standard   bool
	Deps       []string
	GoFiles    []string
}

// list runs go list for a system; release builds are made for all of these.
func list(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Doc,Standard,Deps,GoFiles"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// may says what each room may import of the module, tests aside, besides
// internal/fault, by which every error says what kind of failure it is. A room that
// is not here is only bound by what is said of the others.
var may = map[string][]string{
	"credential":           {},
	"cache":                {"credential", "cache/perm"},
	"cache/perm":           {},
	"flows":                {"credential", "internal/commandline"},
	"plugin":               {"credential"},
	"apikey":               {},
	"apikey/storetest":     {"apikey"},
	"internal/fault":       {},
	"internal/session":     {"credential", "cache", "cache/perm", "flows", "internal/commandline"},
	"internal/workload":    {"credential", "flows", "internal/commandline", "internal/userfile", "cache/perm"},
	"internal/workos":      {"credential", "flows", "internal/commandline"},
	"internal/config":      {"internal/commandline", "internal/userfile", "cache/perm"},
	"internal/browser":     {"internal/commandline"},
	"internal/commandline": {},
	"internal/place":       {"credential", "flows", "internal/browser", "internal/commandline", "internal/terminal"},
	"internal/terminal":    {"internal/commandline"},
	"internal/userfile":    {"cache/perm"},
	"internal/kubeconfig":  {"internal/userfile", "cache/perm"},
	"internal/awsconfig":   {"internal/userfile", "cache/perm"},
}

// The three wings never import each other, not even through a third package,
// and nothing imports the command.
func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./...") {
			room := strings.TrimPrefix(p.ImportPath, module+"/")
			allowed, ruled := may[room]
			for _, dep := range p.Deps {
				other, ours := strings.CutPrefix(dep, module+"/")
				switch {
				case !ours:
				case strings.HasPrefix(other, "cmd/"):
					t.Errorf("%s: %s depends on the command %s", goos, room, other)
				case ruled && !slices.Contains(allowed, other) && other != "internal/fault":
					t.Errorf("%s: %s depends on %s", goos, room, other)
				}
			}
		}
	}
}

// client-go is the judge, not a passenger; neither are test helpers.
func TestWhatTheBinaryLinks(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./cmd/sso-exec", "./credential", "./cache", "./flows", "./plugin", "./apikey", "./internal/...") {
			if p.ImportPath == module+"/internal/hosted" || p.ImportPath == module+"/internal/ptytest" {
				continue // test helpers themselves
			}
			for _, dep := range p.Deps {
				for _, no := range []string{"k8s.io/", "sigs.k8s.io/", "testing", "net/http/httptest", module + "/providertest", module + "/internal/hosted", module + "/internal/ptytest", "github.com/rogpeppe/go-internal/testscript"} {
					if strings.HasPrefix(dep, no) && (strings.HasSuffix(no, "/") || dep == no || strings.HasPrefix(dep, no+"/")) {
						t.Errorf("%s: %s links %s", goos, p.ImportPath, dep)
					}
				}
			}
		}
	}
}

// Bytes in, bytes out: a plugin reaches neither the network nor files, and the
// flows no files of ours and no processes. Only who vouches for a server is read in
// flows: it must be what crypto/x509 would read, from the same variables and files.
func TestWingsKeepToThemselves(t *testing.T) {
	mayOf := map[string][]string{"flows/roots.go": {"os", "path/filepath"}}
	for room, never := range map[string][]string{
		"plugin": {"os", "net", "net/http", "os/exec", "path/filepath"},
		"flows":  {"os", "os/exec", "path/filepath"},
		"cache":  {"net", "net/http", "os/exec"},
	} {
		for _, p := range list(t, "linux", "./"+room) {
			for _, name := range p.GoFiles {
				name = room + "/" + name
				f, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, parser.ImportsOnly)
				if err != nil {
					t.Fatal(err)
				}
				for _, spec := range f.Imports {
					dep := strings.Trim(spec.Path.Value, `"`)
					if slices.Contains(never, dep) && !slices.Contains(mayOf[name], dep) {
						t.Errorf("%s imports %s", name, dep)
					}
				}
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, p := range list(t, "linux", "./...") {
		switch {
		case len(p.GoFiles) == 0: // tests only
		case p.Doc == "":
			t.Errorf("%s has no package comment", p.ImportPath)
		case p.Name != "main" && !strings.HasPrefix(p.Doc, "Package "+p.Name+" "):
			t.Errorf("%s: its package comment begins %.40q", p.ImportPath, p.Doc)
		}
	}
}
