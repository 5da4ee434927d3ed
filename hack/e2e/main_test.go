package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

const clientID = "cli"

var alice = dex.User{
	Email: "alice@example.test", Password: "password",
	Name: "Alice Example", Groups: []string{"dev", "ops"},
}

// What the tests share. The cluster and MinIO start with the first test that asks for them.
var (
	scratch  string      // removed at the end
	ca       *authority  // signs every server's certificate
	provider *dex.Server // trusted by the cluster and by MinIO
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if otherSelf, ok := otherSelves[os.Args[1]]; ok {
			os.Exit(otherSelf(os.Args[2:]))
		}
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // those that do, wait more than they work
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "sso-exec-e2e-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o711); err != nil { // another user's sso-exec reads the CA's certificate
		return 0, err
	}
	defer stopComponents()
	go stopOnSignal()

	if ca, err = newAuthority(scratch); err != nil {
		return 0, err
	}
	provider, err = dex.Start(context.Background(), dex.Options{
		ClientIDs: []string{clientID}, Users: []dex.User{alice}, Certificate: &ca.server,
	})
	if err != nil {
		return 0, err
	}
	defer provider.Close()
	return m.Run(), nil
}

// stopOnSignal leaves nothing behind when the tests are interrupted. (When they
// are killed or time out, the kernel stops the processes; see spawn.)
func stopOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	killAll()
	os.RemoveAll(scratch)
	os.Exit(130)
}

// tool is the path of a program that hack/e2e/run built or found.
func tool(name string) (string, error) {
	path, err := filepath.Abs(filepath.Join(".bin", name))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing, hack/e2e/run brings it: %w", name, err)
	}
	return path, nil
}

func mustTool(t *testing.T, name string) string {
	t.Helper()
	path, err := tool(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// otherSelves are what the test binary is under these words as its first argument.
var otherSelves = map[string]func(args []string) (code int){
	handOver:   handURLOver,
	inRoot:     enterRoot,
	fullScreen: fillScreen,
	sdk:        useSDK,
}

// handOver is the program that sso-exec is told to open a browser with: it gives
// the URL to the test.
const handOver = "hand-over"

func handURLOver(args []string) int {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.PostForm(args[0], url.Values{"url": {args[1]}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "hand-over:", err)
		return 1
	}
	resp.Body.Close()
	return 0
}
