package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var harmful = regexp.MustCompile(`\b(chmod|chown|rm|sudo|icacls) `)

// TestHintsDoNoHarm: no command is suggested that changes the system's places, or
// takes from somebody else what is theirs; for one's own it is.
func TestHintsDoNoHarm(t *testing.T) {
	u := newUsers(t)
	own := t.TempDir()
	open(t, filepath.Join(own, "x"))
	me := os.Geteuid()
	if me == 0 {
		me = alice
	}
	givenDir(t, own, me, me, 0o755)
	etc, link := filepath.Join(own, "to-etc"), filepath.Join(own, "to-root")
	file := filepath.Join(own, "secret")
	if err := errors.Join(os.Symlink("/etc", etc), os.Symlink("/", link), os.WriteFile(file, []byte("x"), 0o600),
		os.Chmod(file, 0o644), os.Chown(file, me, me)); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	uids := []int{me}
	if os.Geteuid() == 0 {
		uids = append(uids, 0)
	}
	for _, uid := range uids {
		for _, c := range [][]string{
			{"--cache-dir", "/"}, {"--cache-dir", "/tmp"}, {"--cache-dir", "/var/tmp"}, {"--cache-dir", "/home"},
			{"--cache-dir", "/proc/self/cwd"},
			{"--cache-dir", "/proc/self/root"}, {"--cache-dir", "/proc/self/root/etc"}, {"--cache-dir", "/etc"},
			{"--cache-dir", "/etc/ssl"}, {"--cache-dir", "//etc/../etc/."},
			{"--cache-dir", "/usr/lib"}, {"--cache-dir", "/var/lib"}, {"--cache-dir", "/dev"}, {"--cache-dir", "/sys"},
			{"--cache-dir", "/run"}, {"--cache-dir", "/opt"},
			{"--cache-dir", etc}, {"--cache-dir", link}, {"--cache-dir", filepath.Join(etc, "ssl")},
			{"--cache-dir", filepath.Dir(own)},
			{"--log-file", "/etc/passwd"}, {"--log-file", filepath.Join(etc, "passwd")}, {"--log-file", "/proc/self/exe"},
			{"--log-file", "/dev/stdout"},
			{"--client-secret-file", "/etc/passwd"}, {"--client-secret-file", filepath.Join(etc, "passwd")},
			{"--config", "/proc/self/status"}, {"--ca-file", "/etc/passwd"},
			{"--client-key-file", "/etc/passwd"},
		} {
			if c[0] == "--cache-dir" && c[1] == filepath.Dir(own) && uid == 0 {
				continue // root's own
			}
			env := []string{"HOME=" + filepath.Join(own, "home")}
			args := append([]string{"kube", "--interactive", "never", "--issuer", u.idp.Issuer(), "--ca-data",
				encodeCA(u.idp.CAPEM()), "--client-id", "cli"}, c...)
			if c[0] == "--ca-file" {
				args = append([]string{"kube", "--interactive", "never", "--issuer", u.idp.Issuer(), "--client-id", "cli"}, c...)
			}
			o := u.runAs(uid, uid, nil, env, args...)
			if o.code == 0 || harmful.MatchString(o.stderr) {
				t.Errorf("as %d %v: exit code %d, %s", uid, c, o.code, o.stderr)
			}
			if c[0] == "--cache-dir" && o.code != exitStorage {
				t.Errorf("as %d %v: exit code %d, %s", uid, c, o.code, o.stderr)
			}
		}
	}
	// Of one's own the command is named, by its absolute path.
	for want, c := range map[string][]string{
		"chmod 700 " + own:  {"--cache-dir", own},
		"chmod 600 " + file: {"--log-file", file},
	} {
		args := append([]string{"kube", "--interactive", "never", "--issuer", u.idp.Issuer(), "--client-id", "cli"}, c...)
		if o := u.runAs(me, me, nil, []string{"HOME=/"}, args...); o.code != exitStorage ||
			!strings.Contains(o.stderr, "fix it with: "+want+"\n") {
			t.Errorf("%v: exit code %d, %s", c, o.code, o.stderr)
		}
	}
}
