package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/providertest"
)

// maxHeld is well below 256, with room for what a renewal opens.
const maxHeld = 200

// TestRenewUnderACrowd: whoever holds hundreds of connections to the endpoint
// open keeps neither the command from its keys nor us from renewing them, even
// where few files may be open.
func TestRenewUnderACrowd(t *testing.T) {
	t.Parallel()
	for name, begins := range map[string]string{
		"that say nothing":     "",
		"that begin a request": "GET /credentials HTTP/1.1\r\nHost: ",
		"that send a body":     "GET /credentials HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"with a wrong token":   "GET /credentials HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nX: ",
		"that begin with TLS":  "\x16\x03\x01\x02\x00",
	} {
		t.Run("connections "+name, func(t *testing.T) {
			b, sts := runBench(t, providertest.Config{}, 15*time.Minute)
			// Keys for 15 minutes, by a service that counts in whole seconds: a busy machine
			// has four or five for the first exchange, then they are due.
			p := b.start(t, "run", "--renew", "--min-ttl", "14m55s", "--", "sh", "-c",
				"echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN ready; exec sleep 1000")
			until(t, "the command runs", func() bool { return strings.Contains(p.stdout.String(), "ready") || !p.running() })
			words := strings.Fields(p.stdout.String())
			if len(words) != 3 {
				t.Fatalf("%q %q", p.stdout.String(), p.stderr.String())
			}
			if err := unix.Prlimit(p.pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 256, Max: 256}, nil); err != nil {
				t.Fatal(err)
			}
			host := strings.TrimSuffix(strings.TrimPrefix(words[0], "http://"), "/credentials")
			for range 500 {
				c, err := net.Dial("tcp", host)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = c.Write([]byte(begins))
			}
			until(t, "a crowd was let in", func() bool { return accepted(t, host) >= maxHeld/2 })
			before := sts.Requests()
			for range 100 {
				if n := accepted(t, host); n > maxHeld {
					t.Fatalf("%d connections are held", n)
				}
			}
			if a := getKeys(t, words[0], words[1]); a.status != 200 || a.AccessKeyID == "" {
				t.Errorf("%+v", a)
			}
			until(t, "keys are renewed",
				func() bool { return sts.Requests() > before || getKeys(t, words[0], words[1]).status != 200 })
			p.signal(unix.SIGTERM)
			p.wait(t)
		})
	}
}

// accepted counts the connections to an address that its listener has taken.
func accepted(t *testing.T, host string) (n int) {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp4", host)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	local := fmt.Sprintf("0100007F:%04X", a.Port)
	for line := range strings.Lines(string(b)) {
		// sl local remote state tx:rx tr:when retransmits uid timeout inode; one in the listener's queue has no inode
		if f := strings.Fields(line); len(f) > 9 && f[1] == local && f[3] == "01" && f[9] != "0" {
			n++
		}
	}
	return n
}
