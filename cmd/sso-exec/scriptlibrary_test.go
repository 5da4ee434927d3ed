package main

import (
	"context"
	"fmt"
	"os"

	"github.com/sso-exec/sso-exec/sso"
)

// libraryUser is a program that uses the library: it prints the token, or which kind of
// failure it met.
func libraryUser() {
	c := &sso.Client{Issuer: os.Getenv("LIB_ISSUER"), ClientID: "cli", CAFile: os.Getenv("LIB_CA"), Interactive: "never",
		Audience: os.Getenv("LIB_AUDIENCE"), Browser: os.Getenv("LIB_BROWSER"), CacheDir: os.Getenv("LIB_CACHE")}
	token, err := c.TokenSource(context.Background()).Token()
	if err != nil {
		fatal(err)
	}
	fmt.Println("token", len(token.AccessToken) > 0)
}
