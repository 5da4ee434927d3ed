// Command demo signs one person in with sso-exec against a Dex of its own, and
// shows that the second call is answered from the cache. hack/demo/run builds
// what it needs and starts it; the directory it is given is removed at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

const clientID = "demo"

var alice = dex.User{
	Email: "alice@example.test", Password: "password",
	Name: "Alice Example", Groups: []string{"dev", "ops"},
}

func main() {
	unattended := flag.Bool("approve", false, "sign in without a person")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr,
			"usage: demo [--approve] DIRECTORY, with sso-exec and approve in it; it is removed at the end")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx, flag.Arg(0), *unattended)
	interrupted := ctx.Err() != nil
	stop()
	os.RemoveAll(flag.Arg(0))
	switch {
	case interrupted:
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, dir string, unattended bool) error {
	provider, err := dex.Start(ctx, dex.Options{ClientIDs: []string{clientID}, Users: []dex.User{alice}})
	if err != nil {
		return err
	}
	defer provider.Close()
	call := newCall(dir, provider.Issuer, unattended)

	say("An OpenID provider, Dex, runs at %s until this demo ends.", provider.Issuer)
	if unattended {
		say("%s is signed in by hack/demo/cmd/approve in place of a browser.", alice.Email)
	} else {
		say("When it asks you to sign in: %s, password: %s", alice.Email, alice.Password)
	}
	say("\nWhat kubectl would run:\n\n%s\n", call)

	first, err := call.run(ctx)
	if err != nil && !unattended {
		return fmt.Errorf("%w (where nobody can sign in: APPROVE=1 hack/demo/run)", err)
	}
	if err != nil {
		return err
	}
	say("\nWhat kubectl gets:\n\n%s\n", first.pretty)
	say("Signed in: %d requests to Dex, %s.", sum(provider.Requests()), first.took.Round(time.Millisecond))

	provider.ResetRequests()
	second, err := call.run(ctx)
	if err != nil {
		return fmt.Errorf("the second call: %w", err)
	}
	if n := sum(provider.Requests()); n != 0 {
		return fmt.Errorf("the second call made %d requests, and should have been answered from the cache: %v", n,
			provider.Requests())
	}
	if second.token != first.token {
		return errors.New("the second call answered another token than the first")
	}
	say("The same call again: 0 requests to Dex, %s, answered from the cache.\n", second.took.Round(100*time.Microsecond))
	say("%s", next)
	return nil
}

const next = `What to try next:
  CGO_ENABLED=0 go build ./cmd/sso-exec    the binary, to put on your PATH
  docs/kubeconfig.md                       for your cluster
  docs/aws.md                              the same sign-in for AWS
  make e2e                                 kubectl, the AWS CLI and a browser, for real`

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func sum(requests map[string]int) int {
	n := 0
	for _, count := range requests {
		n += count
	}
	return n
}
