package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

const clientID = "cli"

// world is a person with a home directory, a provider and an STS.
type world struct {
	programs string // directory of what hack/bench/run built
	dir      string // everything below here goes in the end
	ca       string
	browser  string
	idp      *providertest.Provider
	sts      *providertest.STS
	clouds   []*hosted.World
}

func newWorld(programs string) (*world, error) {
	dir, err := os.MkdirTemp("", "sso-exec-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{programs: programs, dir: dir, ca: filepath.Join(dir, "ca.pem")}
	w.browser = fmt.Sprintf("%s %s %s", filepath.Join(programs, "bench"), browse, w.ca)
	if err := w.start(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// start starts the servers. Refresh tokens rotate strictly: a second use of one
// ends the session.
func (w *world) start() (err error) {
	w.idp, err = providertest.Start(providertest.Config{AccessTokenLifetime: time.Hour, DeviceInterval: 1})
	if err != nil {
		return err
	}
	if w.sts, err = providertest.StartSTS(providertest.STSConfig{Provider: w.idp}); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(w.ca, w.idp.CAPEM(), 0o600),
		os.Mkdir(filepath.Join(w.dir, "home"), 0o700),
		os.WriteFile(filepath.Join(w.dir, "cargo"), []byte(`{"v":1,"registry":{"index-url":`+
			`"sparse+https://git.example.com/index/"},"kind":"get","operation":"read"}`+"\n"), 0o600),
		os.WriteFile(filepath.Join(w.dir, "git"), []byte("protocol=https\nhost=git.example.com\n\n"), 0o600),
		os.WriteFile(filepath.Join(w.dir, "bazel"), []byte(`{"uri":"https://git.example.com/cas"}`), 0o600),
		os.WriteFile(filepath.Join(w.dir, "docker"), []byte("git.example.com"), 0o600),
		w.writeConfig())
}

func (w *world) close() {
	if w.sts != nil {
		w.sts.Close()
	}
	if w.idp != nil {
		w.idp.Close()
	}
	for _, c := range w.clouds {
		c.Close()
	}
	_ = os.RemoveAll(w.dir)
}

// cloud signs in at stand-ins of Entra ID's and Google's, for a tool that has its token of
// them.
func (w *world) cloud(tool string, standIns []string, more ...string) (*program, error) {
	c, err := hosted.Start()
	if err != nil {
		return nil, err
	}
	w.clouds = append(w.clouds, c)
	for _, name := range standIns {
		if err := c.Open(name); err != nil {
			return nil, err
		}
	}
	p := &program{name: "sso-exec " + tool + ", flags only", env: w.env("HTTPS_PROXY=" + c.Proxy), argv: append([]string{
		filepath.Join(w.programs, "sso-exec"), tool, "--ca-file=" + c.CAFile,
		"--issuer=https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"}, more...)}
	cmd := exec.Command(p.argv[0], append(p.argv[1:], "--flow=device")...)
	cmd.Env = p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", p.name, err, out)
	}
	return p, nil
}

// writeConfig writes the profile corp, apart from the home directory: there it
// would be read by the calls that are to do without.
func (w *world) writeConfig() error {
	path := filepath.Join(w.dir, "config", "sso-exec", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, `version: 1
default-profile: corp
profiles:
  corp:
    issuer: %s
    client-id: %s
    ca-file: %s
    login-timeout: 2m
    hosts: [git.example.com]
  other:
    issuer: https://login.other.example
    client-id: 0oa1b2c3
`, w.idp.Issuer(), clientID, w.ca), 0o600)
}

// env is that of a tool in a terminal; what else surrounds us is no part of it.
func (w *world) env(more ...string) []string {
	return append(more,
		"HOME="+filepath.Join(w.dir, "home"), "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TERM=xterm",
		`KUBERNETES_EXEC_INFO={"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}`)
}

// args are a command with a complete set of flags.
func (w *world) args(tool string, more ...string) []string {
	args := []string{tool, "--issuer=" + w.idp.Issuer(), "--client-id=" + clientID, "--ca-file=" + w.ca}
	if tool == "aws" || tool == "eks" {
		args = append(args, "--role-arn=arn:aws:iam::123456789012:role/dev", "--sts-endpoint="+w.sts.URL())
	}
	return append(args, more...)
}

// sso runs sso-exec and returns its stdout.
func (w *world) sso(tool string, more ...string) ([]byte, error) {
	cmd := exec.Command(filepath.Join(w.programs, "sso-exec"), w.args(tool, more...)...)
	cmd.Env = w.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sso-exec %s: %w: %s", tool, err, strings.TrimSpace(stderr.String()))
	}
	return stdout, nil
}

// signIn signs in with PKCE and the scripted browser.
func (w *world) signIn(more ...string) error {
	_, err := w.sso("kube", append(more, "--flow=pkce", "--browser="+w.browser)...)
	return err
}

// crowd signs in with a cache directory of its own, in which many sessions are kept.
func (w *world) crowd(sessions int) (flag string, err error) {
	dir := filepath.Join(w.dir, "crowd")
	flag = "--cache-dir=" + dir
	if err := w.signIn(flag); err != nil {
		return "", err
	}
	for i := range sessions {
		if err := os.WriteFile(filepath.Join(dir, "sessions", fmt.Sprintf("%064x.json", i)), []byte("{}"),
			0o600); err != nil {
			return "", err
		}
	}
	return flag, nil
}

func (w *world) cache(elem ...string) string {
	return filepath.Join(append([]string{w.dir, "home", ".cache", "sso-exec"}, elem...)...)
}

// forget removes a directory of the cache; without a name all of it.
func (w *world) forget(elem ...string) error { return os.RemoveAll(w.cache(elem...)) }

// age moves every time in a directory of the cache back, as if it had passed.
func (w *world) age(by time.Duration, directory string) error {
	files := 0
	err := filepath.WalkDir(w.cache(directory), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		files++
		return ageFile(path, by)
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("there is nothing in %s", w.cache(directory))
	}
	return err
}

func ageFile(path string, by time.Duration) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	for name, value := range doc {
		text, _ := value.(string)
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			doc[name] = t.Add(-by).Format(time.RFC3339Nano)
		}
	}
	if b, err = json.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}
