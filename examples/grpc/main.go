// Grpc calls a gRPC API as the person who is signed in. The API here is gRPC's own
// health service; any other is called the same way.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sso-exec/sso-exec/sso"
)

// bearer adds the token to each call (credentials.PerRPCCredentials). A call waits
// for a sign-in no longer than its own context.
type bearer struct{ client *sso.Client }

func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b.client.TokenSource(ctx).Token()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": token.Type() + " " + token.AccessToken}, nil
}

// RequireTransportSecurity keeps the token off connections without TLS.
func (bearer) RequireTransportSecurity() bool { return true }

func run(ctx context.Context) error {
	client := &sso.Client{Issuer: os.Getenv("ACME_ISSUER"), ClientID: "acme", Browser: os.Getenv("ACME_BROWSER")}
	tls, err := credentials.NewClientTLSFromFile(os.Getenv("ACME_CA"), "")
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(os.Getenv("ACME_API"),
		grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(bearer{client}))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // with the time for a sign-in
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	fmt.Println(answer.Status)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		if errors.Is(err, sso.ErrLoginRequired) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}
