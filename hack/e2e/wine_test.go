package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// wine starts Windows as far as Wine is it, in the Debian 13 below .bin/wine: its
// server lives until the tests end, in mounts of its own, and programs are started next
// to it. The person is called Zoë Ann.
var wine = sync.OnceValues(func() (pid int, err error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("Wine needs mounts, and those root")
	}
	root, err := tool("wine")
	if err != nil {
		return 0, err
	}
	repo, err := filepath.Abs("../..")
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(winePrefix(), 0o700); err != nil {
		return 0, err
	}
	for name, text := range map[string]string{
		"wine.passwd": "Zoë Ann:x:0:0::/:/bin/sh\n",
		"wine.hosts":  "127.0.0.1 localhost\n",
	} {
		if err := os.WriteFile(filepath.Join(scratch, name), []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	const enter = `mount -t proc proc "$R/proc" && mount --rbind /dev "$R/dev" && mount -t tmpfs tmpfs "$R/tmp" &&
for dir in "$S" "$P"; do mkdir -p "$R$dir" && mount --bind "$dir" "$R$dir" || exit 1; done &&
mount --bind "$S/wine.passwd" "$R/etc/passwd" && touch "$R/etc/hosts" && mount --bind "$S/wine.hosts" "$R/etc/hosts" &&
umask 077 && exec chroot "$R" env -i "$@"`
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, "sh"},
		append(wineEnv(), "/usr/lib/wine/wineserver64", "-f", "-p")...)...)
	cmd.Env = append(os.Environ(), "R="+root, "S="+scratch, "P="+repo)
	server, err := spawn(cmd)
	if err != nil {
		return 0, err
	}
	server.ask = syscall.SIGINT // at which it ends the programs too; at SIGTERM they stay
	addComponent(component{process: server, name: "wine"})
	pid = server.cmd.Process.Pid
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); strings.HasSuffix(exe, "wineserver64") {
			break
		} else if time.Now().After(deadline) {
			return 0, fmt.Errorf("Wine's server does not start")
		}
	}
	if err := inWine(pid, "/", nil, "wineboot", "-i").Run(); err != nil { // its services keep stdout and stderr
		return 0, fmt.Errorf("wineboot: %w", err)
	}
	return pid, nil
})

func winePrefix() string { return filepath.Join(scratch, "wine.prefix") }

func wineEnv() []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + scratch, "LANG=C.UTF-8", "WINEDEBUG=-all",
		"WINEPREFIX=" + winePrefix()}
}

// inWine is a command next to Wine's server.
func inWine(pid int, dir string, env []string, words ...string) *exec.Cmd {
	args := append([]string{"-t", strconv.Itoa(pid), "-m", "-r", "-w", "env", "-i"}, append(wineEnv(), env...)...)
	args = append(args, "sh", "-c", `umask 077 && cd "$0" && exec "$@"`, dir)
	return exec.Command("nsenter", append(args, words...)...)
}

// onWindows is a path as Windows programs see it: / is drive Z.
func onWindows(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// windows is a person there, with a provider of their own.
type windows struct {
	t     *testing.T
	pid   int
	idp   *providertest.Provider
	home  string // where their files are, on this side
	cache string // on this side too
	env   []string
	bin   string    // sso-exec.exe and others, on this side
	stdin string    // of what is started, without a console
	tty   *terminal // the console of what is started; nil: there is none
}

func newWindows(t *testing.T, c providertest.Config) *windows {
	t.Helper()
	pid, err := wine()
	if err != nil {
		t.Fatal(err)
	}
	if c.AccessTokenLifetime == 0 {
		c.AccessTokenLifetime = time.Hour
	}
	base, err := os.MkdirTemp(scratch, "wine-") //nolint:usetesting // where Wine sees it
	if err != nil {
		t.Fatal(err)
	}
	w := &windows{t: t, pid: pid, idp: providertest.New(t, c), bin: mustTool(t, "windows"),
		home: filepath.Join(winePrefix(), "drive_c/users/Zoë Ann"), cache: filepath.Join(base, "a cache of Zoë's")}
	ca := filepath.Join(base, "ca.pem")
	if err := os.WriteFile(ca, w.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"SSO_EXEC_ISSUER=" + w.idp.Issuer(), "SSO_EXEC_CLIENT_ID=cli", "SSO_EXEC_CA_FILE=" + onWindows(ca),
		"SSO_EXEC_CACHE_DIR=" + onWindows(w.cache)}
	return w
}

func (w *windows) run(words ...string) *command {
	w.t.Helper()
	r := &command{t: w.t}
	cmd := inWine(w.pid, w.bin, w.env, append([]string{"wine"}, words...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(w.stdin), &r.stdout, &r.stderr
	if w.tty != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = w.tty.slave, w.tty.slave, w.tty.slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	var err error
	if r.process, err = spawn(cmd); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.signal(syscall.SIGKILL) })
	return r
}

func (w *windows) sso(args ...string) *command {
	w.t.Helper()
	return w.run(append([]string{filepath.Join(w.bin, "sso-exec.exe")}, args...)...)
}

// refused waits for a command that has to end with a code and say these.
func (w *windows) refused(r *command, code int, says ...string) {
	w.t.Helper()
	res := r.wait()
	for _, text := range says {
		if !strings.Contains(res.stderr, text) {
			w.t.Errorf("it does not say %q", text)
		}
	}
	if res.code != code || w.t.Failed() {
		w.t.Errorf("ended with %d, want %d: %s%s", res.code, code, res.stdout, res.stderr)
	}
}

// signIn signs in by a code, with a device that the test is.
func (w *windows) signIn(more ...string) {
	w.t.Helper()
	w.approve(w.sso(append([]string{"login", "--flow", "device"}, more...)...)).ok()
}

func (w *windows) approve(r *command) *command {
	w.t.Helper()
	code := regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if found := code.FindString(r.stderr.String()); found != "" {
			if err := w.idp.ApproveDevice(found); err != nil {
				w.t.Fatal(err)
			}
			return r
		}
	}
	w.t.Fatalf("no code is shown: %q", r.stderr.String())
	return nil
}

// desk is where a browser's URLs arrive, and the flag that names such a browser.
func (w *windows) desk() (flag string, urls chan string) {
	urls = make(chan string, 8)
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		urls <- r.FormValue("url")
	}))
	w.t.Cleanup(desk.Close)
	return "--browser=" + onWindows(filepath.Join(w.bin, "wine.exe")) + " " + desk.URL, urls
}

// visit does what a browser does with a URL, and returns the last page.
func (w *windows) visit(url string) {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.idp.CAPEM())
	browser := http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	resp, err := browser.Get(url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Errorf("the last page: %s", resp.Status)
	}
}

// stored are the files of a kind in the cache, on this side.
func (w *windows) stored(kind string) []string {
	files, _ := filepath.Glob(filepath.Join(w.cache, kind, "*"))
	return files
}

func (w *windows) document(r *command) string {
	w.t.Helper()
	var doc struct{ Status struct{ Token string } }
	if out := r.ok(); json.Unmarshal([]byte(out), &doc) != nil || doc.Status.Token == "" {
		w.t.Fatalf("no document: %q", out)
	}
	return doc.Status.Token
}
