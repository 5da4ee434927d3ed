package sso

import (
	"time"

	"github.com/sso-exec/sso-exec/internal/policy"
)

// SetPolicy has a policy stand in place of the system's.
func SetPolicy(c *Client, p *policy.Policy) {
	c.loadPolicy = func() (*policy.Policy, error) { return p, nil }
}

// Waiting is how many goroutines wait for the token that is being got.
func Waiting(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight == nil {
		return 0
	}
	return c.flight.waiting
}

// NearEnd makes the token in memory one that it is time to renew.
func NearEnd(c *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held.renewAt = time.Now().Add(-time.Second)
}
