//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/hosted"
)

// newOrgBench is a home for the built binary, and the provider with organizations.
func newOrgBench(t testing.TB) (*bench, *orgIdP) {
	t.Helper()
	w := hosted.New(t)
	i := newOrgIdP(w)
	home := t.TempDir()
	b := &bench{bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "HTTPS_PROXY=" + w.Proxy, "https_proxy=" + w.Proxy,
		"IDP_CA=" + w.CAFile,
		"SSO_EXEC_CA_FILE=" + w.CAFile, "SSO_EXEC_CACHE_DIR=" + b.dir, "SSO_EXEC_BROWSER=testbrowser"}
	dir := filepath.Join(home, ".config", "sso-exec")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(orgConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, i
}

const orgConfig = `version: 1
default-profile: any
profiles:
  any:
    issuer: https://api.workos.com
    client-id: client_01TEST
  org_A: {extends: any, organization: org_A}
  org_B: {extends: any, organization: org_B}
  org_C: {extends: any, organization: org_C}
  moves:
    extends: any
    organization: org_A
`

// keys is a process on a terminal of its own, and who types there.
type keys struct {
	control *os.File
	cmd     *exec.Cmd
	read    chan struct{} // closed at the end of the output
	mu      sync.Mutex
	out     bytes.Buffer
}

func (b *bench) onKeys(t *testing.T, columns int, env []string, args ...string) *keys {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(control.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Row: 24, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	k := &keys{control: control, read: make(chan struct{}), cmd: exec.Command(b.bin, args...)}
	k.cmd.Env = append(append([]string{"TERM=xterm", "LANG=C.UTF-8", "DISPLAY=:0"}, b.env...), env...)
	k.cmd.Stdin, k.cmd.Stdout, k.cmd.Stderr = tty, tty, tty
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
		_ = k.cmd.Wait()
	})
	go func() {
		defer close(k.read)
		buf := make([]byte, 4096)
		for {
			n, err := control.Read(buf)
			k.mu.Lock()
			k.out.Write(buf[:n])
			k.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return k
}

func (k *keys) screen() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.out.String()
}

func (k *keys) sees(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(k.screen(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q never came:\n%s", text, k.screen())
		}
	}
}

func (k *keys) types(t *testing.T, text string) {
	t.Helper()
	if _, err := k.control.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (k *keys) ends(t *testing.T, code int) {
	t.Helper()
	_ = k.cmd.Wait()
	<-k.read // all that it wrote
	if got := k.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d\n%s", got, code, k.screen())
	}
}

// TestChooseOrganization: the person chooses on the terminal, at any width and
// without any sequences too; what is not a choice is asked for again; the sign-in
// takes one more page, and no more.
func TestChooseOrganization(t *testing.T) {
	for name, c := range map[string]struct {
		columns int
		env     []string
		typed   string
		org     string
	}{
		"wide":     {120, nil, "2\r", "org_B"},
		"narrow":   {40, []string{"NO_COLOR=1"}, "3\r", "org_C"},
		"dumb":     {80, []string{"TERM=dumb"}, "1\r", "org_A"},
		"by name":  {80, nil, "beta inc\r", "org_B"},
		"by ID":    {80, nil, "org_C\r", "org_C"},
		"mistyped": {80, nil, "3\x7f2\r", "org_B"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, i := newOrgBench(t)
			k := b.onKeys(t, c.columns, c.env, "login")
			k.sees(t, "Which organization?")
			for _, wrong := range []string{"\r", "0\r", "4\r", "two\r"} {
				before := strings.Count(k.screen(), "Type a number from 1 to")
				k.types(t, wrong)
				until(t, "to be asked again", func() bool { return strings.Count(k.screen(), "Type a number from 1 to") > before })
			}
			k.types(t, c.typed)
			k.ends(t, 0)
			for _, want := range []string{"Signed in to api.workos.com as alice@corp.example (profile any).",
				"run: sso-exec org use " + c.org} {
				if !strings.Contains(strings.Join(strings.Fields(k.screen()), " "), want) {
					t.Errorf("not said: %q", want)
				}
			}
			plain := regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]").ReplaceAllString(k.screen(), "")
			for line := range strings.Lines(plain) {
				shown := line[strings.LastIndex(strings.TrimRight(line, "\r\n"), "\r")+1:]
				if n := len([]rune(strings.TrimRight(shown, "\r\n "))); n > c.columns && !strings.Contains(shown, "://") &&
					!strings.Contains(shown, "sso-exec org use") && !strings.Contains(shown, "  ") {
					t.Errorf("%d columns: %q", n, shown)
				}
			}
			if strings.Contains(k.screen(), "pending_") {
				t.Error("the pending token is shown")
			}
			o := b.mustRun(t, "token")
			if got := orgOfJWT(strings.TrimSpace(o.stdout)); got != c.org {
				t.Errorf("the token is for %q", got)
			}
			i.with(func() {
				if i.pages != 2 {
					t.Errorf("%d pages were opened", i.pages)
				}
			})
			o = b.mustRun(t, "org", "list")
			for _, name := range []string{"Acme", "Beta Inc", "Gamma"} {
				if !strings.Contains(o.stdout, name) {
					t.Errorf("org list does not know %s:\n%s", name, o.stdout)
				}
			}
			if t.Failed() {
				t.Log(k.screen())
			}
		})
	}
}

// TestChooseNoOrganization: Ctrl-D and Ctrl-C end the choice, and leave the
// terminal as it was; nothing is stored.
func TestChooseNoOrganization(t *testing.T) {
	for key, code := range map[string]int{"\x04": 4, "\x03": 130} {
		b, i := newOrgBench(t)
		k := b.onKeys(t, 80, nil, "token")
		k.sees(t, "number: ")
		until(t, "the keyboard", func() bool { return !echoes(t, k.control) })
		k.types(t, key)
		k.ends(t, code)
		if !echoes(t, k.control) {
			t.Errorf("%q: the terminal does not echo any more", key)
		}
		if names, _ := filepath.Glob(filepath.Join(b.dir, "sessions", "*.json")); len(names) > 0 {
			t.Errorf("stored: %q", names)
		}
		i.with(func() {
			if i.pages != 1 {
				t.Errorf("%d pages were opened", i.pages)
			}
		})
	}
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// tokensOfOrgs reads every stored token's own organization and that of its file.
func (b *bench) tokensOfOrgs(t testing.TB) (orgs []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, "tokens", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		var doc struct{ AccessToken, Organization string }
		raw, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(raw, &doc)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if of := orgOfJWT(doc.AccessToken); of != doc.Organization {
			t.Errorf("%s says %q, and its token is for %q", name, doc.Organization, of)
		}
		orgs = append(orgs, doc.Organization)
	}
	slices.Sort(orgs)
	return orgs
}

// TestOrganizationsFromNothing: processes of three organizations begin at once,
// where nobody has signed in: one page is opened, and the others get theirs from
// that session, one refresh at a time.
func TestOrganizationsFromNothing(t *testing.T) {
	b, i := newOrgBench(t)
	b.setenv("DISPLAY", ":0")
	b.storms(t, 30, nil)
	if c := i.Counts(); i.pages != 1 || c.Reuses != 0 || c.Replays != 0 || c.AtOnce != 0 || c.Rotations != 2 {
		t.Errorf("%d pages, %+v", i.pages, c)
	}
	if got := b.tokensOfOrgs(t); !slices.Equal(got, []string{"org_A", "org_B", "org_C"}) {
		t.Errorf("stored: %q", got)
	}
}
