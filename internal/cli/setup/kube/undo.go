package kube

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is what setup kube --remove does.

// undo plans and makes what removes the user entry, and the contexts that are
// named with it, or else those that were made for it.
func (s *kubeSetup) undo(plan *kubePlan, contexts []string) error {
	if there, ok := plan.conf.Context(s.context); s.user == "" && ok {
		s.user = there.User
	}
	if s.user == "" {
		s.user = s.defaultUser()
	}
	if s.user == "" {
		return fault.InUsage(errors.New("which user entry is it?"), plan.oursHint())
	}
	if _, ok := plan.conf.User(s.user); ok && s.contexts == nil {
		contexts = plan.contextsOf(s.user)
	}
	var removed []string
	for _, name := range contexts {
		if s.contexts == nil && !plan.cameWith(name, s.user) {
			continue
		}
		if err := plan.removeContext(name, s.user); err != nil {
			return err
		}
		removed = append(removed, name)
	}
	if err := plan.removeUser(s.user); err != nil {
		return err
	}
	plan.restore(s.user, contexts)
	if err := s.leftAlone(plan, removed); err != nil {
		return err
	}
	_, err := plan.apply(&s.Flags)
	return err
}

// leftAlone tells which contexts are left without their user. The current one
// must not be: kubectl would ask for a user name.
func (s *kubeSetup) leftAlone(plan *kubePlan, removed []string) error {
	if _, ok := plan.conf.User(s.user); !ok || plan.has(s.user) {
		return nil
	}
	var others []string
	for _, c := range plan.conf.Contexts {
		switch {
		case c.User != s.user || slices.Contains(removed, c.Name):
		case c.Name == plan.conf.CurrentContext:
			return fault.InUsage(fmt.Errorf("user %q is that of context %q, which is the current one", s.user, c.Name),
				"--context "+talk.Quote(c.Name)+" removes that too; kubectl config use-context NAME chooses another one")

		default:
			others = append(others, c.Name)
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(talk.Stderr, "sso-exec: user %q is also that of: %s; --context NAME removes one of them too\n", s.user,
			quoted(others))
	}
	return nil
}

// removeUser takes out our user entry.
func (p *kubePlan) removeUser(name string) error {
	there, ok := p.conf.User(name)
	if !ok {
		return nil
	}
	err := p.change(there.File, func(text []byte) ([]byte, error) {
		return kubeconfig.RemoveUser(text, name, func(e kubeconfig.Exec) bool { return p.ours(&e) })
	})
	if err != nil {
		return keptHint(err, talk.Paste(append([]string{"kubectl", "config", "delete-user"}, talk.Positional(name)...)...))
	}
	return nil
}

// restore puts the backups in the place of what removing leaves, where they are
// what was there before: where setting the entries once more in a backup gives
// the file as it is now. Only so are replaced credentials undone too. Else it
// says where these are.
func (p *kubePlan) restore(user string, contexts []string) {
	for i := range p.edits {
		e := &p.edits[i]
		kind, where := "", ""
		for n := 0; ; n++ {
			name := kubeconfig.BackupName(e.Path, n)
			text, err := kubeconfig.Read(name)
			if err != nil && n > 0 {
				break
			}
			before, ok, err := kubeconfig.Describe(text, user)
			if text == nil || err != nil || ok && p.ours(before.Exec) {
				continue
			}
			if again, err := p.again(text, e.Path, user, contexts); err == nil && bytes.Equal(again, e.Old) {
				e.New, p.keepBackup[e.Path], where = text, true, ""
				break
			}
			if before.Kind != "" && where == "" { // the oldest
				kind, where = before.Kind, name
			}
		}
		if where != "" {
			p.keepBackup[e.Path] = true
			fmt.Fprintf(talk.Stderr, "sso-exec: what user %q had before (%s) is in %s\n", user, talk.OneLine(kind),
				talk.OneLine(where))
		}
	}
}

// again makes in a text what was made in a file for a user and contexts.
func (p *kubePlan) again(text []byte, path, user string, contexts []string) (_ []byte, err error) {
	if u, ok := p.conf.User(user); ok && u.File == path && u.Exec != nil {
		if text, err = kubeconfig.SetUser(text, user, *u.Exec, true); err != nil {
			return nil, err
		}
	}
	for _, name := range contexts {
		if c, ok := p.conf.Context(name); ok && c.File == path {
			if text, err = kubeconfig.SetContext(text, name, c.Cluster, c.User, c.Namespace); err != nil {
				return nil, err
			}
		}
	}
	if one, err := kubeconfig.Load(kubeconfig.Files{path}); err == nil && slices.Contains(contexts, one.CurrentContext) {
		return kubeconfig.SetCurrentContext(text, one.CurrentContext)
	}
	return text, nil
}

// contextsOf lists the contexts of a user that were made since the backup of
// their file.
func (p *kubePlan) contextsOf(user string) (names []string) {
	for _, c := range p.conf.Contexts {
		if c.User != user || c.Extras {
			continue
		}
		if _, err := os.Stat(kubeconfig.BackupName(c.File, 0)); err != nil {
			continue // nobody can tell
		}
		before, err := kubeconfig.Load(kubeconfig.Files{kubeconfig.BackupName(c.File, 0)})
		if err != nil {
			continue
		}
		if _, was := before.Context(c.Name); !was {
			names = append(names, c.Name)
		}
	}
	return names
}

// cameWith tells whether a context of a user, newer than the backup, came with
// the user's entry: not if that only replaced somebody's credentials.
func (p *kubePlan) cameWith(context, user string) bool {
	c, _ := p.conf.Context(context)
	text, err := kubeconfig.Read(kubeconfig.BackupName(c.File, 0))
	if err != nil {
		return false
	}
	before, was, err := kubeconfig.Describe(text, user)
	return err == nil && (!was || p.ours(before.Exec))
}

// has tells whether the files have a user once the plan is carried out.
func (p *kubePlan) has(user string) bool {
	there, ok := p.conf.User(user)
	if !ok {
		return false
	}
	for _, e := range p.edits {
		if e.Path == there.File {
			_, ok, err := kubeconfig.Describe(e.New, user)
			return ok && err == nil
		}
	}
	return true
}

// removeContext takes out one of our contexts. Where it is the current one, that
// becomes what it was before, if the backup still tells, else none.
func (p *kubePlan) removeContext(name, user string) error {
	there, ok := p.conf.Context(name)
	if !ok {
		return nil
	}
	if done, err := p.putBack(there, user); done || err != nil {
		return err
	}
	err := p.change(there.File, func(text []byte) ([]byte, error) {
		return kubeconfig.RemoveContext(text, name, func(c kubeconfig.Context) bool { return c.User == user })
	})
	if err != nil {
		return keptHint(err, talk.Paste(append([]string{"kubectl", "config", "delete-context"}, talk.Positional(name)...)...))
	}
	for _, path := range p.files {
		one, err := kubeconfig.Load(kubeconfig.Files{path})
		if err != nil || one.CurrentContext != name {
			continue
		}
		before := ""
		if old, err := kubeconfig.Load(kubeconfig.Files{path + ".bak"}); err == nil && old.CurrentContext != name {
			if _, ok := p.conf.Context(old.CurrentContext); ok {
				before = old.CurrentContext
			}
		}
		if err := p.change(path,
			func(text []byte) ([]byte, error) { return kubeconfig.SetCurrentContext(text, before) }); err != nil {
			return err
		}
	}
	return nil
}
