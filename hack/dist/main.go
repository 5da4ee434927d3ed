// Dist makes the files of a release from what hack/dist/run has built into
// dist/build: archives, packages, an image, manifests, SBOMs, checksums, a
// provenance statement. It writes nothing that depends on who runs it, where or when.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	home  = "https://github.com/sso-exec/sso-exec"
	short = "One SSO sign-in for kubectl, AWS, git, docker and APIs"
	long  = "Sign in once through your company's identity provider; get credentials for kubectl, AWS, git, docker and " +
		"any API."
	buildDir  = "dist/build"
	outDir    = "dist"
	moduleDir = "hack/dist"
)

// A release is what is made, and of what.
type release struct {
	tag, version, commit string // version is the tag without its v
	time                 time.Time
	platforms            []*platform
}

// A platform is one that was built.
type platform struct {
	OS, Arch string // as Go names them
	Archive  string // file name in dist
	SHA256   string // of the archive
	dir      string // holds what the archive has
	modules  []linked
}

// name is the platform as file names have it.
func (p *platform) name() string {
	if p.Arch == "arm" {
		return p.OS + "_armv7"
	}
	return p.OS + "_" + p.Arch
}

func (p *platform) exe() string {
	if p.OS == "windows" {
		return "sso-exec.exe"
	}
	return "sso-exec"
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hack/dist:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil || len(args) < 3 {
		return errors.New("usage: SOURCE_DATE_EPOCH=SECONDS dist VERSION COMMIT PLATFORMS")
	}
	r := &release{tag: args[0], version: strings.TrimPrefix(args[0], "v"), commit: args[1],
		time: time.Unix(seconds, 0).UTC()}
	for _, p := range args[2:] {
		goos, arch, _ := strings.Cut(p, "/")
		r.platforms = append(r.platforms, &platform{OS: goos, Arch: arch})
	}
	for _, p := range r.platforms {
		fmt.Println("hack/dist: " + p.name())
		for _, step := range []func(*platform) error{r.stage, r.archive, r.packages, r.sbom} {
			if err := step(p); err != nil {
				return fmt.Errorf("%s: %w", p.name(), err)
			}
		}
	}
	for _, step := range []func() error{r.image, r.manifests, r.provenance, r.checksums, r.sign} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// stage lays out what the archive of a platform has.
func (r *release) stage(p *platform) error {
	build := filepath.Join(buildDir, p.OS+"-"+p.Arch)
	p.dir = filepath.Join(build, fmt.Sprintf("sso-exec_%s_%s", r.version, p.name()))
	var err error
	if p.modules, err = linkedInto(filepath.Join(build, p.exe())); err != nil {
		return err
	}
	if err := write(filepath.Join(p.dir, "THIRD-PARTY.txt"), thirdParty(p.modules), 0o644); err != nil {
		return err
	}
	files := map[string]string{p.exe(): filepath.Join(build, p.exe()), "LICENSE": "LICENSE", "README.md": "README.md",
		"CHANGELOG.md": "CHANGELOG.md", "config.example.yaml": moduleDir + "/config.yaml"}
	for _, dir := range []string{"man", "completions"} {
		found, err := os.ReadDir(filepath.Join(buildDir, dir))
		if err != nil {
			return err
		}
		for _, f := range found {
			files[dir+"/"+f.Name()] = filepath.Join(buildDir, dir, f.Name())
		}
	}
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if to == p.exe() {
			mode = 0o755
		}
		if err := write(filepath.Join(p.dir, to), data, mode); err != nil {
			return err
		}
	}
	return nil
}

// write makes a file and the directories above it.
func write(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, mode)
}

// sign signs what vouches for all else, with COSIGN_KEY where that is given. The
// release workflow signs keyless instead.
func (r *release) sign() error {
	key := os.Getenv("COSIGN_KEY")
	if key == "" {
		return nil
	}
	for _, name := range []string{"checksums.txt", r.provenanceName()} {
		file := filepath.Join(outDir, name)
		args := []string{"sign-blob", "--yes", "--tlog-upload=false", "--key", key, "--output-signature", file + ".sig", file}
		cmd := exec.Command("cosign", args...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("cosign sign-blob %s: %w", name, err)
		}
	}
	return nil
}

// made lists the release's files in dist, sorted, except for those named.
func made(except ...string) ([]string, error) {
	var names []string
	for _, pattern := range []string{"sso-exec*", "krew/*"} {
		found, err := filepath.Glob(filepath.Join(outDir, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			name, _ := filepath.Rel(outDir, f)
			if name = filepath.ToSlash(name); !slices.Contains(except, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
