package tools

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// tool is a command whose stdout is one document of a tool's protocol.
type tool struct {
	name     string
	calledAs string // the name by which a program runs it, in place of the command; may be empty
	byName   bool   // help shows it among those that each have a protocol of their own
	others   bool   // other programs have that name too: words that are not read go to the next of them
	words    string // that follow it, for its usage; may be empty
	short    string
	long     string
	example  string

	by     acquire.Caller
	keys   bool // a role's keys are derived from the token
	encode encoder
	check  func(*settings.Resolved) error // of the tool's request; may be nil

	below func() []*cobra.Command // for people; may be nil

	// request reads what a tool asks for by host; nil: it is not such a tool. It is the
	// same however often it is asked.
	request  func(words []string) (*request, error)
	onStdout bool // a failure belongs there too, with exit code 1
}

// All lists the tools. A new one is a file here with its row, and a file in plugin/.
var All = []*tool{kube, eks, gke, aks, aws, git, docker, cargo, terraform, gcp, bazel, keyring, token}

func findTool(name string) *tool {
	for _, t := range All {
		if t.name == name {
			return t
		}
	}
	return nil
}

// CachedAnswer returns the document of a run that one stored file can answer, and
// what remembers it, to be called when it is out. On anything out of the ordinary it
// returns false, and the ordinary way does the run from the start, with its errors and
// its explanations.
func CachedAnswer(args []string) (doc []byte, remember func(), ok bool) {
	m := &memo{args: os.Args, env: os.Environ(), began: time.Now()}
	answers.Watch()
	doc, ok = m.cached(args)
	files, all := answers.Unwatch()
	return doc, func() {
		if all && m.remembers() {
			m.keep(files, doc)
		}
	}, ok
}

func (m *memo) cached(args []string) ([]byte, bool) {
	if len(args) == 0 {
		return nil, false
	}
	t := findTool(args[0])
	if t == nil {
		return nil, false
	}
	o, words, err := settings.ParseWords(t.name, args[1:])
	if err != nil || len(words) > 0 && t.request == nil {
		return nil, false
	}
	encode := t.encode
	if t.request != nil {
		q, err := t.request(words)
		if err != nil || q.reject || q.stale || q.only != nil || q.refuse != nil {
			return nil, false
		}
		if q.host == (hosts.Host{}) {
			return q.none, q.code == 0 && q.own == nil
		}
		o.Asked, encode = []hosts.Host{q.host}, q.encode
	}
	if o.Read(nil) != nil {
		return nil, false
	}
	m.o, m.guarded = o, agents.Seen().Name != "" && o.AgentRule().Gets() != settings.AgentsAllow
	if o.ForAgent() != nil {
		return nil, false
	}
	if named, err := o.NamesHosts(); !named || err != nil || o.Check() != nil || t.check != nil && t.check(o) != nil {
		return nil, false
	}
	var doc []byte
	if o.APIKey != "" {
		var ok bool
		if doc, ok = acquire.CachedAPIKey(o); !ok {
			return nil, false
		}
	} else {
		var ok bool
		if m.c, m.until, ok = acquire.CachedForHost(o, t.keys); !ok {
			return nil, false
		}
		if doc, err = encode(o, m.c); err != nil {
			return nil, false
		}
	}
	return doc, acquire.RecordCached(o) == nil
}
