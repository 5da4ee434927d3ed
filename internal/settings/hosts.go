package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings/target"
	"github.com/sso-exec/sso-exec/plugin"
)

// This file is where a token may go: to a host that the settings name, whatever
// the request says.

func checkHost(v string) error { _, err := hosts.Parse(v); return err }

// callers are the variables in which programs that run a headers helper name the
// server that the headers are for.
func callers() []string { return []string{"CLAUDE_CODE_MCP_SERVER_URL"} }

// urls are those that the settings ask a token for.
func (o *Resolved) urls() []string {
	urls := []string{o.For}
	if o.Output == plugin.TokenHeaders || o.Output == plugin.TokenBearer {
		for _, name := range callers() {
			urls = append(urls, os.Getenv(name))
		}
	}
	return slices.DeleteFunc(urls, func(url string) bool { return url == "" })
}

// askFor finds out for which hosts a token is asked, where the settings say so.
func (o *Resolved) askFor() {
	for _, url := range o.urls() {
		h, _ := hosts.OfURL(url)
		o.Asked = append(o.Asked, h)
	}
}

// holdHosts has the hosts of a profile override those that were given.
func (o *Resolved) holdHosts(profile config.Value) {
	o.own, o.Within = profile.Columns, nil
	if o.From.Given("host") {
		o.Within, o.Target.Hosts = append([]string{}, o.Target.Hosts...), nil
	}
}

// AsksByHost reports whether the command is a tool's that always asks for a host's token.
func (o *Resolved) AsksByHost() bool {
	return slices.Contains([]string{ToolGit, ToolDocker, ToolCargo, ToolTerraform, ToolBazel, ToolKeyring}, o.Tool)
}

// asksByHost reports whether the host that is asked for chooses the profile.
func (o *Resolved) asksByHost() bool {
	return len(o.Asked) > 0 && !o.From.Given("issuer") && !o.From.Given("client-id")
}

// profileForHosts returns the profile whose hosts name all that are asked for: the
// only one, or the default one; empty: there is none.
func (o *Resolved) profileForHosts(c *config.Config) (string, error) {
	var names []string
	for _, name := range c.Names() {
		v, err := c.Value(name, Find("host").key())
		if err != nil {
			return "", err
		}
		if list, err := hosts.ParseList(v.Values); err == nil && namesAll(list, o.Asked) {
			names = append(names, name)
		}
	}
	byDefault, _ := c.Default()
	switch {
	case len(names) == 0:
		return "", nil
	case slices.Contains(names, byDefault):
		return byDefault, nil
	case len(names) > 1:
		return "", fault.InUsage(fmt.Errorf("%s is named in the hosts of several profiles: %s", o.Asked[0],
			strings.Join(names, ", ")), "give --profile NAME, or make one of them the default-profile")
	}
	o.MarkGiven("profile") // for hints: nothing else leads to it
	return names[0], nil
}

func namesAll(list hosts.List, asked []hosts.Host) bool {
	return !slices.ContainsFunc(asked, func(h hosts.Host) bool { return list.Find(h) < 0 })
}

// NamesHosts reports whether the token may go to the hosts that it is asked for.
func (o *Resolved) NamesHosts() (bool, error) {
	if len(o.Asked) == 0 {
		return true, nil
	}
	for _, texts := range [][]string{o.Within, o.Target.Hosts} {
		list, err := hosts.ParseList(texts)
		if err != nil {
			return false, fault.Usagef("--host %w", err)
		}
		if texts != nil && !namesAll(list, o.Asked) {
			return false, nil
		}
	}
	if len(o.Target.Hosts) == 0 {
		return false, nil
	}
	if err := o.obeyHosts(); err != nil {
		return false, err
	}
	for _, h := range o.Asked[1:] { // each host's token is its own
		if !reflect.DeepEqual(o.targetOf(h), o.targetOf(o.Asked[0])) {
			return false, nil
		}
	}
	return true, nil
}

// obeyHosts holds the hosts to the policy's, whatever a profile says.
func (o *Resolved) obeyHosts() error {
	if o.Policy == nil || o.Policy.Hosts == nil {
		return nil
	}
	list, err := hosts.ParseList(o.Policy.Hosts)
	for _, h := range o.Asked {
		if err != nil || list.Find(h) < 0 {
			return o.Policy.Forbid("hosts", "a token for "+h.String(), "tokens may go to: "+strings.Join(o.Policy.Hosts, ", "))
		}
	}
	return nil
}

