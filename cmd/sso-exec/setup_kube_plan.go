package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// kubePlan is what becomes of the kubeconfig files, before anything is written.
type kubePlan struct {
	files   kubeconfig.Files
	conf    *kubeconfig.Config
	edits   []edit
	command string          // what the stanza runs
	ctx     context.Context // ends the wait for a file's lock

	// keepBackup leaves FILE.bak alone, since it holds what this change undoes.
	keepBackup bool
}

// open reads the kubeconfig files.
func (s *kubeSetup) open(ctx context.Context) (*kubePlan, error) {
	files, err := kubeconfig.Find(s.kubeconfig)
	if err != nil {
		return nil, &usageError{err: err}
	}
	conf, err := kubeconfig.Load(files)
	if err != nil {
		return nil, &usageError{fmt.Errorf("kubeconfig: %w", err), ""}
	}
	command, err := s.program()
	if err != nil {
		return nil, err
	}
	return &kubePlan{files: files, conf: conf, command: command, ctx: ctx}, nil
}

// change adds a change to a file's text.
func (p *kubePlan) change(path string, do func([]byte) ([]byte, error)) error {
	i := slices.IndexFunc(p.edits, func(e edit) bool { return e.path == path })
	if i < 0 {
		text, err := kubeconfig.Read(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		i = len(p.edits)
		p.edits = append(p.edits, edit{path: path, old: text, new: text, show: kubeconfig.Redact})
	}
	text, err := do(p.edits[i].new)
	if err != nil {
		return &usageError{fmt.Errorf("%s: %w", path, err), ""}
	}
	p.edits[i].new = text
	return nil
}

// apply shows the plan, asks, and carries it out. It reports whether something
// was written.
func (p *kubePlan) apply(s *setupFlags) (wrote bool, err error) {
	changed := false
	for i := range p.edits {
		e := &p.edits[i]
		e.write = func() error { return p.write(e) }
		if bytes.Equal(e.old, e.new) {
			continue
		}
		changed = true
		if s.dryRun {
			continue
		}
		if err := kubeconfig.Writable(e.path); err != nil { // better now than once somebody has agreed
			return false, err
		}
	}
	done, err := s.apply(p.edits...)
	return changed && done, err
}

// write makes one change, if the file is still as it was shown, and keeps what
// was there.
func (p *kubePlan) write(e *edit) error {
	return kubeconfig.Update(p.ctx, e.path, func(old []byte) ([]byte, error) {
		switch {
		case bytes.Equal(old, e.new): // another process has done the same
			return old, nil
		case !bytes.Equal(old, e.old):
			return nil, fmt.Errorf("%s: %w", e.path, userfile.ErrChanged)
		}
		if len(old) > 0 && !p.keepBackup {
			if err := kubeconfig.Backup(e.path, old); err != nil {
				return nil, err
			}
		}
		return e.new, nil
	})
}

// removeUser takes out a user entry of ours.
func (p *kubePlan) removeUser(name string) error {
	there, ok := p.conf.User(name)
	if !ok {
		return nil
	}
	err := p.change(there.File, func(text []byte) ([]byte, error) {
		return kubeconfig.RemoveUser(text, name, func(e kubeconfig.Exec) bool { return p.ours(&e) })
	})
	if err != nil {
		return keptHint(err, "kubectl config delete-user "+quote(name))
	}
	return nil
}

// restore puts the backups in the place of what removing leaves, where they are
// what was there before: where setting the entries once more in a backup gives
// the file as it is now. Only so are replaced credentials undone too. Else it
// says where these are.
func (p *kubePlan) restore(user, context string) {
	for i := range p.edits {
		e := &p.edits[i]
		text, err := kubeconfig.Read(e.path + ".bak")
		if err != nil {
			continue
		}
		before, ok, err := kubeconfig.Describe(text, user)
		if err != nil || ok && p.ours(before.Exec) {
			continue
		}
		if again, err := p.again(text, e.path, user, context); err == nil && bytes.Equal(again, e.old) {
			e.new, p.keepBackup = text, true
		} else if ok && before.Kind != "" {
			p.keepBackup = true
			fmt.Fprintf(stderr, "sso-exec: what user %s had before (%s) is in %s.bak\n", quote(user), oneLine(before.Kind), oneLine(e.path))
		}
	}
}

// again makes in a text what was made in a file for a user and a context.
func (p *kubePlan) again(text []byte, path, user, context string) (_ []byte, err error) {
	if u, ok := p.conf.User(user); ok && u.File == path && u.Exec != nil {
		if text, err = kubeconfig.SetUser(text, user, *u.Exec, true); err != nil {
			return nil, err
		}
	}
	if c, ok := p.conf.Context(context); ok && c.File == path {
		if text, err = kubeconfig.SetContext(text, context, c.Cluster, c.User, c.Namespace); err != nil {
			return nil, err
		}
	}
	if one, err := kubeconfig.Load(kubeconfig.Files{path}); err == nil && one.CurrentContext == context && context != "" {
		return kubeconfig.SetCurrentContext(text, context)
	}
	return text, nil
}

// removeContext takes out a context of ours. Where it is the current one, that
// becomes what it was before, if the backup still tells, else none.
func (p *kubePlan) removeContext(name, user string) error {
	there, ok := p.conf.Context(name)
	if !ok {
		return nil
	}
	err := p.change(there.File, func(text []byte) ([]byte, error) {
		return kubeconfig.RemoveContext(text, name, func(c kubeconfig.Context) bool { return c.User == user })
	})
	if err != nil {
		return keptHint(err, "kubectl config delete-context "+quote(name))
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
		if err := p.change(path, func(text []byte) ([]byte, error) { return kubeconfig.SetCurrentContext(text, before) }); err != nil {
			return err
		}
	}
	return nil
}

// keptHint adds to the refusal to remove an entry how to remove it all the same.
func keptHint(err error, command string) error {
	var kept *kubeconfig.NotOursError
	if errors.As(err, &kept) {
		return &usageError{err, "if it is to go all the same: " + command}
	}
	return err
}

// clusterHint says which clusters there are.
func (p *kubePlan) clusterHint(do string) string {
	if len(p.conf.Clusters) == 0 {
		return "there is none yet: kubectl config set-cluster NAME --server=https://… --certificate-authority=FILE"
	}
	var names []string
	for _, c := range p.conf.Clusters {
		names = append(names, quote(c.Name))
	}
	return do + ": " + strings.Join(names, ", ")
}

// oursHint says which user entries there are to remove.
func (p *kubePlan) oursHint() string {
	var names []string
	for _, u := range p.conf.Users {
		if p.ours(u.Exec) {
			names = append(names, quote(u.Name))
		}
	}
	if len(names) == 0 {
		return "no user entry of the kubeconfig runs sso-exec kube"
	}
	return "name one with --user: " + strings.Join(names, ", ")
}
