package place

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// schedulers start what nobody watches. Some systems open a session for it, so
// that no cgroup tells.
var schedulers = []string{"cron", "crond", "fcron", "anacron", "atd"}

// service tells of a job that nobody watches. Above are the ancestors of this
// process, stderr is what its stderr is.
func (h host) service(above []string, stderr string) string {
	switch h.os {
	case "windows":
		if id, ok := h.session(); ok && id == 0 {
			return "a service of Windows (session 0)"
		}
		return ""
	case "darwin":
		// launchd names the job: 0 in a terminal, application.… for what was
		// started from the Dock, and for all that descends from it. That is as
		// people report it: launchd.plist(5) does not mention the variable.
		if name := h.getenv("XPC_SERVICE_NAME"); name != "" && name != "0" && !strings.HasPrefix(name, "application.") {
			return "a job of launchd (" + flows.Clean(name, 60) + ")"
		}
		return ""
	}
	for _, name := range above {
		if slices.Contains(schedulers, strings.ToLower(name)) {
			return "a scheduled job (" + name + " started it)"
		}
	}
	unit, watched := unitOf(h.read("/proc/self/cgroup", 64<<10))
	switch {
	case unit != "" && !watched:
		return flows.Clean(unit, 60) + " (systemd)"
	case unit == "" && stderr != "" && h.getenv("JOURNAL_STREAM") == stderr:
		// Only where the cgroup says nothing: desktops write to the journal too.
		return "a service of the system (stderr is the journal)"
	}
	return ""
}

// unitOf finds the systemd unit in /proc/self/cgroup, and whether a person may
// be before it. It is the last of the path that is a service or a scope: there
// are more, as user@1000.service with a service of the user's in it.
func unitOf(cgroups string) (unit string, watched bool) {
	for line := range strings.Lines(cgroups) {
		// 0::PATH in the one hierarchy of cgroup 2, N:name=systemd:PATH in its
		// own of cgroup 1.
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, at, ok := strings.Cut(rest, ":")
		if !ok || controllers != "name=systemd" && (id != "0" || controllers != "") {
			continue
		}
		for part := range strings.SplitSeq(at, "/") {
			if ext := path.Ext(part); ext == ".service" || ext == ".scope" {
				unit = part
				desktop := slices.ContainsFunc(desktopUnits, func(s string) bool { return strings.HasPrefix(part, s) })
				watched = ext == ".scope" || desktop || strings.Contains(at, "/session.slice/"+part)
			}
		}
		if unit != "" {
			return unit, watched
		}
	}
	return "", false
}

// desktopUnits begin the names of services in which people start programs:
// applications and what D-Bus starts for them, the desktop itself, and ways to
// sign in whose sessions have no scope of their own.
var desktopUnits = []string{
	"app-", "dbus-", "gnome-", "org.gnome.", "org.kde.", "plasma-", "xdg-desktop-portal", "wayland-", "sway", "hyprland",
	"niri", "river", "i3", "emacs", "tmux", "code-", "jetbrains-",
	"user@", "getty@", "serial-getty@", "console-getty", "ssh", "gdm", "sddm", "lightdm", "greetd", "display-manager",
	"xrdp", "vncserver", "x2go",
}

// overflow is the owner of what belongs to nobody in this user namespace.
const overflow = 65534

// otherUser tells whether we run as somebody else than the person, whose
// browser and display are not ours then. Owner is the user of the terminal.
func (h host) otherUser(owner int, container bool) string {
	if h.uid < 0 {
		return ""
	}
	us := "another user"
	if h.uid == 0 {
		us = "root"
	}
	for _, by := range []struct{ name, program string }{{"SUDO_UID", "sudo"}, {"PKEXEC_UID", "pkexec"}} {
		// In a container where all is root, sudo names root too.
		if id, err := strconv.Atoi(h.getenv(by.name)); err == nil && id != h.uid {
			return us + " by way of " + by.program + " (" + by.name + ")"
		}
	}
	if name := h.getenv("DOAS_USER"); h.uid == 0 && name != "" && name != "root" {
		return us + " by way of doas (DOAS_USER)"
	}
	// su leaves the terminal to whom it belonged. Who made a container's
	// terminal is nobody in it.
	if owner >= 0 && owner != overflow && owner != h.uid && !container {
		return us + ", on a terminal that belongs to user " + strconv.Itoa(owner)
	}
	return ""
}
