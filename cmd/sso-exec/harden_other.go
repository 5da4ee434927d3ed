//go:build !linux && !darwin

package main

// harden does nothing here: package fast has seen to core dumps, and Windows writes no
// dump of a process's memory unless an administrator has asked for it.
func harden() {}
