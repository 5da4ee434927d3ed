//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	memo "github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/providertest"
)

// Storms of real processes on a token that has ended, at a provider that takes
// the second use of a refresh token for theft and ends the session, while
// somebody kills processes or the provider is in trouble.

// chaosSize is how many processes run at once, and how often.
func chaosSize() (processes, rounds int) {
	if soaking() {
		return 200, 20
	}
	return 40, 4
}

// tally is what a test has seen. It goes into its log.
type tally struct {
	processes, documents, signalled, failed int
	refreshes, reuses, lost, holdersHit     int
}

// chaos is a storm that somebody meddles with.
type chaos struct {
	*bench
	tally
	meddle func(i int, p *proc) // in a goroutine of its own for each process; may be nil
}

// round runs a storm of kube and returns how each process ended.
func (c *chaos) round(t *testing.T, n int) []outcome {
	t.Helper()
	c.expire(t)
	c.idp.ResetRequests()
	before := c.idp.Reuses()
	outcomes, procs := make([]outcome, n), make([]*proc, n)
	var wg sync.WaitGroup
	for i := range outcomes {
		p := c.start(t, "kube", "--interactive", "never")
		procs[i] = p
		if c.meddle != nil {
			wg.Go(func() { c.meddle(i, p) })
		}
		wg.Go(func() { outcomes[i] = p.wait(t) })
	}
	wg.Wait()
	c.processes += n
	c.refreshes += c.idp.Requests().RefreshToken
	c.reuses += c.idp.Reuses() - before
	for i, o := range outcomes {
		// One that is killed after its document is out has printed a whole one.
		late := procs[i].died && document(o.stdout)
		switch {
		case o.code == 0 && document(o.stdout):
			c.documents++
		case o.stdout != "" && !late:
			t.Errorf("exit code %d with stdout %q", o.code, o.stdout)
		case o.code > 128:
			c.signalled++
		default:
			c.failed++
		}
	}
	c.locksFree(t)
	return outcomes
}

func (c *chaos) report(t *testing.T) {
	t.Logf("%d processes: %d documents, %d ended by signal, %d failed; %d token requests, %d reuses, %d lost sessions "+
		"(%d kills hit whoever held the lock)",
		c.processes, c.documents, c.signalled, c.failed, c.refreshes, c.reuses, c.lost, c.holdersHit)
}

// afterRound checks that the stored refresh token is the live one, and that the
// next call works.
func (c *chaos) afterRound(t *testing.T) {
	t.Helper()
	if !c.live(t) {
		c.lost++
		t.Error("the stored refresh token is not the live one")
	}
	if o := c.run("kube", "--interactive", "never"); o.code != 0 || !document(o.stdout) {
		t.Errorf("the next call: exit code %d, stderr %q", o.code, o.stderr)
	}
	if c.reuses != 0 || c.idp.ActiveFamilies() != 1 {
		t.Fatalf("%d reuses, %d sessions alive", c.reuses, c.idp.ActiveFamilies())
	}
}

func newChaos(t *testing.T) *chaos {
	c := &chaos{bench: newBench(t, providertest.Config{})}
	c.mustRun(t, "login", "--browser", "testbrowser")
	return c
}

// random pauses for up to d, and is true once in n times. What it draws decides
// which case is met, never whether it passes.
func random(d time.Duration, n int) bool {
	time.Sleep(rand.N(d))
	return rand.IntN(n) == 0
}

