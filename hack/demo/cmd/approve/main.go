// Command approve signs the demo's user in where no person is at hand. It is
// given to sso-exec as its browser, which appends the authorization URL:
//
//	sso-exec login --flow pkce --browser 'approve --email E --password P' …
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "approve:", err)
		os.Exit(1)
	}
}

func run() error {
	var b approve.Browser
	flag.StringVar(&b.Email, "email", "", "whom to sign in")
	flag.StringVar(&b.Password, "password", "", "a test user's password")
	flag.StringVar(&b.UserCode, "user-code", "", "the code that a device sign-in shows")
	caFile := flag.String("ca-file", "", "trust this CA instead of the system's")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("usage: approve [flags] URL")
	}
	if *caFile != "" {
		pem, err := os.ReadFile(*caFile)
		if err != nil {
			return err
		}
		b.Roots = x509.NewCertPool()
		if !b.Roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate", *caFile)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := b.Visit(ctx, flag.Arg(0))
	return err
}
