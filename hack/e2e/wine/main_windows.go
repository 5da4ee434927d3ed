// Command wine is what the tests under Wine have for programs of Windows: a browser, as
// git.exe a git, and what is run and watched.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	code, err := 0, error(nil)
	if self, _ := os.Executable(); strings.HasSuffix(self, `\git.exe`) {
		code, err = git(self + ".url")
	} else if role := roles[strings.Join(os.Args[1:min(2, len(os.Args))], "")]; role != nil {
		code, err = role(os.Args[2:])
	} else if len(os.Args) == 3 {
		err = open(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 99
	}
	os.Exit(code)
}

var client = http.Client{Timeout: 10 * time.Second}

// open gives a page's address to the test, whose desk is at a URL.
func open(desk, page string) error {
	resp, err := client.PostForm(desk, url.Values{"url": {page}})
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// git has the test run the real one, at the URL that a file names.
func git(file string) (code int, err error) {
	desk, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	resp, err := client.PostForm(string(desk), url.Values{"arg": os.Args[1:]})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return 0, err
	}
	fmt.Fprint(os.Stderr, resp.Header.Get("Stderr"))
	return strconv.Atoi(resp.Header.Get("Code"))
}
