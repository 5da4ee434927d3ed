//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// system needs the mount namespaces of Linux.
func system() { fatal("system: not on this system") }

func canBeSystem() (bool, error) { return false, nil }

func cmdJournal(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("journal: not on this system")
}
