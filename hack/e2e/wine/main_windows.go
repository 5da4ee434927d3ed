// Command wine is the browser of the tests under Wine: a program of Windows.
package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	// DESK URL: as a browser, it gives the URL to the test
	resp, err := (&http.Client{Timeout: 10 * time.Second}).PostForm(os.Args[1], url.Values{"url": {os.Args[2]}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	resp.Body.Close()
}
