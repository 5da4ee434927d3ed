package place

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// display tells of a graphical session that a browser can draw on.
func (h host) display(windows wsl, p *Place) string {
	switch {
	case h.os == "windows":
		if id, ok := h.session(); ok && id != 0 {
			return "the Windows desktop (session " + strconv.Itoa(int(id)) + ")"
		}
		return ""
	case h.os == "darwin":
		// The console belongs to whoever is signed in before the screen. The call that Apple
		// documents for it needs cgo (SCDynamicStoreCopyConsoleUser, Technical Q&A QA1133).
		if h.owner("/dev/console") == h.uid {
			return "the macOS desktop (/dev/console is yours)"
		}
		return ""
	case windows.interop:
		return "the Windows desktop (" + windows.version + ")"
	}
	if name := h.getenv("WAYLAND_DISPLAY"); name != "" {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(h.getenv("XDG_RUNTIME_DIR"), name)
		}
		// Another user's compositor lets nobody in.
		if filepath.IsAbs(path) && h.owner(path) == h.uid && h.listens(path) {
			return "Wayland (" + flows.Clean(name, 60) + ")"
		}
		p.note("WAYLAND_DISPLAY=" + name + " is not a socket of this user with a listener")
	}
	if name := h.getenv("DISPLAY"); name != "" {
		x, ok := parseDisplay(name)
		if ok && x.local && h.xServer(x.number) {
			return "X11 (" + flows.Clean(name, 60) + ")"
		}
		if h.xFromAfar() == "" {
			p.note("DISPLAY=" + name + ": nothing listens there")
		}
	}
	return ""
}

// xServer reports whether there is an X server on this machine: it listens at a
// socket in the file system, or at an abstract one by the same name, which
// reaches even where /tmp is not the one it began with.
func (h host) xServer(number int) bool {
	path := "/tmp/.X11-unix/X" + strconv.Itoa(number)
	if h.listens(path) {
		return true
	}
	if h.os != "linux" {
		return false
	}
	for line := range strings.Lines(h.read("/proc/net/unix", 1<<20)) {
		if strings.HasSuffix(strings.TrimSuffix(line, "\n"), " @"+path) {
			return true
		}
	}
	return false
}

// An xDisplay is what DISPLAY names: [host]:number[.screen].
type xDisplay struct {
	host   string
	number int
	local  bool // without a host
}

func parseDisplay(s string) (xDisplay, bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return xDisplay{}, false
	}
	digits, _, _ := strings.Cut(s[colon+1:], ".")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 0 || number > 65535 {
		return xDisplay{}, false
	}
	host := strings.Trim(s[:colon], "[]")
	return xDisplay{host, number, host == "" || host == "unix" || host == "unix/"}, true
}

// xFromAfar tells of a display on another machine. OpenSSH forwards X from
// localhost:10 on (X11DisplayOffset), or from the machine's own name if
// X11UseLocalhost is off. The variable outlives a sudo that drops
// SSH_CONNECTION.
func (h host) xFromAfar() string {
	x, ok := parseDisplay(h.getenv("DISPLAY"))
	if !ok || x.local || h.os == "windows" || h.os == "darwin" {
		return ""
	}
	name := "DISPLAY=" + flows.Clean(h.getenv("DISPLAY"), 60)
	own, _ := os.Hostname()
	switch x.host {
	case "localhost", "127.0.0.1", "::1", own:
		if x.number >= 10 {
			return "a session over SSH with X forwarding (" + name + ")"
		}
		return "" // an X server for WSL, say
	}
	return "a display of another machine (" + name + ")"
}
