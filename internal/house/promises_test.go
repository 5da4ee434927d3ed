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

// everyTest has the files of each test and fuzz target, hack's modules included, by paths
// from the module's root; and the name of every file of tests.
func everyTest(t *testing.T) (tests map[string][]string, files map[string]bool) {
	t.Helper()
	tests, files = map[string][]string{}, map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		b, err := os.ReadFile(file)
		for _, m := range function.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = append(tests[string(m[1])], strings.TrimPrefix(filepath.ToSlash(file), "../../"))
		}
		files[path.Base(file)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, files
}

var (
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	scriptName = regexp.MustCompile("TestScripts/([\\w-]+)|`([\\w-]+)\\.txt`")
)

// named counts the tests and scripts that a text names, and tells which are not there.
func named(text string, tests map[string][]string) (found int, missing []string) {
	for _, name := range testName.FindAllString(text, -1) {
		if found++; tests[name] == nil {
			missing = append(missing, "test "+name)
		}
	}
	for _, m := range scriptName.FindAllStringSubmatch(text, -1) {
		found++
		_, err := os.Stat("../../cmd/sso-exec/testdata/script/" + m[1] + m[2] + ".txt")
		if err != nil && m[1]+m[2] != "x" { // x stands for any
			missing = append(missing, "script "+m[1]+m[2])
		}
	}
	return found, missing
}

// What the documents promise is shown by tests that are there: each test, script and
// file of tests that they name.
func TestPromisesHaveTests(t *testing.T) {
	tests, files := everyTest(t)
	file := regexp.MustCompile(`[\w/-]+_test\.go`)
	for _, page := range []string{"docs/administrators.md", "docs/agents.md", "docs/platforms.md", "docs/security.md",
		"docs/sessions.md", "cmd/sso-exec/testdata/README.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		found, missing := named(string(text), tests)
		for _, what := range missing {
			t.Errorf("%s: there is no %s", page, what)
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
