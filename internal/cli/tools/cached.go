package tools

import (
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// tool is a command whose stdout is one document of a tool's protocol.
type tool struct {
	name    string
	short   string
	long    string
	example string

	by     acquire.Caller
	keys   bool // a role's keys are derived from the token
	encode func(*settings.Resolved, credential.Credential) ([]byte, error)
	check  func(*settings.Resolved) error // of the tool's request; may be nil
}

// All lists the tools. A new one is a file here with its row, and a file in plugin/.
var All = []*tool{kube, aws, token}

func findTool(name string) *tool {
	for _, t := range All {
		if t.name == name {
			return t
		}
	}
	return nil
}

// CachedAnswer returns the document of a run that one stored file can answer.
// On anything out of the ordinary it returns false, and the ordinary way does
// the run from the start, with its errors and its explanations.
func CachedAnswer(args []string) ([]byte, bool) {
	if len(args) == 0 {
		return nil, false
	}
	t := findTool(args[0])
	if t == nil {
		return nil, false
	}
	o, err := settings.Parse(t.name, args[1:])
	if err != nil || o.Read(nil) != nil || o.ForAgent() != nil || o.Check() != nil {
		return nil, false
	}
	if t.check != nil && t.check(o) != nil {
		return nil, false
	}
	var doc []byte
	if o.APIKey != "" {
		var ok bool
		if doc, ok = acquire.CachedAPIKey(o); !ok {
			return nil, false
		}
	} else {
		c, ok := acquire.Cached(o, t.keys)
		if !ok {
			return nil, false
		}
		if doc, err = t.encode(o, c); err != nil {
			return nil, false
		}
	}
	return doc, acquire.RecordCached(o) == nil
}
