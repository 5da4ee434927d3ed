package house

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSystems: the files that not every system compiles are written down, and those that
// ask which system it is, so that another one is seen in review: a difference belongs
// into a file of its own. To write them: go test ./internal/house -run TestSystems -write
func TestSystems(t *testing.T) {
	systems := []string{"linux", "darwin", "windows", "freebsd"}
	on, asking := map[string][]string{}, map[string]int{}
	for _, goos := range systems {
		for _, p := range list(t, goos, "./...") {
			dir, _ := filepath.Rel(module, p.ImportPath)
			for _, name := range p.GoFiles {
				path := filepath.ToSlash(filepath.Join(dir, name))
				on[path] = append(on[path], goos)
				text, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if n := bytes.Count(text, []byte("runtime.GOOS")); n > 0 && !strings.HasPrefix(path, "hack/") {
					asking[path] = n
				}
			}
		}
	}
	var now strings.Builder
	now.WriteString("Compiled on some systems alone:\n")
	for _, path := range slices.Sorted(maps.Keys(on)) {
		if len(on[path]) < len(systems) {
			fmt.Fprintf(&now, "%s: %s\n", path, strings.Join(on[path], " "))
		}
	}
	now.WriteString("\nAsk which system it is:\n")
	for _, path := range slices.Sorted(maps.Keys(asking)) {
		fmt.Fprintf(&now, "%s: %d\n", path, asking[path])
	}
	const path = "testdata/systems.txt"
	if *write {
		if err := os.WriteFile(path, []byte(now.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if now.String() != string(was) {
		t.Errorf("%s is not what there is now; is the difference in the right place? If so: "+
			"go test ./internal/house -run TestSystems -write\n%s", path, now.String())
	}
}