// TestChaosKill: kill -9 of a third of the processes, at any moment.
//
// One loss cannot be avoided: the provider has rotated the token, and whoever
// asked for it is killed before its successor is written down. A provider
// without any grace then takes the next use of the old token for theft. So a
// round may lose the session if, and only if, a kill hit the process that held
// the refresh lock; then everybody is told to sign in (exit 3), and a sign-in
// fixes it. Who is refused then may be killed too, before it has written that down,
// and the next one asks again: each reuse needs a kill of its own. Nothing else may
// be lost: no reuse without such a kill, no lock that stays, no file that is torn.
func TestChaosKill(t *testing.T) {
	c := newChaos(t)
	var mu sync.Mutex
	holders := 0
	c.meddle = func(_ int, p *proc) {
		if !random(400*time.Millisecond, 3) {
			return
		}
		// Stopped, it cannot give the lock to anybody: whoever the lock's file
		// names then is (or was last) the holder.
		p.signal(syscall.SIGSTOP)
		held := c.holder(t) == p.pid()
		p.signal(syscall.SIGKILL)
		if held {
			mu.Lock()
			holders++
			mu.Unlock()
		}
	}
	n, rounds := chaosSize()
	for i := range rounds {
		holders = 0
		c.idp.Fault(providertest.RefreshToken, providertest.Fault{Delay: 300 * time.Millisecond, AfterProcessing: i%3 > 0})
		reuses := c.reuses
		outcomes := c.round(t, n)
		c.idp.ClearFaults()
		c.holdersHit += holders
		c.intact(t, "after kills", nil)
		lost := c.reuses > reuses || !c.live(t)
		if !lost {
			for _, o := range outcomes {
				if o.code != 0 && o.code != 128+9 {
					t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
				}
			}
			c.works(t, "after kills", "kube", "--interactive", "never")
			continue
		}
		c.lost++
		if holders == 0 || c.reuses-reuses > holders {
			t.Errorf("the session was lost with %d kills of the lock's holder and %d reuses", holders, c.reuses-reuses)
		}
		o := c.run("kube", "--interactive", "never")
		if o.code == 0 {
			t.Errorf("the session was lost, and yet the next call printed %q", o.stdout)
		}
		for _, o := range append(outcomes, o) {
			if o.code != 0 && o.code != 128+9 && (o.code != exitLogin || !strings.Contains(o.stderr, "sso-exec login")) {
				t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
			}
		}
		c.mustRun(t, "login", "--browser", "testbrowser")
	}
	c.report(t)
}

// holder reads the process that the refresh lock's file names, or 0.
func (b *bench) holder(t testing.TB) int {
	names, _ := filepath.Glob(filepath.Join(b.dir, "locks", "*.refresh"))
	if len(names) != 1 {
		return 0
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Error(err)
	}
	// Half written, it is that of one that has just taken the lock, and has not
	// sent anything yet.
	var h struct{ PID int }
	_ = json.Unmarshal(raw, &h)
	return h.PID
}

// TestChaosInterrupt: Ctrl-C, or its kin, for half of the processes, at any
// moment. Nobody loses anything.
func TestChaosInterrupt(t *testing.T) {
	c := newChaos(t)
	c.meddle = func(i int, p *proc) {
		if random(400*time.Millisecond, 2) {
			p.signal(ending[i%len(ending)])
		}
	}
	n, rounds := chaosSize()
	for range rounds {
		c.idp.Fault(providertest.RefreshToken, providertest.Fault{Delay: 100 * time.Millisecond, AfterProcessing: true})
		for i, o := range c.round(t, n) {
			if o.code != 0 && o.code != 128+int(ending[i%len(ending)]) {
				t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
			}
		}
		c.idp.ClearFaults()
		c.afterRound(t)
	}
	c.report(t)
}

// TestChaosProviderTrouble: about half of the refreshes are answered by a 503, a
// closed connection or some proxy's page of HTML, before the provider has done
// anything. Whoever fails is told to try again (exit 5), and nobody loses
// anything.
func TestChaosProviderTrouble(t *testing.T) {
	t.Parallel()
	c := newChaos(t)
	trouble := []providertest.Fault{
		{}, {}, {}, // none
		{Status: 503}, {Drop: true}, {Body: "<html>please sign in to the guest network</html>"},
	}
	n, rounds := chaosSize()
	var answered atomic.Int64 // whole, and with new tokens
	good := 0
	c.idp.Edit(providertest.RefreshToken, func(map[string]any) { answered.Add(1) })
	for range 2 * rounds {
		for range n {
			f := trouble[rand.IntN(len(trouble))]
			f.Times = 1
			c.idp.Fault(providertest.RefreshToken, f)
		}
		for _, o := range c.round(t, n) {
			if o.code != 0 && o.code != exitUnavailable {
				t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
			}
		}
		good += int(answered.Swap(0))
		c.idp.ClearFaults()
		c.afterRound(t)
		answered.Store(0)
	}
	c.report(t)
	t.Logf("%d of the %d token requests were answered by trouble", c.refreshes-good, c.refreshes)
}

