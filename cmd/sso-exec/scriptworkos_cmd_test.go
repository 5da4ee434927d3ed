package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdWorkOS(ts *testscript.TestScript, _ bool, args []string) {
	standInsMu.Lock()
	w := standIns[ts]
	if args[0] == "start" {
		w = newStandIn()
		standIns[ts] = w
		ts.Defer(w.server.Close)
		ts.Setenv("WORKOS", w.server.URL)
		ts.Check(os.WriteFile(ts.MkAbs("env-key"), []byte(w.env+"\n"), 0o600))
	}
	standInsMu.Unlock()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		return n
	}
	equal := func(what string, got, want int) {
		if got != want {
			ts.Fatalf("%s: %d, want %d", what, got, want)
		}
	}
	switch args[0] {
	case "live":
		equal("live keys", len(w.liveKeys()), number(args[1]))
	case "all":
		equal("keys", len(w.issuedKeys())-1, number(args[1]))
	case "stored":
		key := storedAPIKey(filepath.Join(ts.Getenv("CACHE"), "apikeys"), args[1])
		if !slices.ContainsFunc(w.liveKeys(), func(k issuedKey) bool { return k.Value == key }) {
			ts.Fatalf("the stored key %q is not one that is live", key)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch args[0] {
	case "requests":
		n := 0
		for _, at := range w.requests {
			if strings.HasPrefix(at, args[1]) {
				n++
			}
		}
		equal("requests "+args[1], n, number(args[2]))
	case "reset":
		w.requests = nil
	case "fault":
		w.fault = &standInFault{on: args[1], status: number(args[2]), times: number(args[3])}
		if len(args) > 4 && args[4] == "after" {
			w.fault.after = true
			args = slices.Delete(args, 4, 5)
		}
		w.fault.body = strings.Join(args[4:], " ")
	case "clear":
		w.fault = nil
	case "good":
		w.goodChecks = args[1:]
	case "drop":
		w.keys = nil
	case "violations":
		if len(w.violations) != number(args[1]) {
			ts.Fatalf("violations: %q", w.violations)
		}
	}
}

// storedAPIKey is the key that is stored under a name in a directory; nothing if
// there is none.
func storedAPIKey(dir, name string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, path := range names {
		var doc struct{ Name, Key string }
		b, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(b, &doc) == nil && doc.Name == name {
			return doc.Key
		}
	}
	return ""
}
