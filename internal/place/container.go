package place

import (
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// container tells of a container: its 127.0.0.1 is not that of any browser
// outside of it.
func (h host) container(p *Place) string {
	if h.os != "linux" {
		return ""
	}
	// Toolbx and distrobox are made by podman, but to be lived in: they share
	// the machine's network, home and display, and what opens pages there goes
	// to the machine's browser.
	if h.exists("/run/.toolboxenv") || h.getenv("DISTROBOX_ENTER_PATH") != "" {
		p.note("this is a toolbox, which shares the desktop and the network of its machine")
		return ""
	}
	switch {
	case h.getenv("KUBERNETES_SERVICE_HOST") != "":
		return "a pod of Kubernetes (KUBERNETES_SERVICE_HOST)"
	case h.exists("/var/run/secrets/kubernetes.io/serviceaccount"):
		return "a pod of Kubernetes (its service account is mounted)"
	case h.exists("/.dockerenv"):
		return "a container (/.dockerenv)"
	case h.exists("/run/.containerenv"):
		return "a container (/run/.containerenv)"
	}
	// The convention of systemd's container interface: the first process gets
	// the variable, and systemd writes it down for all others. WSL has a value
	// too, and is looked at by itself. Flatpak's sandboxes have the machine's
	// network, and an xdg-open that asks outside.
	if kind := h.getenv("container"); kind != "" && kind != "flatpak" && kind != "wsl" {
		return "a container (container=" + flows.Clean(kind, 40) + ")"
	}
	if kind := strings.TrimSpace(h.read("/run/systemd/container", 64)); kind != "" && kind != "flatpak" && kind != "wsl" {
		return "a container (" + flows.Clean(kind, 40) + ", says /run/systemd/container)"
	}
	return ""
}

// ciServices set a variable of their own; CI is what nearly all of them set
// next to it.
var ciServices = []struct{ name, words string }{
	{"GITHUB_ACTIONS", "GitHub Actions"},
	{"GITLAB_CI", "GitLab CI"},
	{"JENKINS_URL", "Jenkins"},
	{"BUILDKITE", "Buildkite"},
	{"CIRCLECI", "CircleCI"},
	{"TF_BUILD", "Azure Pipelines"},
	{"TEAMCITY_VERSION", "TeamCity"},
	{"BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines"},
	{"CODEBUILD_BUILD_ID", "AWS CodeBuild"},
	{"CI", "a CI job"},
}

func (h host) ci() string {
	for _, s := range ciServices {
		if h.on(s.name) {
			return s.words + " (" + s.name + ")"
		}
	}
	return ""
}

// A wsl is the Windows around a WSL.
type wsl struct {
	version string
	interop bool   // Windows programs can be run from here
	drives  string // where Windows' drives are mounted
}

// wsl looks for Windows around us. Docker Desktop's containers run on the same
// kernel, so what is a container is asked first.
func (h host) wsl(p *Place) wsl {
	if h.os != "linux" || p.Facts.Container != "" {
		return wsl{}
	}
	release := strings.ToLower(h.read("/proc/sys/kernel/osrelease", 256))
	if !strings.Contains(release, "microsoft") {
		return wsl{}
	}
	w := wsl{version: "WSL 1", drives: "/mnt/"}
	if strings.Contains(release, "microsoft-standard") || strings.Contains(release, "wsl2") {
		w.version = "WSL 2"
	}
	// The kernel knows how to start Windows' programs; the second name is there
	// where systemd took the first away.
	for _, name := range []string{"WSLInterop", "WSLInterop-late"} {
		w.interop = w.interop || strings.HasPrefix(h.read("/proc/sys/fs/binfmt_misc/"+name, 256), "enabled")
	}
	if !w.interop {
		p.note("this is " + w.version + ", and it cannot start Windows programs (no WSLInterop in binfmt_misc)")
	}
	if root := wslRoot(h.read("/etc/wsl.conf", 64<<10)); root != "" {
		w.drives = root
	}
	return w
}

// wslRoot finds root in the section automount of wsl.conf.
func wslRoot(conf string) string {
	section := ""
	for line := range strings.Lines(conf) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.ToLower(strings.Trim(line, "[]"))
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if ok && section == "automount" && strings.TrimSpace(name) == "root" {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			if strings.HasPrefix(value, "/") {
				return strings.TrimRight(value, "/") + "/"
			}
		}
	}
	return ""
}
