package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/ptytest"
	"github.com/sso-exec/sso-exec/providertest"
)

// onTerminal starts a shell script on a terminal of its own, at which control types;
// screen returns what came there so far.
func (b *bench) onTerminal(t *testing.T, script string) (cmd *exec.Cmd, control *os.File, screen func() string) {
	t.Helper()
	control, tty := ptytest.Open(t, 0, 0)
	cmd = exec.Command("/bin/sh", "-c", script)
	cmd.Env = append([]string{"TERM=xterm", "SSO_EXEC=" + b.bin}, b.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	var mu sync.Mutex
	var out bytes.Buffer
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := control.Read(buf)
			mu.Lock()
			out.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return cmd, control, func() string {
		mu.Lock()
		defer mu.Unlock()
		return out.String()
	}
}

// TestFoldsAtWidth: no line is wider than the terminal but one that is a single word, is
// YAML, or has a command in it to be pasted; in a pipe nothing is folded.
func TestFoldsAtWidth(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.withHosts(t, []string{"git.corp.example"})
	b.env = append(b.env, "SSO_EXEC_PROFILE=corp")
	whole := regexp.MustCompile(`^[ #]*\S*$|sso-exec |^ *[a-z-]+: \S+$|export PATH=`)
	escapes := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	for columns, seen := range map[int]string{80: "\nnamed   /", 40: "# variable SSO_EXEC_CACHE_DIR\n"} {
		_, _, screen := b.onTerminal(t, fmt.Sprintf("stty cols %d rows 50\n", columns)+`
			for words in "config view --origin" "config path" "org list" "policy explain" "profile list" status whoami \
				"audit show" doctor "kube --profile none"; do
				echo "$words"; "$SSO_EXEC" $words
			done; "$SSO_EXEC" token --force --explain >/dev/null; echo all done`)
		until(t, "the end", func() bool { return strings.Contains(screen(), "all done") })
		text := strings.ReplaceAll(escapes.ReplaceAllString(screen(), ""), "\r\n", "\n")
		for line := range strings.SplitSeq(text, "\n") {
			if utf8.RuneCountInString(line) > columns && !whole.MatchString(line) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
		if !strings.Contains(text, seen) || !strings.Contains(text, "renewed, without") {
			t.Errorf("%d columns: not so: %s", columns, text)
		}
	}
	if out := b.run("config", "view", "--origin"); !strings.Contains(out.stdout, "\n    client-id: cli # ") {
		t.Errorf("in a pipe: %s", out.stdout)
	}
}

// TestOnePromptOnATerminal: two sessions that need somebody on one terminal ask
// one after the other. The second sends no device request before its turn, so
// that its code does not run out unseen, and nobody tears the first one's prompt.
func TestOnePromptOnATerminal(t *testing.T) {
	b := newBench(t, providertest.Config{DeviceInterval: 1})
	cmd, _, screen := b.onTerminal(t, `
		"$SSO_EXEC" token --session a --flow device >/dev/null &
		"$SSO_EXEC" token --session b --flow device >/dev/null &
		wait; echo all done`)
	for n := range 2 {
		until(t, "a code", func() bool {
			return len(b.idp.PendingUserCodes()) > 0 && strings.Count(screen(), "Enter this code") == n+1
		})
		time.Sleep(4 * time.Second) // long enough for a second request, and for a word about the wait
		codes := b.idp.PendingUserCodes()
		if len(codes) != 1 {
			t.Fatalf("%d codes are shown at once\n%s", len(codes), screen())
		}
		if err := b.idp.ApproveDevice(codes[0]); err != nil {
			t.Fatal(err)
		}
		until(t, "the line of success", func() bool { return strings.Count(screen(), " as alice") == n+1 })
	}
	until(t, "the end", func() bool { return strings.Contains(screen(), "all done") })
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(screen(), "waiting for another") {
		t.Errorf("somebody talks into the prompt:\n%s", screen())
	}
}

// TestTerminalGoesAway: the line of an SSH session drops in the middle of a
// sign-in. It ends by the hangup and leaves no lock; one that is to outlive the
// terminal (nohup) goes on, and signs in.
func TestTerminalGoesAway(t *testing.T) {
	for _, nohup := range []bool{false, true} {
		for flow, last := range map[string]string{"device": "Ctrl-C cancels", "paste": "address:", "pkce": "Ctrl-C cancels"} {
			b := newBench(t, providertest.Config{DeviceInterval: 1})
			control, tty := ptytest.Open(t, 80, 50)
			script := `exec "$0" "$@"`
			if nohup {
				script = `trap '' HUP; exec "$0" "$@"`
			}
			cmd := exec.Command("/bin/sh", "-c", script, b.bin, "token", "--flow", flow, "--browser", "none")
			cmd.Env = append([]string{"TERM=xterm"}, b.env...)
			var stdout bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, &stdout, tty
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			var screen bytes.Buffer
			for buf := make([]byte, 4096); !strings.Contains(screen.String(), last); {
				n, err := control.Read(buf)
				if err != nil {
					t.Fatalf("%v: %s", err, screen.String())
				}
				screen.Write(buf[:n])
			}
			tty.Close()
			control.Close() // the line drops
			want := 128 + int(syscall.SIGHUP)
			if nohup {
				want = 0
				answer(t, b, flow, screen.String())
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != want || (stdout.Len() > 0) != nohup {
				t.Errorf("%s, nohup %v: exit code %d, want %d, and %d bytes on stdout", flow, nohup, code, want, stdout.Len())
			}
			b.locksFree(t)
		}
	}
}

// answer signs in where a prompt on a terminal says.
func answer(t *testing.T, b *bench, flow, screen string) {
	t.Helper()
	if flow == "device" {
		if err := b.idp.ApproveDevice(b.idp.PendingUserCodes()[0]); err != nil {
			t.Fatal(err)
		}
		return
	}
	resp, err := b.idp.Client().Get(regexp.MustCompile(`https://\S+state=\S+`).FindString(screen))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestNewAddress: the address of a pushed request ends (RFC 9126 §2.2), maybe before
// the person has opened it. Enter brings another one, for the same sign-in.
func TestNewAddress(t *testing.T) {
	b := newBench(t, providertest.Config{RequirePAR: true})
	cmd, control, screen := b.onTerminal(t, `exec "$SSO_EXEC" login --flow paste --browser none`)
	until(t, "the prompt", func() bool { return strings.Contains(screen(), "address: ") })
	const ends = "The address can be opened within 60 seconds. After that, press Enter for a new one."
	if said := strings.Join(strings.Fields(screen()), " "); !strings.Contains(said, ends) {
		t.Errorf("%q", screen())
	}
	if _, err := control.WriteString("\r"); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	until(t, "a new address", func() bool {
		addresses = regexp.MustCompile(`https://\S+request_uri=\S+`).FindAllString(screen(), -1)
		return len(addresses) == 2
	})
	if addresses[0] == addresses[1] || b.idp.Requests().PAR != 2 {
		t.Errorf("%q, after %d requests", addresses, b.idp.Requests().PAR)
	}
	resp, err := b.idp.Client().Get(addresses[1])
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	until(t, "the end", func() bool { return strings.Contains(screen(), " as alice.") })
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
