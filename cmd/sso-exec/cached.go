package main

import (
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/session"
)

// tool is a command whose stdout is one document of a tool's protocol.
type tool struct {
	name    string
	short   string
	long    string
	example string

	swallows bool                                            // the calling tool keeps stderr from the person
	steps    func(*options, *session.Session) []session.Step // what is derived from the token; may be nil
	encode   func(*options, credential.Credential) ([]byte, error)
	check    func(*options) error // of the tool's request; may be nil

	stdinTaken func() bool // stdin is the calling tool's, not ours to read; may be nil
}

// tools lists the protocols. A new one is a line here and a file in plugin/.
var tools = []*tool{
	{name: toolKube, short: "print a Kubernetes ExecCredential", long: kubeLong, example: kubeExample, encode: encodeKube, check: checkKube, stdinTaken: kubeHasStdin},
	{name: toolAWS, short: "print AWS credential_process credentials", long: awsLong, example: awsExample, swallows: true, steps: awsSteps, encode: encodeAWS},
	{name: toolToken, short: "print a token", long: tokenLong, example: tokenExample, encode: encodeToken, check: checkToken},
}

func findTool(name string) *tool {
	for _, t := range tools {
		if t.name == name {
			return t
		}
	}
	return nil
}

// cachedAnswer returns the document of a run that one stored file can answer.
// On anything out of the ordinary it returns false, and the ordinary way does
// the run from the start, with its errors and its explanations.
func cachedAnswer(args []string) ([]byte, bool) {
	if len(args) == 0 {
		return nil, false
	}
	t := findTool(args[0])
	if t == nil {
		return nil, false
	}
	o := newOptions(t.name)
	if o.flags.Parse(args[1:]) != nil || o.flags.NArg() > 0 || o.parse() != nil {
		return nil, false
	}
	if o.force || o.explain || o.verbose || o.logLevel != "warn" || o.store == "none" || o.cacheDir == "" {
		return nil, false
	}
	if t.check != nil && t.check(o) != nil {
		return nil, false
	}
	if o.apiKey != "" {
		return cachedAPIKey(o)
	}
	damaged := false
	s := &session.Session{Request: o.request(), Dialect: o.dialect(), Started: time.Now(),
		Store: cache.Open(o.cacheDir, func(string) { damaged = true })}
	c, ok, err := s.Cached(o.need(t.chain(o, s)))
	if !ok || err != nil || damaged {
		return nil, false
	}
	doc, err := t.encode(o, c)
	return doc, err == nil
}

func (t *tool) chain(o *options, s *session.Session) []session.Step {
	steps := exchangeSteps(o, s)
	if t.steps != nil {
		steps = append(steps, t.steps(o, s)...)
	}
	return steps
}
