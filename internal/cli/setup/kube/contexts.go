package kube

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is the contexts that setup kube points to the user entry.

func isPattern(name string) bool { return strings.Contains(name, "*") }

// contextNames lists the contexts that are named, and those that are there and match a
// pattern. Of the latter --remove takes those of one user alone, whose entry is ours.
func (s *kubeSetup) contextNames(plan *kubePlan) (names []string, err error) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range s.contexts {
		if _, ok := plan.conf.Context(name); ok || !isPattern(name) {
			add(name)
			continue
		}
		matches := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, ".*") + "$").MatchString
		found := false
		for _, c := range plan.conf.Contexts {
			if !matches(c.Name) {
				continue
			}
			found = true
			if user, _ := plan.conf.User(c.User); s.Remove && (!plan.ours(user.Exec) || s.user != "" && s.user != c.User) {
				continue
			} else if s.Remove {
				s.user = c.User
			}
			add(c.Name)
		}
		if !found && !s.Remove {
			return nil, fault.InUsage(fmt.Errorf("no context of the kubeconfig matches %q", name),
				"a context that is to be made is named without *; see: kubectl config get-contexts")
		}
	}
	return names, nil
}

// free tells which contexts have another user, unless that is to be replaced.
func (s *kubeSetup) free(plan *kubePlan, names []string) error {
	var taken []string
	for _, name := range names {
		if there, _ := plan.conf.Context(name); there.User != "" && there.User != s.user && !s.replace {
			taken = append(taken, fmt.Sprintf("context %q already exists, with user %q", name, there.User))
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return fault.InUsage(fmt.Errorf("%s", strings.Join(taken, "; ")),
		"--replace gives it user "+talk.Quote(s.user)+"; --context NAME makes another one")
}

// setContext plans a context.
func (s *kubeSetup) setContext(plan *kubePlan, name string) error {
	there, ok := plan.conf.Context(name)
	cluster := s.cluster
	if _, same := plan.conf.Cluster(name); cluster == "" && !ok && same {
		cluster = name
	} else if cluster == "" && !ok && len(plan.conf.Clusters) == 1 {
		cluster = plan.conf.Clusters[0].Name
	}
	if cluster == "" && there.Cluster == "" {
		return fault.InUsage(fmt.Errorf("which cluster is context %q for?", name),
			plan.clusterHint("give --"+s.clusterFlag+" NAME"))
	}
	if _, known := plan.conf.Cluster(cluster); !known && cluster != "" {
		return fault.InUsage(fmt.Errorf("no cluster %q in the kubeconfig", cluster),
			plan.clusterHint("name one of these"))
	}
	if err := plan.change(plan.conf.ContextFile(name), func(text []byte) ([]byte, error) {
		return kubeconfig.SetContext(text, name, cluster, s.user, s.namespace)
	}); err != nil {
		return err
	}
	if !s.useContext || plan.conf.CurrentContext == name {
		return nil
	}
	// kubectl sets it there wherever it stands now, and takes it from there first, too.
	return plan.change(plan.files.Default(), func(text []byte) ([]byte, error) {
		return kubeconfig.SetCurrentContext(text, name)
	})
}

// putBack gives a context the user that it had in the backup of its file, if that was
// another one that is still there.
func (p *kubePlan) putBack(there kubeconfig.Context, user string) (done bool, err error) {
	old, err := kubeconfig.Load(kubeconfig.Files{kubeconfig.BackupName(there.File, 0)})
	if err != nil {
		return false, nil //nolint:nilerr // nothing is known of before
	}
	before, was := old.Context(there.Name)
	if _, ok := p.conf.User(before.User); !was || !ok || before.User == user || there.User != user {
		return false, nil
	}
	return true, p.change(there.File, func(text []byte) ([]byte, error) {
		return kubeconfig.SetContext(text, there.Name, before.Cluster, before.User, before.Namespace)
	})
}

// quoted is a list of names for a message.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return strings.Join(list, ", ")
}
