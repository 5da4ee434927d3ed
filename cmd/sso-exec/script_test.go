package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/providertest/awssso"
)

// The scripts in testdata/script drive the built binary, over real sockets,
// against the providers of providertest.

func TestMain(m *testing.M) {
	if signal.Ignored(os.Interrupt) {
		// A shell started us in the background, without job control. What we start
		// would ignore Ctrl-C as well; what is caught is not handed down so.
		signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGQUIT)
	}
	testscript.Main(suite{m}, map[string]func(){
		"system":  quickly(system),
		"libuser": quickly(libraryUser),
		// The browser of the scripts: it opens a page and follows redirects, as
		// far as sso-exec's own last page.
		"testbrowser": quickly(func() {
			if len(os.Args) != 2 {
				fatal("usage: testbrowser URL")
			}
			resp, err := browserClient().Get(os.Args[1])
			if err != nil {
				fatal(err)
			}
			page, _ := io.ReadAll(resp.Body)
			if f := os.Getenv("BROWSER_PAGE"); f != "" {
				_ = os.WriteFile(f, page, 0o600)
			}
			// What a browser prints must never reach the tool's stdout.
			fmt.Println("noise of the browser")
		}),
	})
}

// quickly ends the process without the second that the race detector waits in os.Exit.
func quickly(command func()) func() {
	return func() {
		command()
		syscall.Exit(0)
	}
}

func fatal(v any) {
	fmt.Fprintln(os.Stderr, v)
	os.Exit(1)
}

func browserClient() *http.Client {
	pool := x509.NewCertPool()
	pem, _ := os.ReadFile(os.Getenv("IDP_CA"))
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// suite runs the tests, and removes the binary that they were run against.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer func() {
		if path, err := built(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}()
	return s.M.Run()
}

// built builds the command once, as a release is built.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sso-exec-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sso-exec")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return path, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// binary returns the path of the built command.
func binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScripts(t *testing.T) {
	bin := filepath.Dir(binary(t))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Condition: func(cond string) (bool, error) {
			if cond == "system" {
				return canBeSystem()
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("USERPROFILE", filepath.Join(env.WorkDir, "home"))
			env.Setenv("LocalAppData", filepath.Join(env.WorkDir, "home", ".cache"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "home", ".cache"))
			env.Setenv("CACHE", filepath.Join(env.WorkDir, "home", ".cache", "sso-exec"))
			if err := os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700); err != nil {
				return err
			}
			env.Values["world"] = &world{}
			env.Defer(func() {
				w := env.Values["world"].(*world)
				w.close()
				if w.center != nil && !w.centerViolationsRead && len(w.center.Violations()) > 0 {
					env.T().Fatal("violations:", strings.Join(w.center.Violations(), "\n"))
				}
				if w.hosted != nil && !w.violationsRead && len(w.hosted.Violations()) > 0 {
					env.T().Fatal("violations:", strings.Join(w.hosted.Violations(), "\n"))
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"idp":     cmdIDP,
			"sts":     cmdSTS,
			"console": cmdConsole,
			"code":    cmdCode,
			"age":     cmdAge,
			"json":    cmdJSON,
			"perm":    cmdPerm,
			"until":   cmdUntil,
			"taken":   cmdTaken,
			"workos":  cmdWorkOS,
			"hosted":  cmdHosted,
			"orgs":    cmdOrgs,
			"journal": cmdJournal,
			"center":  cmdCenter,
		},
	})
}

// world is what a script has started.
type world struct {
	idp   *providertest.Provider
	sts   *providertest.STS
	taken net.Listener

	center               *awssso.Server
	centerViolationsRead bool

	hosted         *hosted.World
	orgs           *orgIdP
	violationsRead bool // the script looked at hosted's violations itself
	holdsPorts     bool
}

func (w *world) close() {
	if w.center != nil {
		w.center.Close()
	}
	if w.sts != nil {
		w.sts.Close()
	}
	if w.idp != nil {
		w.idp.Close()
	}
	if w.taken != nil {
		_ = w.taken.Close()
	}
	if w.hosted != nil {
		w.hosted.Close()
	}
	if w.holdsPorts {
		fixedPorts.Unlock()
	}
}

// cmdTaken listens on a port, so that nobody else can; TAKEN is a redirect URI
// with it, and FREE one with a port that was free just now.
func cmdTaken(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Value("world").(*world).taken = l
	ts.Setenv("TAKEN", "http://"+l.Addr().String()+"/callback")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("FREE", "http://"+free.Addr().String()+"/callback")
	ts.Check(free.Close())
}

// cmdCode runs a command and checks its exit code: code 3 sso-exec kube …
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdAge moves every time in the cache's files back, as if it had passed: age
// 2h [tokens|derived|providers|latches|sessions]
func cmdAge(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	count := 0
	root := filepath.Join(ts.Getenv("CACHE"), strings.Join(args[1:], ""))
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		count++
		return editJSON(path, func(doc map[string]any) {
			for k, v := range doc {
				s, _ := v.(string)
				if t, err := time.Parse(time.RFC3339, s); err == nil {
					doc[k] = t.Add(-by).Format(time.RFC3339Nano)
				}
			}
		})
	}))
	if count == 0 {
		ts.Fatalf("no files to age in %s", root)
	}
}

func editJSON(path string, edit func(map[string]any)) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	edit(doc)
	if b, err = json.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// cmdJSON checks a member of a JSON file, or of stdout: json stdout .status.token eyJ*
// A trailing * matches any rest; an absent member is "-". With "set" it edits a
// file: json set FILE key value.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if args[0] == "set" {
		var v any
		ts.Check(json.Unmarshal([]byte(args[3]), &v))
		ts.Check(editJSON(oneFile(ts, args[1]), func(doc map[string]any) { doc[args[2]] = v }))
		return
	}
	name := args[0]
	if name != "stdout" {
		name = oneFile(ts, name)
	}
	if args[1] == "is" {
		ts.Check(isOutput(ts.ReadFile(name), args[2])) // json stdout is status
		return
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &v))
	for _, key := range strings.Split(strings.TrimPrefix(args[1], "."), ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	got := "-"
	if v != nil {
		got = fmt.Sprint(v)
	}
	match := got == args[2]
	if rest, ok := strings.CutSuffix(args[2], "*"); ok {
		match = strings.HasPrefix(got, rest) && v != nil
	}
	if match == neg {
		ts.Fatalf("%s is %q, want %q (negated: %v)", args[1], got, args[2], neg)
	}
}

// oneFile expands a pattern that must match one file.
func oneFile(ts *testscript.TestScript, pattern string) string {
	names, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(names) != 1 {
		ts.Fatalf("%s matches %d files: %q", pattern, len(names), names)
	}
	return names[0]
}

// cmdPerm checks the modes of all files that match: perm 0600 PATTERN, and that
// there are any.
func cmdPerm(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	names, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("nothing matches %s", args[1])
	}
	for _, name := range names {
		st, err := os.Lstat(name)
		ts.Check(err)
		if uint64(st.Mode().Perm()) != want {
			ts.Fatalf("%s has mode %04o, want %04o", name, st.Mode().Perm(), want)
		}
	}
}

// cmdUntil waits until a file contains a text.
func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
	}
	ts.Fatalf("%s never contained %q", args[0], args[1])
}
