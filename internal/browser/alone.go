package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// SystemPath is where programs are looked for that no variable may choose.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"

// Alone is the commands with an environment of their own: no variable of the caller's
// chooses what they run.
func (cs Commands) Alone() Commands {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].alone = true
	}
	return cs
}

// Environment is that of a program that no variable may change: a fixed PATH, the home
// in the user's entry, the display and the bus. On Windows PATH is the system's own.
func Environment() []string {
	env := []string{"PATH=" + SystemPath}
	if home, err := userfile.EntryHome(); err == nil {
		env = append(env, "HOME="+home)
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS", "LANG", "TMUX", "SystemRoot", "USERPROFILE", "LocalAppData", "AppData"} {
		v := os.Getenv(name)
		switch name {
		case "DBUS_SESSION_BUS_ADDRESS": // unixexec: is a program
			if !strings.HasPrefix(v, "unix:") || strings.Contains(v, ";") {
				continue
			}
		case "XAUTHORITY", "XDG_RUNTIME_DIR":
			if !filepath.IsAbs(v) {
				continue
			}
		}
		if v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
