package flows

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Any local user can reach the loopback listener: what connections can hold is
// bounded.
const (
	maxConns = 128
	patience = 50 * time.Millisecond // what each has to show its request, however many come after it
)

// crowd are the connections that have not shown that they belong to the
// sign-in, oldest first. There are maxConns at most: the oldest goes when
// another comes, so that whoever holds connections open, or opens more and
// more, cannot keep the browser out. Each has its patience, though: one that is
// put in the kernel's queue meanwhile waits for its turn.
type crowd struct {
	mu     sync.Mutex
	guests []*guest
}

type guest struct {
	net.Conn
	crowd *crowd
	since time.Time
}

func (c *crowd) admit(conn net.Conn) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.guests) >= maxConns {
		oldest := c.guests[0]
		if left := patience - time.Since(oldest.since); left > 0 {
			c.mu.Unlock()
			time.Sleep(left)
			c.mu.Lock()
			continue // it may have gone by itself
		}
		_ = oldest.Conn.Close()
		c.guests = c.guests[1:]
	}
	g := &guest{conn, c, time.Now()}
	c.guests = append(c.guests, g)
	return g
}

// leave takes a connection out of the crowd.
func (c *crowd) leave(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guests = slices.DeleteFunc(c.guests, func(other *guest) bool { return other == g })
}

func (g *guest) Close() error {
	g.crowd.leave(g)
	return g.Conn.Close()
}

type guestKey struct{}

// trust takes a request's connection out of the crowd: it knows a secret of
// this sign-in.
func trust(r *http.Request) {
	if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
		g.crowd.leave(g)
	}
}

// door is a listener whose connections come into the crowd.
type door struct {
	net.Listener
	crowd *crowd
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return d.crowd.admit(c), nil
}
