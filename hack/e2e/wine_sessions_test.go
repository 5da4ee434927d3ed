package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestWine: a person who is called Zoë Ann signs in on Windows, by a code and by a
// browser, lives on the cache, from memory too, and signs out.
func TestWine(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.refused(w.sso("kube", "--interactive", "never"), 3, "sso-exec login")
	w.signIn()
	first := w.document(w.sso("kube"))
	w.idp.ResetRequests()
	for fast, deadline := false, time.Now().Add(time.Minute); !fast; {
		traced := *w
		traced.env = append(slices.Clone(w.env), "GODEBUG=inittrace=1")
		r := traced.sso("kube")
		if w.document(r) != first {
			t.Fatal("another token")
		}
		n := strings.Count(r.stderr.String(), "init ")
		if fast = n <= 30; fast {
			t.Logf("answered from memory, after %d packages", n)
		} else if time.Now().After(deadline) {
			t.Fatalf("never answered from memory: %d packages\n%s", n, r.stderr.String())
		}
	}
	if n := w.idp.Requests().All; n != 0 {
		t.Errorf("%d requests for what is cached", n)
	}
	if out := w.sso("status").ok(); !strings.Contains(out, w.idp.Issuer()) {
		t.Errorf("status: %s", out)
	}
	refresh := w.idp.LastTokens().RefreshToken
	w.sso("logout").ok()
	if w.idp.Alive(refresh) || len(w.stored("tokens"))+len(w.stored("sessions")) > 0 {
		t.Errorf("after the sign-out: alive %v, %q, %q", w.idp.Alive(refresh), w.stored("tokens"), w.stored("sessions"))
	}
	w.refused(w.sso("kube", "--interactive", "never"), 3)

	flag, urls := w.desk()
	kube := w.sso("kube", "--flow", "pkce", flag)
	select {
	case url := <-urls:
		w.visit(url)
	case <-time.After(time.Minute):
		t.Fatalf("no browser: %s", kube.stderr.String())
	}
	if w.document(kube) == first {
		t.Error("the token of before")
	}
}

// TestWineStorm: twenty processes at a provider where a second use of a refresh token
// ends the session are one request.
func TestWineStorm(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.idp.Edit(providertest.DeviceCode, providertest.With("expires_in", 5))
	w.signIn()
	time.Sleep(6 * time.Second)
	w.idp.ResetRequests()
	var calls []*command
	for range 20 {
		calls = append(calls, w.sso("token", "--interactive", "never"))
	}
	tokens := map[string]bool{}
	for _, r := range calls {
		tokens[r.ok()] = true
	}
	if n := w.idp.Requests().RefreshToken; n != 1 || len(tokens) != 1 || w.idp.Reuses() != 0 {
		t.Errorf("%d refreshes, %d tokens, %d reuses", n, len(tokens), w.idp.Reuses())
	}
}

// TestAllWineKill: a process that is killed, at any moment of a refresh, leaves nothing
// half and no lock; at worst the person signs in again.
func TestAllWineKill(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	w.document(w.sso("kube", "--force"))

	w.idp.Fault(providertest.RefreshToken, providertest.Fault{Times: 1, Delay: time.Minute})
	holder := w.sso("kube", "--force")
	time.Sleep(4 * time.Second)
	next := w.sso("kube", "--force", "--interactive", "never")
	time.Sleep(2 * time.Second)
	holder.signal(syscall.SIGKILL)
	killed := time.Now()
	w.document(next)
	if took := time.Since(killed); took > 15*time.Second {
		t.Errorf("whoever waited for the lock of a process that was killed had it after %v", took)
	}

	lost := 0
	for i := range 15 {
		r := w.sso("kube", "--force")
		time.Sleep(time.Duration(300+100*i) * time.Millisecond)
		r.signal(syscall.SIGKILL)
		<-r.done
		switch res := w.sso("kube", "--interactive", "never").wait(); res.code {
		case 0:
		case 3:
			lost++
			w.signIn()
		default:
			t.Errorf("round %d: the next call ended with %d: %s", i, res.code, res.stderr)
		}
	}
	t.Logf("15 kills, %d sessions lost", lost)
	w.document(w.sso("kube", "--force", "--interactive", "never"))
}

