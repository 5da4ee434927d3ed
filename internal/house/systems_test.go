package house

import (
	"bytes"
	"fmt"
	"go/build"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	systemsFile  = "testdata/systems.txt"
	compiledOnly = "compiled only"
	wineUnits    = "TestAllWineUnits:"

	// unsaid is in the place of tests until somebody names them.
	unsaid = "?"
)

// TestSystems: the files that not every system compiles are written down, with the tests
// that run them, and those that ask which system it is, so that another one is seen in
// review: a difference belongs into a file of its own. To write them:
// go test ./internal/house -run TestSystems -write
func TestSystems(t *testing.T) {
	systems := []string{"linux", "darwin", "windows", "freebsd"}
	on, asking, length := map[string][]string{}, map[string]int{}, map[string]int{}
	for _, goos := range systems {
		for _, p := range list(t, goos, "./...") {
			dir, _ := filepath.Rel(module, p.ImportPath)
			for _, name := range p.GoFiles {
				file := filepath.ToSlash(filepath.Join(dir, name))
				on[file] = append(on[file], goos)
				text, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				length[file] = bytes.Count(text, []byte("\n"))
				if n := bytes.Count(text, []byte("runtime.GOOS")); n > 0 && !strings.HasPrefix(file, "hack/") {
					asking[file] = n
				}
			}
		}
	}
	maps.DeleteFunc(on, func(_ string, of []string) bool { return len(of) == len(systems) })
	was, err := os.ReadFile(systemsFile)
	if err != nil {
		t.Fatal(err)
	}
	runBy := testsInColumn(string(was))
	var now strings.Builder
	now.WriteString(systemsHead)
	for _, file := range slices.Sorted(maps.Keys(on)) {
		if runBy[file] == "" {
			runBy[file] = unsaid
		}
		fmt.Fprintf(&now, "%-41s %4d  %-22s  %s\n", file, (length[file]+9)/10*10, strings.Join(on[file], " "), runBy[file])
	}
	now.WriteString("\nAsk which system it is:\n")
	for _, file := range slices.Sorted(maps.Keys(asking)) {
		fmt.Fprintf(&now, "%s: %d\n", file, asking[file])
	}
	if *write {
		was = []byte(now.String())
		if err := os.WriteFile(systemsFile, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if now.String() != string(was) {
		t.Errorf("%s is not what there is now; is the difference in the right place? If so: "+
			"go test ./internal/house -run TestSystems -write\n%s", systemsFile, now.String())
	}
	checkRunBy(t, on, runBy)
}

const systemsHead = `Files that not every system compiles: lines, rounded up to tens; systems; and tests that run
them, kept by hand. The tests behind TestAllWineUnits are unit tests, which it runs under Wine.

`

// testsInColumn reads the last column of the list.
func testsInColumn(list string) map[string]string {
	runBy := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\S+\.go) +\d+  [a-z ]+?  +(\S.*)$`).FindAllStringSubmatch(list, -1) {
		runBy[m[1]] = m[2]
	}
	return runBy
}

// checkRunBy looks whether the tests are there, and can run the file: nothing runs on macOS
// and FreeBSD, and what Windows alone compiles runs under Wine.
func checkRunBy(t *testing.T, on map[string][]string, runBy map[string]string) {
	t.Helper()
	tests, _ := everyTest(t)
	units := underWine(t)
	makefile := "\n" + strings.Join(lines(t, "../../Makefile"), "\n")
	for file, of := range on {
		by := runBy[file]
		linux, windows := slices.Contains(of, "linux"), slices.Contains(of, "windows")
		target, byMake := strings.CutPrefix(by, "make ")
		found, missing := named(by, tests)
		direct, unit, _ := strings.Cut(by, wineUnits)
		wine := strings.Contains(by, "TestWine") || strings.Contains(by, "TestAllWine")
		switch {
		case by == compiledOnly:
		case byMake && linux && strings.Contains(makefile, "\n"+target+":"):
		case found == 0:
			t.Errorf("%s: %s: name tests that run it in %s, or write %q", file, by, systemsFile, compiledOnly)
		case !linux && !windows:
			t.Errorf("%s: no test runs on %q: write %q", file, of, compiledOnly)
		case !linux && !wine, !windows && wine:
			t.Errorf("%s: tests under Wine and Windows' files go together, not %q and %s", file, of, by)
		}
		for _, what := range missing {
			t.Errorf("%s: there is no %s", file, what)
		}
		for _, name := range strings.Fields(direct) {
			if !linux && found > 0 && !strings.HasPrefix(name, "TestWine") && !strings.HasPrefix(name, "TestAllWine") {
				t.Errorf("%s: %s does not run under Wine", file, name)
			}
		}
		for _, name := range strings.Fields(unit) {
			if !slices.ContainsFunc(tests[name], units) {
				t.Errorf("%s: TestAllWineUnits does not run %s", file, name)
			}
		}
	}
}

// underWine tells whether TestAllWineUnits runs a file of tests: its package is built for
// that by hack/e2e/run, and Windows compiles it.
func underWine(t *testing.T) func(file string) bool {
	t.Helper()
	script := strings.Join(lines(t, "../../hack/e2e/run"), " ")
	found := regexp.MustCompile(`\bunits=\(([^)]*)\)`).FindStringSubmatch(script)
	if found == nil {
		t.Fatal("hack/e2e/run has no list of units")
	}
	out, err := exec.Command("bash", "-c", "echo "+found[1]).Output() // which has braces
	if err != nil {
		t.Fatal(err)
	}
	windows := build.Default
	windows.GOOS, windows.GOARCH = "windows", "amd64"
	return func(file string) bool {
		dir, name := path.Split(file)
		compiled, err := windows.MatchFile("../../"+dir, name)
		return err == nil && compiled && slices.Contains(strings.Fields(string(out)), path.Clean(dir))
	}
}
