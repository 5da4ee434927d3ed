package command

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/internal/settings"
)

// TestNetworkHints has what cannot be had of a real network here.
func TestNetworkHints(t *testing.T) {
	o := &settings.Resolved{}
	if h := strings.Join(Hints(o, fmt.Errorf("listen: %w", syscall.EADDRNOTAVAIL)), "\n"); !strings.Contains(h,
		"http://[::1]:0/callback") {
		t.Errorf("an address that is not there: %s", h)
	}
}
