package e2e

import (
	"path/filepath"
	"testing"
)

// TestPlaces: the choice of the flow in real surroundings, and what follows from
// it. flows/choose_test.go is its specification; internal/place has the places
// that cannot be had on such a machine.
func TestPlaces(t *testing.T) {
	t.Parallel()
	xvfb(t) // before the rows, which run side by side
	for _, row := range []struct {
		name string
		at   func(c *client) place
		want choice
	}{
		{"an X desktop, in a terminal", func(c *client) place { return desktop(c).onTerminal() },
			choice{"pkce", "stderr", "browser"}},
		{"an X desktop, without a terminal", desktop,
			choice{"pkce", "nowhere", "browser"}},
		{"a Wayland desktop", func(c *client) place { return wayland(c).onTerminal() },
			choice{"pkce", "stderr", "browser"}},
		{"a display without an X server", func(c *client) place {
			chooseBrowser(c, c.browser)
			return machine(c).with("DISPLAY=:4321").with(desktopEnv...).onTerminal()
		}, choice{"device", "stderr", "graphical session"}},
		{"the same without a terminal", func(c *client) place {
			chooseBrowser(c, c.browser)
			return machine(c).with("DISPLAY=:4321").with(desktopEnv...)
		}, choice{"none", "nowhere", "graphical session"}},
		{"a Linux console", func(c *client) place { return machine(c).onTerminal() },
			choice{"device", "stderr", ""}},
		{"a pipe and no terminal", machine,
			choice{"none", "nowhere", "stderr is not a terminal"}},
		{"cron", func(c *client) place { return machine(c).with("TERM=", "LANG=", "SHELL=/bin/sh", "LOGNAME=alice") },
			choice{"none", "nowhere", ""}},
		{"cron, DISPLAY set in the crontab", func(c *client) place {
			p := desktop(c)
			p.root.Links["/cron"] = "/bin/sh"
			p.by = []string{"/cron", "-c", `"$@"; exit $?`, "cron"}
			return p
		}, choice{"none", "nowhere", "cron"}},
		{"a desktop's terminal, which systemd started", func(c *client) place {
			return desktop(c).with(serviceEnv...).onTerminal().
				inCgroup("/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope")
		}, choice{"pkce", "stderr", "browser"}},
		{"a service that has the desktop's environment", func(c *client) place {
			return desktop(c).with(serviceEnv...).inCgroup("/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service")
		}, choice{"none", "nowhere", "backup.service"}},
		{"a terminal, stderr in a pipe", func(c *client) place {
			p := machine(c).onTerminal()
			p.captured = true
			return p
		}, choice{"device", "terminal", ""}},
		{"a desktop whose $BROWSER hands over", func(c *client) place {
			return desktopWith(c, "false").with("BROWSER=/nowhere/firefox:" + handOverScript(c) + " %s").onTerminal()
		}, choice{"pkce", "stderr", "BROWSER"}},
		{"Docker", func(c *client) place { return desktop(c).withFile("/.dockerenv", "").onTerminal() },
			choice{"device", "stderr", "container"}},
		{"Podman", func(c *client) place {
			return desktop(c).withFile("/run/.containerenv", "engine=\"podman-4.3.1\"\n").onTerminal()
		}, choice{"device", "stderr", "container"}},
		{"a pod, without a terminal", func(c *client) place {
			return machine(c).withFile(serviceAccount, "token").with(podEnv...)
		}, choice{"none", "nowhere", "pod"}},
		{"a pod, kubectl exec -it", func(c *client) place {
			return machine(c).withFile(serviceAccount, "token").with(podEnv...).onTerminal()
		}, choice{"device", "stderr", "pod"}},
		{"a pod without service links in its environment", func(c *client) place {
			return desktop(c).withFile(serviceAccount, "token").onTerminal()
		}, choice{"device", "stderr", "pod"}},
		{"WSL 2", func(c *client) place { return wsl(c, "6.6.87.2-microsoft-standard-WSL2", "enabled\n").onTerminal() },
			choice{"pkce", "stderr", "WSL 2"}},
		{"WSL 2 that can't start Windows' programs", func(c *client) place {
			return wsl(c, "6.6.87.2-microsoft-standard-WSL2", "disabled\n").onTerminal()
		}, choice{"device", "stderr", "cannot start Windows programs"}},
		{"WSL 2 with wslview", func(c *client) place {
			p := wsl(c, "6.6.87.2-microsoft-standard-WSL2", "enabled\n").onTerminal()
			delete(p.root.Links, rundll32)
			p.root.Above["/usr/bin"] = filepath.Dir(c.write("wsl/bin/wslview", "#!/bin/sh\nexec "+c.browser+" \"$@\"\n"))
			return p
		}, choice{"pkce", "stderr", "wslview"}},
		{"WSL 1", func(c *client) place { return wsl(c, "4.4.0-19041-Microsoft", "enabled\n").onTerminal() },
			choice{"pkce", "stderr", "WSL 1"}},
		{"CI=true", func(c *client) place { return desktop(c).with("CI=true").onTerminal() },
			choice{"none", "nowhere", "CI"}},
		{"GitHub Actions", func(c *client) place { return machine(c).with("CI=true", "GITHUB_ACTIONS=true") },
			choice{"none", "nowhere", "GitHub"}},
		{"GitLab CI", func(c *client) place { return desktop(c).with("GITLAB_CI=true").onTerminal() },
			choice{"none", "nowhere", "GitLab"}},
		{"Jenkins", func(c *client) place { return machine(c).with("JENKINS_URL=https://jenkins.example/") },
			choice{"none", "nowhere", "Jenkins"}},
		{"CI=false", func(c *client) place { return desktop(c).with("CI=false").onTerminal() },
			choice{"pkce", "stderr", "browser"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			row.at(c).kube().check(c, row.want)
		})
	}
}

// inCgroup is the same place with a name that systemd gives to its processes.
func (p place) inCgroup(path string) place {
	p.c.t.Helper()
	// There need be no systemd here. Proc's own file is that of the process
	// which enters the root, and becomes the program.
	p.root.Over["/proc/self/cgroup"] = p.c.write("cgroup", "0::"+path+"\n")
	return p
}

// What the kubelet gives to a pod.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// serviceEnv is what systemd gives to a service, and a service to what it starts.
var serviceEnv = []string{"INVOCATION_ID=0d5e6f3b1c2a4f58a9b7c6d5e4f30211", "SYSTEMD_EXEC_PID=1", "JOURNAL_STREAM=8:1"}

var podEnv = []string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "KUBERNETES_SERVICE_PORT=443"}

const rundll32 = "/mnt/c/Windows/System32/rundll32.exe"

// wsl is a machine with a kernel of that name, and Windows' drive with the program that
// opens pages, which gives the URL to the test.
func wsl(c *client, kernel, interop string) place {
	c.t.Helper()
	p := machine(c)
	p.root.Links[rundll32] = c.write("wsl/rundll32",
		"#!/bin/sh\n[ \"$1\" = url.dll,FileProtocolHandler ] && shift && exec "+c.browser+" \"$@\"\n")
	p.root.Over["/proc/sys/kernel/osrelease"] = c.write("wsl/osrelease", kernel+"\n")
	p.root.Over["/proc/sys/fs/binfmt_misc"] = filepath.Dir(c.write("wsl/binfmt/WSLInterop", interop))
	return p
}

// handOverScript is the recorded browser as one word, for $BROWSER.
func handOverScript(c *client) string {
	c.t.Helper()
	return c.write("browser", "#!/bin/sh\nexec "+c.browser+" \"$@\"\n")
}