// TestChaosSlowProvider: the provider takes longer than the processes' HTTP
// time-out, and does nothing once they have gone; then just short of it. First
// everybody is told to try again; then one request serves all.
func TestChaosSlowProvider(t *testing.T) {
	c := newChaos(t)
	n, rounds := chaosSize()
	for range max(1, rounds/4) {
		c.setenv("SSO_EXEC_HTTP_TIMEOUT", "1s")
		c.idp.Fault(providertest.RefreshToken, providertest.Fault{Delay: time.Hour})
		outcomes := c.round(t, n)
		c.idp.ClearFaults()
		if i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.code != exitUnavailable }); i >= 0 {
			t.Errorf("exit code %d, stderr %q", outcomes[i].code, outcomes[i].stderr)
		}
		c.setenv("SSO_EXEC_HTTP_TIMEOUT", "1m")
		if !c.live(t) {
			t.Error("the stored refresh token is not the live one")
		}
		c.idp.Fault(providertest.RefreshToken, providertest.Fault{Delay: 2 * time.Second})
		checkAll(t, c.round(t, n))
		if got := c.idp.Requests().RefreshToken; got != 1 {
			t.Errorf("%d refreshes, want 1", got)
		}
		c.idp.ClearFaults()
		c.afterRound(t)
	}
	c.report(t)
}

// intact checks every file below the cache: modes, and that what has its final
// name is whole. old is what was there before; nil if that does not matter.
func (b *bench) intact(t *testing.T, what string, old map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(b.dir, path)
		if want := map[bool]os.FileMode{true: 0o700 | os.ModeDir, false: 0o600}[d.IsDir()]; st.Mode() != want {
			t.Errorf("%s: %s has mode %v, want %v", what, rel, st.Mode(), want)
		}
		if d.IsDir() || strings.HasPrefix(rel, "locks/") || strings.HasPrefix(d.Name(), ".tmp-") {
			return nil // a lock's file is a lock; what it tells may be torn
		}
		raw, err := os.ReadFile(path)
		if err != nil || old != nil && string(raw) == string(old[rel]) {
			return err
		}
		if filepath.Dir(rel) == "answers" {
			if !memo.Whole(raw) {
				t.Errorf("%s: %s is torn: %q", what, rel, raw)
			}
			return nil
		}
		var doc struct {
			Version                   int
			RefreshToken, AccessToken string
			EndedAt                   time.Time // the provider ended it: no token is in it
			Identity                  string    // a service has none
			Metadata                  map[string]any
		}
		if !hexName.MatchString(d.Name()) || filepath.Ext(path) != ".json" || json.Unmarshal(raw, &doc) != nil ||
			doc.Version != 1 {
			t.Errorf("%s: %s is neither the old nor a whole new file: %q", what, rel, raw)
			return nil
		}
		room, _, _ := strings.Cut(rel, "/")
		if full := map[string]bool{"sessions": b.idp.Alive(doc.RefreshToken) ||
			(!doc.EndedAt.IsZero() || doc.Identity == credential.Service) && doc.RefreshToken == "",
			"tokens": doc.AccessToken != "", "providers": len(doc.Metadata) > 0}; !full[room] {
			t.Errorf("%s: %s lacks what it is for: %q", what, rel, raw)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

var signedInAs = regexp.MustCompile(`^Signed in to \S+ as alice\.\n`)

// works checks that the next ordinary call does, without a word except for who has
// signed in.
func (b *bench) works(t *testing.T, what string, args ...string) {
	t.Helper()
	o := b.run(args...)
	if said := signedInAs.ReplaceAllString(o.stderr, ""); o.code != 0 || !document(o.stdout) || said != "" {
		t.Errorf("%s: the next call: exit code %d, stdout %q, stderr %q", what, o.code, o.stdout, o.stderr)
	}
}
