// Package house holds the rules of the module that no single package can test:
// who may import whom, how big a room gets, and that every package says what it is.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const module = "github.com/sso-exec/sso-exec"

// A listed is a package as go list -json tells it.
type listed struct {
	ImportPath string
	Name       string
	Doc        string
	Standard   bool
	Dir        string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

// list runs go list for a system; release builds are made for all of these.
func list(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go",
		append([]string{"list", "-json=ImportPath,Name,Doc,Standard,Dir,Imports,Deps,GoFiles"}, args...)...)
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

// floors are the rooms of the house, from the ground up: who imports what stands
// above it, or next to it where that is not forbidden below, is wrong. A room that is
// not named is where its parent is.
var floors = map[string]int{
	"credential": 1, "internal/fault": 1, "internal/commandline": 1, "internal/disk": 1, "cache/perm": 1,
	"internal/hosts": 1, "internal/answers": 1, "internal/userfile": 1, "internal/policy": 1, "internal/agents": 1,
	"internal/audit": 1,

	"cache": 2, "flows": 2, "plugin": 2, "apikey": 2, "internal/loopback": 2, "internal/edit": 2,
	"internal/config": 2, "internal/terminal": 2, "internal/browser": 2,

	"internal/session": 3, "internal/place": 3, "internal/workload": 3, "internal/workos": 3, "internal/talk": 3, "sso": 3,

	"internal/settings": 4, "internal/acquire": 4, "internal/environ": 4, "internal/apikeys": 4,

	"internal/cli": 5, "cmd": 5, "internal/fast": 1,

	"providertest": 1, "internal/hosted": 1, "internal/ptytest": 1, "internal/house": 1, "hack": 1, "examples": 4,
}

func floorOf(room string) int {
	for ; room != "."; room = path.Dir(room) {
		if n, ok := floors[room]; ok {
			return n
		}
	}
	return 0
}

// within reports whether a room is another, or inside it.
func within(room, other string) bool { return room == other || strings.HasPrefix(room, other+"/") }

// public are the rooms that other programs import, and which of our rooms each may know;
// what kind of failure an error is, all of them.
var public = map[string][]string{
	"credential": {},
	"cache":      {"credential", "cache", "internal/disk", "internal/answers"},
	"flows":      {"credential", "flows", "internal/commandline", "internal/loopback"},
	"plugin":     {"credential"},
	"apikey":     {"apikey"},
}

// neighbours are the rooms that several families of commands share.
var neighbours = []string{"internal/cli/command", "internal/cli/lookup", "internal/cli/setup"}

func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./...") {
			room := strings.TrimPrefix(p.ImportPath, module+"/")
			if floorOf(room) == 0 {
				t.Errorf("%s is on no floor: name it in this test", room)
			}
			for _, dep := range p.Imports {
				other, ours := strings.CutPrefix(dep, module+"/")
				if !ours {
					continue
				}
				if floorOf(other) > floorOf(room) {
					t.Errorf("%s: %s imports %s, which is above it", goos, room, other)
				}
				for outer, may := range public {
					knows := func(r string) bool { return within(other, r) }
					if within(room, outer) && other != "internal/fault" && !slices.ContainsFunc(may, knows) {
						t.Errorf("%s: %s imports %s", goos, room, other)
					}
				}
				family := strings.HasPrefix(room, "internal/cli/") && strings.HasPrefix(other, "internal/cli/")
				if family && !slices.Contains(neighbours, other) {
					t.Errorf("%s: %s imports %s, another family of commands", goos, room, other)
				}
			}
		}
	}
}

// client-go is the judge, not a passenger; neither are test helpers.
func TestWhatTheBinaryLinks(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./cmd/sso-exec", "./credential", "./cache/...", "./flows/...", "./plugin",
			"./apikey", "./sso/...", "./internal/...") {
			if p.ImportPath == module+"/internal/hosted" || p.ImportPath == module+"/internal/ptytest" {
				continue // test helpers themselves
			}
			for _, dep := range p.Deps {
				for _, no := range []string{"k8s.io/", "sigs.k8s.io/", "testing", "net/http/httptest", module + "/providertest",
					module + "/internal/hosted", module + "/internal/ptytest", "github.com/rogpeppe/go-internal/testscript"} {
					if strings.HasPrefix(dep, no) && (strings.HasSuffix(no, "/") || dep == no || strings.HasPrefix(dep, no+"/")) {
						t.Errorf("%s: %s links %s", goos, p.ImportPath, dep)
					}
				}
			}
		}
	}
}

// Bytes in, bytes out: a plugin reaches neither the network nor files, and the
// flows none of our files and no processes. Only who vouches for a server is read in
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

