// Awssdk asks STS who it is, with what the AWS SDK for Go finds by itself.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if err := ask(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "awssdk:", err)
		os.Exit(1)
	}
}

func ask(ctx context.Context) error {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	who, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Println(*who.Arn)
	return nil
}
