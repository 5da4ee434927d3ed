package sso

// Waiting is how many goroutines wait for the token that is being got.
func Waiting(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight == nil {
		return 0
	}
	return c.flight.waiting
}
