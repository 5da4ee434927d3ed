//go:build unix && !linux

package cache

import "testing"

// smallDisk: a small disk can be had on Linux alone.
func smallDisk(*testing.T) *Store { return nil }
