package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

var clusterTools = []string{settings.ToolKube, settings.ToolEKS, settings.ToolGKE, settings.ToolAKS}

// checkKubectl tells which users of the kubeconfig are ours, which one the current
// context has, and what would keep kubectl from running us.
func checkKubectl(ctx context.Context, d *doctor) (f found) {
	at := d.tool(ctx, "kubectl")
	files, err := kubeconfig.Find("")
	if err != nil {
		return f
	}
	conf, err := kubeconfig.Load(files)
	switch {
	case err != nil:
		f.add(warning, "the kubeconfig cannot be read: "+err.Error())
		return f
	case at == "" && len(conf.Users) == 0:
		return f
	case at == "":
		f.add(pass, "kubectl is not on the PATH")
	default:
		f.add(pass, at)
	}
	var ours []string
	commands := map[string][2]string{} // with a tool and a user of each
	for _, u := range conf.Users {
		if !setup.Runs(u.Exec, "", clusterTools...) && (u.Exec == nil || !isUs(u.Exec.Command)) {
			continue
		}
		ours = append(ours, u.Name)
		tool := settings.ToolKube
		if len(u.Exec.Args) > 0 && slices.Contains(clusterTools, u.Exec.Args[0]) {
			tool = u.Exec.Args[0]
		}
		commands[u.Exec.Command] = [2]string{tool, u.Name}
		if u.Extras {
			f.add(warning, fmt.Sprintf("the user %s has other credentials too, which kubectl uses first", u.Name))
			f.fix("keep the exec stanza alone; see them with", "kubectl config view")
		}
	}
	if current, ok := conf.Context(conf.CurrentContext); ok {
		f.current(conf, current, ours)
	}
	if len(ours) == 0 {
		f.setupHint(d, settings.ToolKube)
		return f
	}
	f.add(pass, "calls sso-exec for "+strings.Join(ours, ", "))
	for command, of := range commands {
		if _, err := exec.LookPath(command); err != nil {
			f.add(failure, fmt.Sprintf("kubectl cannot run %s, which the user %s names", command, of[1]))
			f.fix("put it on the PATH, or write the entry again", "sso-exec setup "+of[0]+" --user "+talk.Quote(of[1]))
		}
		f.kuberc(command)
	}
	return f
}

// current tells whom the current context signs in as.
func (f *found) current(conf *kubeconfig.Config, current kubeconfig.Context, ours []string) {
	u, ok := conf.User(current.User)
	switch {
	case slices.Contains(ours, current.User):
		f.add(pass, "the current context "+current.Name+" uses it")
	case !ok:
		f.add(warning, fmt.Sprintf("the current context %s names the user %s, which is missing", current.Name, current.User))
	case u.Exec != nil:
		f.add(pass, fmt.Sprintf("the current context %s runs %s instead", current.Name, u.Exec.Command))
	case u.Kind != "":
		f.add(pass, fmt.Sprintf("the current context %s uses %s instead", current.Name, u.Kind))
	}
}

// kuberc looks whether kubectl's own list of plugins has us (kubectl 1.35, KEP-3104).
func (f *found) kuberc(command string) {
	path := kubeconfig.Preferences()
	if path == "" {
		return
	}
	var doc struct {
		Policy string                  `yaml:"credentialPluginPolicy"`
		List   []struct{ Name string } `yaml:"credentialPluginAllowlist"`
	}
	text := f.read(path)
	if len(text) == 0 {
		return
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil {
		f.add(warning, path+" cannot be read: "+err.Error())
		return
	}
	for _, l := range doc.List {
		at, _ := exec.LookPath(l.Name)
		if full, err := exec.LookPath(command); l.Name == command || err == nil && at == full {
			return
		}
	}
	switch doc.Policy {
	case "Allowlist":
		f.add(failure, path+" lets kubectl run only the plugins of its list, which does not have "+command)
		f.fix("add this to its credentialPluginAllowlist", "- name: "+command)
	case "DenyAll":
		f.add(failure, path+" lets kubectl run no plugin (credentialPluginPolicy: DenyAll)")
		f.fix("set credentialPluginPolicy: Allowlist, and add to credentialPluginAllowlist", "- name: "+command)
	}
}