// The library is for programs of any kind: what it links is what a sign-in needs, and
// what it takes to read the system's policy and config.
func TestWhatTheLibraryLinks(t *testing.T) {
	never := []string{
		"github.com/spf13/", "github.com/zalando/", "github.com/godbus/", "flows/sts", "plugin",
		"internal/settings",
		"internal/edit/kubeconfig", "internal/edit/awsconfig", "internal/acquire", "internal/workload", "internal/workos",
		"internal/cli",
		"cache/keyring",
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./sso") {
			for _, dep := range p.Deps {
				dep = strings.TrimPrefix(dep, module+"/")
				if slices.ContainsFunc(never, func(no string) bool {
					return within(dep, no) || strings.HasSuffix(no, "/") && strings.HasPrefix(dep, no)
				}) {
					t.Errorf("%s: package sso links %s", goos, dep)
				}
			}
		}
	}
}

// The public packages speak of what they do, not of the command that uses them.
func TestPublicPackagesKnowNoFlags(t *testing.T) {
	words := regexp.MustCompile(`(^|[^-\w])--[a-z]|sso-exec (apikey|aws|config|kube|login|logout|org|run|setup|status|token|whoami)\b`)
	for _, p := range list(t, "linux", "./credential", "./cache/...", "./flows/...", "./plugin", "./apikey/...", "./sso") {
		for _, name := range sources(t, p.Dir) {
			for i, line := range lines(t, name) {
				if !strings.HasSuffix(name, "_test.go") && words.MatchString(line) {
					t.Errorf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
				}
			}
		}
	}
}

// The sizes by which a room is still one that a reader keeps in mind: tests are not
// counted, except for the length of files and lines.
func TestSizes(t *testing.T) {
	const (
		maxFiles, maxLines, maxFile = 26, 3600, 400
		columns, maxLong            = 120, 40
	)
	for _, p := range list(t, "linux", "./...") {
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		files, total, long := 0, 0, 0
		for _, name := range sources(t, p.Dir) {
			all := lines(t, name)
			if len(all) > maxFile {
				t.Errorf("%s has %d lines", name, len(all))
			}
			for _, line := range all {
				if utf8.RuneCountInString(line) > columns {
					long++
				}
			}
			if !strings.HasSuffix(name, "_test.go") {
				files++
				total += len(all)
			}
		}
		most := maxLines
		if room == "flows" { // a file for each way to a credential
			most = 5000
		}
		if files > maxFiles || total > most || long > maxLong {
			t.Errorf("%s has %d files, %d lines, and %d lines of over %d columns", room, files, total, long, columns)
		}
	}
}

// sources lists the Go files of a directory, those of other systems too.
func sources(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", dir, names, err)
	}
	return names
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// TestWhatRunsFirst: a repeated answer is given before other packages are initialised.
// That is so as long as what gives it needs nothing that package os does not.
func TestWhatRunsFirst(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		var may []string
		for _, p := range list(t, goos, "os", "strconv") {
			may = append(append(may, p.Deps...), p.ImportPath)
		}
		for _, p := range list(t, goos, "./internal/fast") {
			for _, dep := range p.Deps {
				if !slices.Contains(may, dep) && dep != module+"/internal/answers" {
					t.Errorf("%s: internal/fast needs %s", goos, dep)
				}
			}
		}
	}
	for _, p := range list(t, "linux", "./...") {
		if slices.Contains(p.Imports, module+"/internal/fast") && p.ImportPath != module+"/cmd/sso-exec" {
			t.Errorf("%s imports internal/fast, which ends a program that asks like an earlier one", p.ImportPath)
		}
	}
}

// TestLinked: the packages that the command links are written down, so that a new one is
// seen in review. To write them: go test ./internal/house -run TestLinked -write
func TestLinked(t *testing.T) {
	var now []string
	for _, p := range list(t, "linux", "-deps", "./cmd/sso-exec") {
		if !p.Standard || !strings.Contains(p.ImportPath, "internal/") && !strings.HasPrefix(p.ImportPath, "vendor/") {
			now = append(now, p.ImportPath)
		}
	}
	slices.Sort(now)
	text := strings.Join(now, "\n") + "\n"
	const path = "testdata/linked.txt"
	if *write {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range now {
		if !slices.Contains(strings.Fields(string(was)), name) {
			t.Errorf("%s is linked now; if it is worth that, write it down: "+
				"go test ./internal/house -run TestLinked -write", name)
		}
	}
	if !t.Failed() && text != string(was) {
		t.Errorf("%s names more than is linked", path)
	}
}

var write = flag.Bool("write", false, "write the lists of this package down")
