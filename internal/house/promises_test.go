package house

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the documents promise is shown by tests that are there: each test, script and
// file of tests that they name.
func TestPromisesHaveTests(t *testing.T) {
	const scripts = "../../cmd/sso-exec/testdata/script/"
	files, names := map[string]bool{}, map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		b, err := os.ReadFile(file)
		for _, m := range function.FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
		files[path.Base(file)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	script := regexp.MustCompile("TestScripts/([\\w-]+)|`([\\w-]+)\\.txt`")
	file := regexp.MustCompile(`[\w/-]+_test\.go`)
	for _, page := range []string{"docs/administrators.md", "docs/agents.md", "docs/security.md", "docs/sessions.md",
		"cmd/sso-exec/testdata/README.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, name := range test.FindAllString(string(text), -1) {
			if found++; !names[name] {
				t.Errorf("%s: there is no test %s", page, name)
			}
		}
		for _, m := range script.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(scripts + m[1] + m[2] + ".txt"); err != nil && m[1]+m[2] != "x" { // x stands for any
				t.Errorf("%s: there is no script %s", page, m[1]+m[2])
			}
		}
		for _, name := range file.FindAllString(string(text), -1) {
			found++
			if _, err := os.Stat("../../" + name); !files[name] && err != nil {
				t.Errorf("%s: no file %s", page, name)
			}
		}
		if found == 0 {
			t.Errorf("%s names no test", page)
		}
	}
}

// What the page says that a tool costs is what it costs, to a sixth or ten lines.
func TestWhatAToolCosts(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		for i, pattern := range []string{"plugin/%.go", "internal/cli/tools/%.go", "internal/cli/setup/%/*.go"} {
			files, err := filepath.Glob("../../" + strings.Replace(pattern, "%", row[1], 1))
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(file, "_test.go") {
					lines += strings.Count(string(text), "\n")
				}
			}
			said, _ := strconv.Atoi(row[i+2])
			if off := max(lines-said, said-lines); off > max(10, lines/6) {
				t.Errorf("docs/architecture.md: %s: %d lines in %s, not %d", row[1], lines, pattern, said)
			}
		}
	}
}
