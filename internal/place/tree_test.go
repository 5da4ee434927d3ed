//go:build unix

package place

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Contents of files that are none.
const (
	socket  = "\x00socket"          // somebody listens
	dead    = "\x00dead"            // a socket that its server has left
	program = "#!/bin/sh\nexit 1\n" // never to be started here
)

// tree lays files out below a root of their own. Its path is short: a socket's
// may have 100 characters or so.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "p") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	for path, content := range files {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		switch content {
		case socket, dead:
			l, err := net.Listen("unix", at)
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(content == socket)
			if content == dead {
				l.Close()
			} else {
				t.Cleanup(func() { l.Close() })
			}
		default:
			mode := os.FileMode(0o600)
			if len(content) > 2 && content[:2] == "#!" {
				mode = 0o700
			}
			// A process that another test starts just now would have the file open
			// for writing until it is another program: it cannot be run then (ETXTBSY).
			syscall.ForkLock.RLock()
			err := os.WriteFile(at, []byte(content), mode)
			syscall.ForkLock.RUnlock()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}
