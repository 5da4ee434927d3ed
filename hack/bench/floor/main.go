// Floor is the least that a program like sso-exec can cost: it links net/http,
// reads one JSON file and prints one field of it.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		// Never taken here, but the linker has to keep what it reaches.
		if _, err := http.Get(os.Args[0]); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(2)
	}
	b, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var tokens struct {
		IDToken string `json:"idToken"`
	}
	if err := json.Unmarshal(b, &tokens); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(tokens.IDToken)
}
