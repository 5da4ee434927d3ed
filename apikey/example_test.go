package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/apikey"
)

// A key with the checksum that belongs to it, though nobody drew it.
var sample = "acme_test_" + strings.Repeat("0", 32) + "32aoc7"

// Whether a string can be a key at all is known without a database.
func ExampleFormat_Parse() {
	format := apikey.MustFormat("acme_test")

	key, err := format.Parse(sample)
	fmt.Println(key, err)

	mistyped := strings.Replace(sample, "000", "0O0", 1)
	_, err = format.Parse(mistyped)
	fmt.Println(errors.Is(err, apikey.ErrInvalid))
	fmt.Println(err)
	// Output:
	// acme_test_...aoc7 <nil>
	// true
	// not a valid API key: its checksum is wrong, so it was mistyped or is not a key
}

// The regular expression for secret scanners.
func ExampleFormat_Pattern() {
	fmt.Println(apikey.MustFormat("acme_live").Pattern())
	// Output: acme_live_[0-9A-Za-z]{38}
}

// Before something is published, or a log is handed on.
func ExampleFormat_Find() {
	format := apikey.MustFormat("acme_test")
	text := `{"url": "https://api.example.com", "key": "` + sample + `", "not": "acme_test_` + strings.Repeat("x", 38) + `"}`
	for _, key := range format.Find(text) {
		fmt.Println("found", key)
	}
	// Output: found acme_test_...aoc7
}

// A key does not print; its owner sees it once.
func ExampleKey() {
	key, err := apikey.MustFormat("acme_test").Parse(sample)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %#v %d\n", key, key, len(key.Reveal()))
	// Output: acme_test_...aoc7 acme_test_...aoc7 48
}

// A new key takes over while the old one goes on for a day.
func ExampleIssuer_Rotate() {
	ctx := context.Background()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	issuer := &apikey.Issuer{
		Format: apikey.MustFormat("acme_live"),
		Store:  apikey.NewMemoryStore(),
		Now:    func() time.Time { return now },
	}
	first, record, err := issuer.Issue(ctx, apikey.Request{Owner: "build", Name: "nightly"})
	if err != nil {
		log.Fatal(err)
	}
	second, _, err := issuer.Rotate(ctx, "build", record.ID, 24*time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		_, err1 := issuer.Check(ctx, first)
		_, err2 := issuer.Check(ctx, second)
		fmt.Printf("%v, %v\n", err1, err2)
		now = now.Add(24 * time.Hour)
	}
	// Output:
	// <nil>, <nil>
	// the API key has expired, <nil>
}
