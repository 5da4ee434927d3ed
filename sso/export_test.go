package sso

import "time"

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
