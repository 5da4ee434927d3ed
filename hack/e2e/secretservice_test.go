package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// secretService is a session bus of a test's own with a GNOME Keyring on it.
type secretService struct {
	t       *testing.T
	env     []string
	keyring *process
}

// newSecretService starts both. They end with the test, by their process ids.
func newSecretService(t *testing.T, password string) *secretService {
	t.Helper()
	home := t.TempDir()
	s := &secretService{t: t,
		env: []string{"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data"),
			"PATH=" + os.Getenv("PATH")}}
	address := "unix:path=" + filepath.Join(home, "test-bus")
	bus := s.spawn("dbus-daemon", nil, "--session", "--nofork", "--nopidfile", "--address="+address)
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS="+address)
	s.await("the bus", bus, func() bool {
		_, err := os.Stat(filepath.Join(home, "test-bus"))
		return err == nil
	})
	s.keyring = s.spawn("gnome-keyring-daemon", strings.NewReader(password), "--foreground", "--components=secrets",
		"--unlock")
	s.await("the keyring", s.keyring, s.owned)
	return s
}

func (s *secretService) spawn(name string, stdin io.Reader, args ...string) *process {
	s.t.Helper()
	cmd := exec.Command(mustTool(s.t, name), args...)
	cmd.Env, cmd.Stdin = s.env, stdin
	p, err := spawn(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.stop()
	})
	return p
}

func (s *secretService) await(what string, p *process, ready func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.done:
			s.t.Fatalf("%s has ended: %v", what, p.err)
		default:
		}
		if ready() {
			return
		}
	}
	s.t.Fatalf("%s is not ready", what)
}

// entries lists what sso-exec has in the keyring: the secrets by their accounts.
func (s *secretService) entries() map[string]string {
	s.t.Helper()
	cmd := exec.Command(mustTool(s.t, "secret-tool"), "search", "--all", "--unlock", "service", "sso-exec")
	cmd.Env = s.env
	out, err := cmd.CombinedOutput() // the attributes are on stderr, which is not in step with stdout
	if err != nil && len(out) > 0 {
		s.t.Fatalf("secret-tool: %v\n%s", err, out)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`attribute\.username = (\S+)`).FindAllSubmatch(out, -1) {
		account := string(m[1])
		lookup := exec.Command(mustTool(s.t, "secret-tool"), "lookup", "service", "sso-exec", "username", account)
		lookup.Env = s.env
		secret, err := lookup.Output()
		if err != nil {
			s.t.Fatal(err)
		}
		found[account] = string(secret)
	}
	return found
}

// one is the only entry.
func (s *secretService) one() (account, secret string) {
	s.t.Helper()
	all := s.entries()
	if len(all) != 1 {
		s.t.Fatalf("the keyring has %d entries, want one", len(all))
	}
	for account, secret = range all {
	}
	return account, secret
}

// call calls a method on the bus, of a service below org.freedesktop.
func (s *secretService) call(service, path, method string, args ...string) error {
	cmd := exec.Command(mustTool(s.t, "dbus-send"),
		append([]string{"--session", "--print-reply", "--dest=org.freedesktop." + service, path, method}, args...)...)
	cmd.Env = s.env
	return cmd.Run()
}

// owned tells whether a Secret Service is on the bus. A call of one would start it.
func (s *secretService) owned() bool {
	return s.call("DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner",
		"string:org.freedesktop.secrets") == nil
}

// named lists the processes of a name.
func named(t *testing.T, name string) (pids []string) {
	t.Helper()
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, comm := range comms {
		if content, err := os.ReadFile(comm); err == nil && strings.TrimSpace(string(content)) == name {
			pids = append(pids, filepath.Base(filepath.Dir(comm)))
		}
	}
	return pids
}
