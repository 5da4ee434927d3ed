package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

// The transcript of each page in docs/tools, and of docs/doctor.md, is what the binary prints: … in it stands
// for a part of a line. The page's profile is used, at the test's provider.
func TestToolPages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/tools/*.md")
	if err != nil || len(pages) < 2 {
		t.Fatal(pages, err)
	}
	pages = append(pages, "../../docs/doctor.md")
	block := func(page, lang string) string {
		m := regexp.MustCompile("(?s)```" + lang + "\n(.*?)```").FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no %s in %.50q", lang, page)
		}
		return m[1]
	}
	for _, path := range pages {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, providertest.Config{})
			config := filepath.Join(t.TempDir(), "config.yaml")
			profile := strings.Replace(block(string(text), "yaml"), "https://login.example.com", b.idp.Issuer(), 1)
			if err := os.WriteFile(config, []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
			b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "SSO_EXEC_CONFIG="+config, "SSO_EXEC_ISSUER=",
				"SSO_EXEC_CLIENT_ID=", "PATH="+filepath.Dir(b.bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
			if strings.Contains(profile, b.idp.Issuer()) {
				b.mustRun(t, "login", "--browser", "testbrowser")
			} else { // at stand-ins of the clouds
				w := hosted.New(t)
				for _, name := range pageStandIns[filepath.Base(path)] {
					if err := w.Open(name); err != nil {
						t.Fatal(err)
					}
				}
				b.env = append(b.env, "HTTPS_PROXY="+w.Proxy, "SSO_EXEC_CA_FILE="+w.CAFile, "IDP_CA="+w.CAFile)
				b.mustRun(t, strings.TrimSuffix(filepath.Base(path), ".md"), "--browser", "testbrowser")
			}
			for part := range strings.SplitSeq("\n"+block(string(text), "console"), "\n$ ") {
				command, want, _ := strings.Cut(strings.TrimPrefix(part, "\n"), "\n")
				if command == "" {
					continue
				}
				cmd := exec.Command("/bin/sh", "-c", command)
				cmd.Env = b.env
				got, err := cmd.CombinedOutput()
				re := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(want, "\n")), "…", `[^\n]+`)
				if err != nil || !regexp.MustCompile(`^`+re+`\n?$`).Match(got) {
					t.Errorf("%s: %v\n%s\nwant\n%s", command, err, got, want)
				}
			}
		})
	}
}

// pageStandIns are those that a page needs.
var pageStandIns = map[string][]string{"gke.md": {"entra", "google-sts"}, "aks.md": {"aks"}}
