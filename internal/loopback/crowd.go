package loopback

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxConns   = 128
	maxTrusted = maxConns / 2
	patience   = 50 * time.Millisecond // what each has to show its request, however many come after it
)

// Crowd are the connections to a server on loopback, which every user of the
// machine can reach, that have not shown a secret yet. There are 128 at most: the
// oldest goes when another comes, so that whoever holds connections open, or
// opens more and more, keeps nobody else out. Each has its patience, though: one
// that is put in the kernel's queue meanwhile waits for its turn. The zero value
// is ready.
type Crowd struct {
	mu      sync.Mutex
	guests  []*guest // oldest first
	trusted int
}

// Serve has a server answer the connections of listeners, until it is closed.
func (c *Crowd) Serve(s *http.Server, listeners ...net.Listener) {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, guestKey{}, conn)
	}
	for _, l := range listeners {
		go func() { _ = s.Serve(&door{l, c}) }()
	}
}

// Trust takes a request's connection out of the crowd: it knows a secret. Of many
// at once, some stay in it, so all are bounded.
func (c *Crowd) Trust(r *http.Request) {
	g, ok := r.Context().Value(guestKey{}).(*guest)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trusted < maxTrusted && !g.trusted {
		c.drop(g)
		g.trusted = true
		c.trusted++
	}
}

type guest struct {
	net.Conn
	crowd   *Crowd
	since   time.Time
	trusted bool
}

func (c *Crowd) admit(conn net.Conn) *guest {
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
	g := &guest{Conn: conn, crowd: c, since: time.Now()}
	c.guests = append(c.guests, g)
	return g
}

func (c *Crowd) drop(g *guest) {
	c.guests = slices.DeleteFunc(c.guests, func(other *guest) bool { return other == g })
}

func (g *guest) Close() error {
	g.crowd.mu.Lock()
	g.crowd.drop(g)
	if g.trusted {
		g.trusted = false
		g.crowd.trusted--
	}
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}

type guestKey struct{}

// door is a listener whose connections come into the crowd.
type door struct {
	net.Listener
	crowd *Crowd
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return d.crowd.admit(c), nil
}
