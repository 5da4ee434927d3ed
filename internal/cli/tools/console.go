package tools

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// newConsole makes the command that signs a browser in to the AWS console.
func newConsole() *cobra.Command {
	o := settings.For(settings.ToolAWS)
	var open bool
	var service string
	c := &cobra.Command{
		Use: "console", Short: "sign a browser in to the AWS console", Args: command.NoArgs,
		Long: `Print an address that signs a browser in to the AWS console with the role's
keys. Whoever has the address is signed in: it is valid for 15 minutes. With
--open it is opened here instead, and is in no command line.`,
		Example: `  sso-exec aws console --profile aws-dev --open
  sso-exec aws console --profile aws-dev --service s3 --region eu-central-1`,
	}
	c.Flags().BoolVar(&open, "open", false, "open the console in the browser here, and print nothing")
	c.Flags().StringVar(&service, "service", "", "`name` of the service whose page to show: s3, ec2, cloudwatch")
	return command.WithSettings(o, c, func(ctx context.Context, _ []string) error {
		if err := command.ForAgent(o); err != nil {
			return err
		}
		if err := acquire.SettleRole(ctx, o, acquire.Caller{}); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		if o.From.Given("output") {
			return fault.Usagef("--output: an address has no format")
		}
		if !open {
			address, err := acquire.ConsoleURL(ctx, o, acquire.Caller{}, service)
			if err != nil {
				return err
			}
			return write([]byte(address.Reveal() + "\n"))
		}
		browsers, err := browserHere(o)
		if err != nil {
			return err
		}
		address, err := acquire.ConsoleURL(ctx, o, acquire.Caller{}, service)
		if err != nil {
			return err
		}
		return show(ctx, browsers.Open, address, o.SignIn.Timeout)
	})
}

// browserHere is what opens a page on this machine.
func browserHere(o *settings.Resolved) (browser.Commands, error) {
	const leave = "leave out --open: the address goes to stdout"
	if o.SignIn.Interactive == "never" {
		return nil, fault.InUsage(errors.New("--open and --interactive never contradict each other"), leave)
	}
	here, err := place.Look(place.Asked{Browser: o.SignIn.Browser, Names: settings.NameOf, Policy: o.Policy})
	if err != nil {
		return nil, fault.InUsage(err)
	}
	if len(here.Browser) == 0 {
		return nil, fault.Hint(errors.New("no browser to open the console with"), leave, "or name one: --browser COMMAND")
	}
	return here.Browser, nil
}

// show has a browser open an address that is in no command line: what is opened is a
// loopback address that leads there, once.
func show(ctx context.Context, open func(context.Context, string) error, address credential.Secret,
	patience time.Duration) error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("the address for the browser: %w", err)
	}
	host, path := l.Addr().String(), "/"+rand.Text()
	var once sync.Once
	var crowd loopback.Crowd
	fetched := make(chan struct{})
	server := &http.Server{ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != host || r.RequestURI != path || r.Method != http.MethodGet {
				http.NotFound(w, r)
				return
			}
			led := false
			once.Do(func() {
				led = true
				w.Header().Set("Cache-Control", "no-store")
				w.Header().Set("Referrer-Policy", "no-referrer")
				w.Header().Set("Location", address.Reveal())
				w.WriteHeader(http.StatusSeeOther)
				close(fetched)
			})
			if !led {
				http.Error(w, "this address was used already", http.StatusGone)
			}
		})}
	server.SetKeepAlivesEnabled(false)
	crowd.Serve(server, l)
	defer func() { // what was begun is answered
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	opened := make(chan error, 1)
	go func() { opened <- open(ctx, "http://"+host+path) }()
	for {
		select {
		case <-fetched:
			return nil
		case err := <-opened:
			if err != nil && ctx.Err() == nil {
				return fault.Hint(fmt.Errorf("the browser: %w", err), "leave out --open: the address goes to stdout")
			}
			opened = nil
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return &fault.Error{Kind: fault.Denied, Err: errors.New("no browser came for the console's address"),
					Hints: []string{"leave out --open: the address goes to stdout"}}
			}
			return context.Cause(ctx)
		}
	}
}
