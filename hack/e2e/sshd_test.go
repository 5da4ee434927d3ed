package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"
)

// sshServer is a real sshd on a port of this machine, where the person of the
// tests may log in with a key. What runs there has a root of its own.
type sshServer struct {
	dir, host, port string
	user            string
}

func newSSHServer(t *testing.T, on place) *sshServer {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{dir: dir, user: me.Username}
	s.host, s.port, _ = net.SplitHostPort(address)
	s.keys(t)
	config := filepath.Join(dir, "sshd_config")
	s.file(t, "sshd_config", fmt.Sprintf(`ListenAddress %[1]s:%[2]s
HostKey %[3]s/host_key
AuthorizedKeysFile %[3]s/authorized_keys
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
PrintLastLog no
X11Forwarding yes
AllowTcpForwarding yes
`, s.host, s.port, dir))

	on = on.withFile("/var/log/lastlog", "") // else sshd says that it is missing
	on.root.Binds = append(on.root.Binds, dir)
	on.root.Dirs = append(on.root.Dirs, "/run/sshd") // where its unprivileged half is locked up
	if os.Getuid() != 0 {
		on.root = nil // sshd gives its terminals to the group tty, which isn't in our user namespace
	}
	server := place{c: on.c, root: on.root}.start(mustTarget(t, "sshd"), "-D", "-e", "-f", config)
	server.eventually("sshd does not listen", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// mustTarget is where a link in .bin leads: sshd runs itself by its own name,
// which has to be absolute, and be the same in another root.
func mustTarget(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(mustTool(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// keys makes the host's key and the person's.
func (s *sshServer) keys(t *testing.T) {
	t.Helper()
	for _, name := range []string{"host_key", "id"} {
		if out, err := exec.Command(mustTool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "e2e", "-f",
			filepath.Join(s.dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	public := func(name string) string {
		text, err := os.ReadFile(filepath.Join(s.dir, name+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	s.file(t, "authorized_keys", public("id"))
	s.file(t, "known_hosts", fmt.Sprintf("[%s]:%s %s", s.host, s.port, public("host_key")))
}

func (s *sshServer) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ssh are the words of a command line that logs in there.
func (s *sshServer) ssh(options ...string) []string {
	return append([]string{
		"-F", os.DevNull, "-p", s.port, "-l", s.user, "-i", filepath.Join(s.dir, "id"),
		"-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "UserKnownHostsFile=" + filepath.Join(s.dir, "known_hosts"),
	}, append(options, s.host)...)
}
