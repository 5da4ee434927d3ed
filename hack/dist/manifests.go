package main

import (
	"bytes"
	_ "embed"
	"path/filepath"
	"strings"
	"text/template"
)

var (
	//go:embed formula.tmpl
	formula string
	//go:embed krew.tmpl
	krew string
)

// manifests writes what Homebrew, krew and Scoop read, for the platforms that were built.
func (r *release) manifests() error {
	for name, text := range map[string]string{"sso-exec.rb": formula, "krew/sso-exec.yaml": krew} {
		data, err := filled(text, r)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(outDir, name), data, 0o644); err != nil {
			return err
		}
	}
	architectures := object{}
	for _, p := range r.platforms {
		if p.OS == "windows" {
			name := map[string]string{"amd64": "64bit", "arm64": "arm64"}[p.Arch]
			architectures[name] = object{"url": r.URL(p), "hash": p.SHA256, "extract_dir": filepath.Base(p.dir)}
		}
	}
	if len(architectures) == 0 {
		return nil
	}
	return writeJSON("sso-exec.json", object{"version": r.version, "description": short, "homepage": home,
		"license": "Apache-2.0", "architecture": architectures, "bin": []any{"sso-exec.exe",
			[]string{"sso-exec.exe", "git-credential-sso-exec"}, []string{"sso-exec.exe", "docker-credential-sso-exec"}},
		"checkver": "github"})
}

// filled is a template with values.
func filled(text string, values any) ([]byte, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, values)
	return b.Bytes(), err
}

// For the templates.
func (r *release) Version() string { return r.version }
func (r *release) Tag() string     { return r.tag }
func (r *release) Home() string    { return home }
func (r *release) Short() string   { return short }
func (r *release) Long() string    { return long }
func (r *release) URL(p *platform) string {
	return home + "/releases/download/" + r.tag + "/" + p.Archive
}
func (r *release) Dir(p *platform) string {
	return strings.TrimSuffix(strings.TrimSuffix(p.Archive, ".tar.gz"), ".zip")
}
func (p *platform) Exe() string           { return p.exe() }
func (r *release) Platforms() []*platform { return r.platforms }

// Brew returns what Homebrew runs on.
func (r *release) Brew() []object {
	var found []object
	for _, goos := range []string{"darwin", "linux"} {
		var platforms []*platform
		for _, p := range r.platforms {
			if p.OS == goos && p.Arch != "arm" {
				platforms = append(platforms, p)
			}
		}
		if platforms != nil {
			found = append(found, object{"Name": strings.Replace(goos, "darwin", "macos", 1), "Platforms": platforms})
		}
	}
	return found
}
