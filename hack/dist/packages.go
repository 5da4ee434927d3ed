package main

import (
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const maintainer = "sso-exec authors <sso-exec@users.noreply.github.com>"

//go:embed nfpm.tmpl
var nfpm string

// packages makes deb, rpm and apk of a Linux platform by nfpm.
func (r *release) packages(p *platform) error {
	if p.OS != "linux" {
		return nil
	}
	stage := p.dir + ".packages"
	pages, err := r.stagePackages(p, stage)
	if err != nil {
		return err
	}
	arch := strings.Replace(p.Arch, "arm", "arm7", 1)
	if p.Arch == "arm64" {
		arch = p.Arch
	}
	for _, form := range []string{"deb", "rpm", "apk"} {
		config, err := filled(nfpm, object{"Form": form, "Arch": arch, "Version": r.version, "Stage": stage, "Pages": pages})
		if err != nil {
			return err
		}
		if err := write(stage+"/"+form+".yaml", config, 0o644); err != nil {
			return err
		}
		cmd := exec.Command(moduleDir+"/.bin/nfpm", "package", "-f", stage+"/"+form+".yaml", "-p", form, "-t", outDir+"/")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nfpm, %s: %w\n%s", form, err, out)
		}
	}
	return nil
}

// stagePackages lays out the files of packages, and returns the names of the manual
// pages. All have the commit's time.
func (r *release) stagePackages(p *platform, stage string) (pages []string, err error) {
	if err := os.CopyFS(stage, os.DirFS(p.dir)); err != nil {
		return nil, err
	}
	for _, name := range []string{"copyright", "lintian-overrides"} {
		data, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil {
			return nil, err
		}
		if err := write(filepath.Join(stage, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	found, err := filepath.Glob(filepath.Join(stage, "man", "*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range append(found, filepath.Join(stage, "CHANGELOG.md")) {
		data, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(stage, "changelog.gz")
		if strings.HasSuffix(page, ".1") {
			to = page + ".gz"
			pages = append(pages, filepath.Base(to))
		}
		if err := write(to, gzipped(data), 0o644); err != nil {
			return nil, err
		}
	}
	news := "Release " + r.tag + "; see changelog.gz"
	log := "- semver: " + r.version + "-1\n  date: " + r.time.Format(time.RFC3339) + "\n  packager: " + maintainer +
		"\n  changes:\n    - note: \"" + news + "\"\n"
	if err := write(filepath.Join(buildDir, "changelog.yaml"), []byte(log), 0o644); err != nil {
		return nil, err
	}
	log = "sso-exec (" + strings.Replace(r.version, "-", "~", 1) + "-1) unstable; urgency=medium\n\n  * " + news +
		"\n\n -- " + maintainer + "  " + r.time.Format(time.RFC1123Z) + "\n"
	if err := write(filepath.Join(stage, "changelog.Debian.gz"), gzipped([]byte(log)), 0o644); err != nil {
		return nil, err
	}
	return pages, filepath.WalkDir(stage, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, r.time, r.time)
	})
}
