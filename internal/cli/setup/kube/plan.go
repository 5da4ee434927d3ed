package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// kubePlan is what becomes of the kubeconfig files, before anything is written.
type kubePlan struct {
	files   kubeconfig.Files
	conf    *kubeconfig.Config
	edits   []setup.Edit
	command string          // what the stanza runs
	ctx     context.Context // ends the wait for a file's lock

	// keepBackup are the files whose backups are left alone, since they hold what
	// this change undoes.
	keepBackup map[string]bool
}

// open reads the kubeconfig files.
func (s *kubeSetup) open(ctx context.Context) (*kubePlan, error) {
	files, err := kubeconfig.Find(s.kubeconfig)
	if err != nil {
		return nil, fault.InUsage(err)
	}
	conf, err := kubeconfig.Load(files)
	if err != nil {
		return nil, fault.InUsage(fmt.Errorf("kubeconfig: %w", err), "")
	}
	command, err := setup.ProgramOf(s.program, s.line["command"])
	if err != nil {
		return nil, err
	}
	return &kubePlan{files: files, conf: conf, command: command, ctx: ctx, keepBackup: map[string]bool{}}, nil
}

// change adds a change to a file's text.
func (p *kubePlan) change(path string, do func([]byte) ([]byte, error)) error {
	i := slices.IndexFunc(p.edits, func(e setup.Edit) bool { return e.Path == path })
	if i < 0 {
		text, err := kubeconfig.Read(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		i = len(p.edits)
		p.edits = append(p.edits, setup.Edit{Path: path, Old: text, New: text, Show: kubeconfig.Redact})
	}
	text, err := do(p.edits[i].New)
	if err != nil {
		return fault.InUsage(fmt.Errorf("%s: %w", path, err), "")
	}
	p.edits[i].New = text
	return nil
}

// apply shows the plan, asks, and carries it out. It reports whether something
// was written.
func (p *kubePlan) apply(s *setup.Flags) (wrote bool, err error) {
	changed := false
	for i := range p.edits {
		e := &p.edits[i]
		e.Write = func() error { return p.write(e) }
		if bytes.Equal(e.Old, e.New) {
			continue
		}
		changed = true
		if s.DryRun {
			continue
		}
		if e.Path == os.DevNull {
			return false, fault.InUsage(fmt.Errorf("kubeconfig: %s keeps nothing", e.Path), "name a file with --kubeconfig")
		}
		if err := kubeconfig.Writable(e.Path); err != nil { // better now than once somebody has agreed
			return false, err
		}
	}
	done, err := s.Apply(p.edits...)
	return changed && done, err
}

// write makes one change, if the file is still as it was shown, and keeps what
// was there.
func (p *kubePlan) write(e *setup.Edit) error {
	return kubeconfig.Update(p.ctx, e.Path, func(old []byte) ([]byte, error) {
		switch {
		case bytes.Equal(old, e.New): // another process has done the same
			return old, nil
		case !bytes.Equal(old, e.Old):
			return nil, fmt.Errorf("%s: %w", e.Path, userfile.ErrChanged)
		}
		if len(old) > 0 && !p.keepBackup[e.Path] {
			name := p.backupName(e.Path, old)
			if err := kubeconfig.Backup(e.Path, name, old); err != nil {
				return nil, err
			}
			if name != kubeconfig.BackupName(e.Path, 0) {
				fmt.Fprintf(talk.Stderr, "sso-exec: what was there is kept as %s: an older backup has credentials that are "+
					"nowhere else\n", talk.OneLine(name))
			}
		}
		return e.New, nil
	})
}

// backupName returns the first name of a backup that is free, or whose text has
// no credentials but those that the file still has: replaced ones may be had
// nowhere else.
func (p *kubePlan) backupName(path string, now []byte) string {
	for n := 0; ; n++ {
		name := kubeconfig.BackupName(path, n)
		text, err := kubeconfig.Read(name)
		if err != nil || !p.holds(text, now) {
			return name
		}
	}
}

// holds tells whether a backup has credentials of a user whose entry now is ours
// or gone.
func (p *kubePlan) holds(backup, now []byte) bool {
	users, err := kubeconfig.Users(backup)
	if err != nil {
		return false
	}
	for _, u := range users {
		if u.Kind == "" || !u.Extras && p.ours(u.Exec) {
			continue
		}
		if is, ok, err := kubeconfig.Describe(now, u.Name); err == nil && (!ok || p.ours(is.Exec)) {
			return true
		}
	}
	return false
}

// keptHint adds to the refusal to remove an entry how to remove it all the same.
func keptHint(err error, command string) error {
	if fault.Holds[*kubeconfig.NotOursError](err) {
		return fault.InUsage(err, "to remove it anyway: "+command)
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
		names = append(names, talk.Quote(c.Name))
	}
	return do + ": " + strings.Join(names, ", ")
}

// oursHint says which user entries there are to remove.
func (p *kubePlan) oursHint() string {
	var names []string
	for _, u := range p.conf.Users {
		if p.ours(u.Exec) {
			names = append(names, talk.Quote(u.Name))
		}
	}
	if len(names) == 0 {
		return "no user entry of the kubeconfig runs sso-exec"
	}
	return "name one with --user: " + strings.Join(names, ", ")
}

// usesProfile tells whether the stanza names the profile.
func (s *kubeSetup) usesProfile() bool { return setup.UsesProfile(s.o, "issuer", "client-id") }

// ours tells whether a stanza runs sso-exec for a cluster, or --command as that.
func (p *kubePlan) ours(e *kubeconfig.Exec) bool { return setup.Runs(e, p.command, tools...) }

// sameSession tells whether two stanzas' arguments are about one client of one
// provider, and one cluster of EKS.
func sameSession(a, b []string) bool {
	if a[0] != b[0] {
		return false
	}
	names := []string{"profile", "issuer", "client-id"}
	if a[0] != settings.ToolKube {
		names = append(names, "start-url", "account-id", "role-name", "role-arn", "region", "cluster", "workforce-provider",
			"impersonate", "server-id")
	}
	for _, flag := range names {
		if argument(a, flag) != argument(b, flag) {
			return false
		}
	}
	return true
}

// argument returns the value of a flag among arguments, the last one that it has.
func argument(args []string, flag string) (value string) {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--"+flag+"="); ok {
			value = v
		} else if a == "--"+flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}
