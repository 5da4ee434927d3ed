package dex

import (
	"maps"
	"net/http"
	"sync"
)

// counter counts requests by method and path, as in "POST /token".
type counter struct {
	mu   sync.Mutex
	seen map[string]int
}

// Requests says what has been asked since the start or the last ResetRequests.
func (c *counter) Requests() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

// ResetRequests starts the count again.
func (c *counter) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = nil
}

func (c *counter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if c.seen == nil {
			c.seen = map[string]int{}
		}
		c.seen[r.Method+" "+r.URL.Path]++
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}
