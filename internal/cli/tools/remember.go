package tools

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

// This file has the next call that is exactly like this one answered by package
// answers, if nothing that this one read has changed.

// longest is for how long a question is remembered whose answer has no end.
const longest = 24 * time.Hour

// memo is what is known of a cached answer.
type memo struct {
	args, env []string
	began     time.Time

	o       *settings.Resolved // nil: it was answered without any
	guarded bool               // what is given hangs on the agent that was seen
	c       credential.Credential
	until   time.Time
}

// remembers reports whether the answer hangs on nothing but what is watched.
func (m *memo) remembers() bool {
	o := m.o
	switch {
	case o == nil, m.guarded, o.APIKey != "", o.Report.Audit == settings.AuditAll, o.Report.LogFile != "", input.read,
		talk.Stderr.Said():
		return false
	case o.Policy != nil && o.Policy.AuditRequired:
		return false // each answer waits for the trail
	case o.Workload.SubjectFrom != "", o.Workload.ActorFrom != "":
		return false // whose token it is may hang on any variable, and on the token's own file
	case o.Source.Config != "" && !filepath.IsAbs(o.Source.Config), slices.ContainsFunc(m.args, mayTell):
		return false
	}
	return !slices.ContainsFunc(m.env, func(kv string) bool {
		name, value, _ := strings.Cut(kv, "=")
		name = commandline.Fold(name)
		secret := answers.Counts(name) && mayTell(value) || name == "KUBERNETES_EXEC_INFO" && strings.Contains(value, "@")
		if name == plugin.GCPOutputFile && value != "" {
			return true // which each answer is written to
		}
		// AWS's paths may have variables in them that are no part of the key.
		return secret || strings.HasPrefix(name, "AWS_") && strings.ContainsAny(value, "$%")
	})
}

// mayTell reports whether a text of the key has a secret in it: an address may have a
// password, and its query a key.
func mayTell(text string) bool {
	return strings.Contains(text, "://") && strings.ContainsAny(text, "?@")
}

// keep writes the entry. Where that fails, the next call is only slower.
func (m *memo) keep(files []answers.File, doc []byte) {
	until := m.began.Add(longest)
	if !m.until.IsZero() && m.until.Before(until) {
		until = m.until
	}
	dir := filepath.Clean(m.o.Storage.CacheDir)
	if own := answers.CacheDir(m.args, m.env); own == "" || filepath.Clean(own) != dir {
		return
	}
	self, ok := answers.Self()
	e := answers.Entry{Key: answers.Key(m.args, m.env), Written: m.began.UnixNano(), End: until.UnixNano(),
		Files: []answers.File{{ID: self}}}
	for _, f := range files {
		rel, err := filepath.Rel(dir, f.Path)
		switch ours := err == nil && filepath.IsLocal(rel); {
		case ours && f.ID != answers.ID{} && e.Token.Path == "":
			e.Token = answers.File{Path: filepath.ToSlash(rel), ID: f.ID}
		case filepath.IsAbs(f.Path) && (f.ID == answers.ID{} || !ours && answers.Tells(f.Path)):
			e.Files = append(e.Files, f)
		default:
			return // of two files, or of one that another directory does not have, or may not tell of a change
		}
		if f.ID.Settled().After(m.began) {
			return
		}
	}
	if !ok || e.Token.Path == "" || !until.After(m.began) {
		return
	}
	if e.Parts = split(doc, m.c, e.Token, filepath.Join(dir, e.Token.Path)); e.Parts != nil {
		if b := e.Encode(); b != nil {
			_ = cache.Open(dir, func(string) {}).WriteAnswer(answers.Name(e.Key), b)
		}
	}
}

// split takes the secrets out of an answer: each of them must stand in the token's file
// as it stands in the answer.
func split(doc []byte, c credential.Credential, token answers.File, path string) (parts []answers.Part) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text := make([]byte, token.ID.Size())
	if id, ok := answers.IDOf(f); !ok || id != token.ID {
		return nil
	}
	if n, err := f.Read(text); err != nil || n != len(text) {
		return nil
	}
	secrets := []string{c.Token.Reveal()}
	if c.AWS != nil {
		secrets = []string{c.AWS.SessionToken.Reveal(), c.AWS.SecretAccessKey.Reveal(), c.AWS.AccessKeyID}
	}
	for _, secret := range secrets {
		if secret == "" || !bytes.Contains(doc, []byte(secret)) {
			return nil
		}
	}
	for len(doc) > 0 {
		first, length := len(doc), 0
		for _, secret := range secrets {
			if i := bytes.Index(doc, []byte(secret)); i >= 0 && i < first {
				first, length = i, len(secret)
			}
		}
		part := answers.Part{Text: string(doc[:first])}
		if length > 0 {
			at := bytes.Index(text, slices.Concat([]byte{'"'}, doc[first:first+length], []byte{'"'}))
			if at < 0 {
				return nil
			}
			part.At, part.Len = int64(at)+1, int64(length)
		}
		parts = append(parts, part)
		doc = doc[first+length:]
	}
	return parts
}
