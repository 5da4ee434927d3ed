//go:build !linux

package main

// system needs the mount namespaces of Linux.
func system() { fatal("system: not on this system") }

func canBeSystem() (bool, error) { return false, nil }