// TestAllWineFull: on a disk that is full nothing is lost that was stored, and nothing
// stays behind.
func TestAllWineFull(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	disk := filepath.Join(filepath.Dir(w.cache), "small disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	inside := func(words ...string) {
		t.Helper()
		if out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(w.pid), "-m", "-r"},
			words...)...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
	}
	inside("mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", disk)
	t.Cleanup(func() { inside("umount", "-l", disk) })
	w.env = append(w.env, "SSO_EXEC_CACHE_DIR="+onWindows(filepath.Join(disk, "cache")), "SSO_EXEC_AUDIT=off")
	w.signIn()
	first := w.document(w.sso("kube"))
	inside("sh", "-c", `dd if=/dev/zero of="$0" bs=1k 2>/dev/null; true`, filepath.Join(disk, "full"))
	refused := w.sso("kube", "--force", "--interactive", "never").wait()
	t.Logf("a refresh ends with %d: %s", refused.code, refused.stderr)
	if refused.code == 0 || !strings.Contains(refused.stderr, "sso-exec: ") {
		t.Errorf("a refresh that can't be stored: %d, %s", refused.code, refused.stderr)
	}
	inside("rm", filepath.Join(disk, "full"))
	if w.document(w.sso("kube", "--interactive", "never")) != first {
		t.Error("what was stored is lost")
	}
	w.document(w.sso("kube", "--force", "--interactive", "never"))
}

// TestAllWineLoose: what others can open is refused, with a command that closes it.
func TestAllWineLoose(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	w.document(w.sso("kube"))
	w.document(w.sso("kube")) // from memory
	if err := os.Chmod(w.cache, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.refused(w.sso("kube", "--interactive", "never"), 6, "is open to others (S-1-1-0)", "icacls")
	}
	if err := os.Chmod(w.cache, 0o700); err != nil {
		t.Fatal(err)
	}
	w.document(w.sso("kube", "--interactive", "never"))
}

// TestAllWineLongPath: a cache directory of more than 260 characters.
func TestAllWineLongPath(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.cache = filepath.Join(w.cache, strings.Repeat("directory/", 30), "c")
	w.env = append(w.env, "SSO_EXEC_CACHE_DIR="+onWindows(w.cache))
	w.signIn()
	first := w.document(w.sso("kube"))
	if w.document(w.sso("kube", "--interactive", "never")) != first || len(w.stored("tokens")) == 0 {
		t.Errorf("nothing is stored in %s", w.cache)
	}
}

// TestAllWineSetup: what setup writes is where Windows' programs look. (setup git asks
// git, which is not there.)
func TestAllWineSetup(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.env = append(w.env, "SSO_EXEC_CACHE_DIR=", "SSO_EXEC_CA_FILE=") // what has a space, no AWS SDK can be told
	cluster := "clusters: [{name: corp, cluster: {server: https://kube.example.com}}]\n"
	w.write(filepath.Join(w.home, ".kube/config"), "apiVersion: v1\nkind: Config\n"+cluster)
	for _, c := range []struct {
		args []string
		file string
		want string
	}{
		{[]string{"setup", "kube", "--context", "corp", "--cluster", "corp", "--yes"}, ".kube/config",
			"client.authentication.k8s.io"},
		{[]string{"setup", "aws", "--role-arn", "arn:aws:iam::123456789012:role/r", "--aws-profile", "corp", "--yes"},
			".aws/config", "credential_process"},
	} {
		res := w.sso(c.args...).wait()
		text, err := os.ReadFile(filepath.Join(w.home, c.file))
		t.Cleanup(func() { os.Remove(filepath.Join(w.home, c.file)) }) // other tests have none
		if res.code != 0 || err != nil || !strings.Contains(string(text), c.want) {
			t.Errorf("%q ended with %d: %s%s\n%s: %v\n%s", c.args, res.code, res.stdout, res.stderr, c.file, err, text)
		}
		t.Logf("%s:\n%s", c.file, text)
	}
}