// HostsAreMap reports whether the profile's hosts are a map.
func (o *Resolved) HostsAreMap() bool { return o.own != nil }

// HostTarget is what the profile says of the host, or the cluster, that the token is for.
func (o *Resolved) HostTarget() target.Target {
	if len(o.Asked) == 0 {
		return o.clusterTarget()
	}
	return o.targetOf(o.Asked[0])
}

func (o *Resolved) targetOf(h hosts.Host) (t target.Target) {
	list, _ := hosts.ParseList(o.Target.Hosts)
	if at := list.Find(h); at >= 0 {
		t = target.Of(o.own[o.Target.Hosts[at]])
	}
	return t
}

// AccessAudiences are whom an access token is asked for; nil: it is not one that is
// wanted, or the provider chooses.
func (o *Resolved) AccessAudiences() (list []string) {
	if o.Target.TokenType == credential.AccessToken {
		list = append(list, o.Target.Resources...)
		if o.Target.Audience != "" {
			list = append([]string{o.Target.Audience}, list...)
		}
	}
	return list
}

// HostError is that no token goes to the hosts that it is asked for, and why.
func (o *Resolved) HostError() error {
	for _, url := range o.urls() { // none is shown as it is: it may have a password in it
		if _, ok := hosts.OfURL(url); ok {
			continue
		}
		if scheme, rest, _ := strings.Cut(url, "://"); strings.EqualFold(scheme, "http") {
			if h, ok := hosts.OfURL("https://" + rest); ok {
				return fault.Hint(fmt.Errorf("no token for %s: plain http is only for literal loopback addresses "+
					"(127.0.0.1, [::1])", h), "give its https URL")
			}
		}
		return fault.Hint(errors.New("no token for this URL: it is not of the form https://HOST/PATH, with the host as "+
			"hosts of a profile would name it"), "give an https URL with only the host before its path")
	}
	list, _ := hosts.ParseList(o.Target.Hosts)
	within, _ := hosts.ParseList(o.Within)
	first, host := o.Asked[0], o.Asked[len(o.Asked)-1]
	if namesAll(list, o.Asked) && (o.Within == nil || namesAll(within, o.Asked)) {
		return fault.Hint(fmt.Errorf("no token for both %s and %s: they have different ones in hosts of the profile %s",
			first, host, o.Source.Profile), "ask for one of them")
	}
	text := "no profile names its host in hosts"
	if o.Source.Profile != "" {
		if list.Find(host) >= 0 && list.Find(first) < 0 {
			host = first
		}
		text = "its host is not in hosts of the profile " + o.Source.Profile
		if o.Within != nil {
			text += ", or --host leaves it out"
		}
	} else if first != host {
		text = "no profile names both it and " + first.String() + " in hosts"
	}
	return fault.Hint(fmt.Errorf("no token for %s: %s", host, text),
		"name it in the profile that its token comes from: hosts: ["+host.String()+"]")
}

// EachHost lists the hosts that tokens may go to, without wildcards, with the user
// name that is named for each: of the profile that is asked for, or else of all.
func (o *Resolved) EachHost() (map[string]string, error) {
	users := map[string]string{}
	add := func(names []string, columns map[string]map[string][]string) {
		for _, name := range names {
			h, ok := hosts.Of("https", name)
			to := *o
			to.Asked, to.Target.Hosts = []hosts.Host{h}, []string{name}
			if named, err := to.NamesHosts(); ok && named && err == nil {
				users[name] = strings.Join(columns[name]["username"], " ")
			}
		}
	}
	if o.From.Given("profile") || o.From.Given("issuer") || o.From.Given("client-id") {
		add(o.Target.Hosts, o.own)
		return users, nil
	}
	c, err := o.ConfigPaths().Open()
	if err != nil {
		return nil, err
	}
	for _, name := range c.Names() {
		v, err := c.Value(name, Find("host").key())
		if err != nil {
			return nil, err
		}
		add(v.Values, v.Columns)
	}
	return users, nil
}