// TestAllWineKeyring: the Credential Manager, as Wine has it: values are in the registry.
func TestAllWineKeyring(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.env = append(w.env, "SSO_EXEC_STORE=keyring")
	w.signIn()
	w.document(w.sso("kube"))
	refresh := w.idp.LastTokens().RefreshToken
	if out, _ := exec.Command("grep", "-rlF", refresh, w.cache).Output(); len(out) > 0 {
		t.Errorf("the refresh token is in %s", out)
	}
	w.document(w.sso("kube", "--force", "--interactive", "never"))
	w.sso("logout").ok()
	if w.idp.Alive(w.idp.LastTokens().RefreshToken) {
		t.Error("the sign-out revoked nothing")
	}
	w.refused(w.sso("kube", "--interactive", "never"), 3)
}

// TestAllWineInterrupt: Ctrl-C on a console, which Wine makes of a terminal, ends a
// sign-in, and what it held. The prompt keeps to the width of the console.
func TestAllWineInterrupt(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	for flow, prompt := range map[string]string{"device": `\b[A-Z]{4}-[A-Z]{4}\b`, "paste": `address:`} {
		w.tty = newTerminal(t, 60, 50)
		login := w.sso("login", "--flow", flow)
		shown, deadline := regexp.MustCompile(prompt), time.Now().Add(time.Minute)
		for ; !shown.MatchString(w.tty.text()); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: no prompt: %q", flow, w.tty.text())
			}
		}
		w.tty.press(ctrlC)
		select {
		case <-login.done:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: Ctrl-C does not end it: %q", flow, w.tty.text())
		}
		t.Logf("%s", w.tty.text())
		if code := login.cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%s ended with %d: %q", flow, code, w.tty.text())
		}
	}
	w.tty = nil
	w.signIn()
}

// TestAllWineReaders: files are replaced while other processes read them, and nobody
// is refused.
func TestAllWineReaders(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	w.signIn()
	done := make(chan bool)
	var readers sync.WaitGroup
	calls := make([]int, 4)
	for i := range calls {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				cmd := inWine(w.pid, w.bin, w.env, "wine", filepath.Join(w.bin, "sso-exec.exe"), "kube", "--interactive", "never")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("a reader: %v: %s", err, out)
				}
				calls[i]++
			}
		})
	}
	for range 10 {
		w.document(w.sso("kube", "--force", "--interactive", "never"))
	}
	close(done)
	readers.Wait()
	t.Logf("10 refreshes, %d calls", calls[0]+calls[1]+calls[2]+calls[3])
}

// TestAllWineUnits are tests of packages, built for Windows.
func TestAllWineUnits(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	programs, err := filepath.Glob(filepath.Join(w.bin, "*.test.exe"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%v: none in %s", err, w.bin)
	}
	for _, program := range programs {
		name := strings.TrimSuffix(filepath.Base(program), ".test.exe")
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join("../..", strings.ReplaceAll(name, ".", "/")))
			if err != nil {
				t.Fatal(err)
			}
			// Wine can't put a file in the place of one that is open, as Windows can, and the
			// readers of this test leave no gap; TestAllWineReaders has some that do.
			out, err := inWine(w.pid, dir, nil, "wine", program, "-test.v",
				"-test.skip=^TestReplacementIsAtomic$").CombinedOutput()
			text := string(out)
			t.Logf("%d tests passed, %d skipped", strings.Count(text, "--- PASS"), strings.Count(text, "--- SKIP"))
			if err != nil || !strings.Contains(text, "\nPASS") { // what Wine says may come behind it
				text = regexp.MustCompile(`(?m)^\s*(=== |--- PASS).*\n`).ReplaceAllString(text, "")
				t.Errorf("%v\n%s", err, text[max(0, len(text)-6000):])
			}
		})
	}
}
