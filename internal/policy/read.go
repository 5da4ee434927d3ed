package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// reader reads one document: keys and values, lists of words, nothing of YAML that
// makes one text stand for another.
type reader struct{ path string }

func (r reader) fail(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.path, n.Line, fmt.Sprintf(format, args...))
}

// syntax is what the YAML reader says, with its line where others are.
func (r reader) syntax(err error) error {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		return fmt.Errorf("%s:%s", r.path, rest)
	}
	return fmt.Errorf("%s: %s", r.path, text)
}

// Parse reads a policy. The error names the line and what is wrong with it; a rule
// that this version does not know is an error too.
func Parse(path string, text []byte) (*Policy, error) {
	p, err := reader{path}.read(text)
	if err != nil {
		return nil, unusable(err)
	}
	return p, nil
}

func (r reader) read(text []byte) (*Policy, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s is larger than %d bytes", r.path, maxSize)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it must begin with: version: 1", r.path)
	} else if err != nil {
		return nil, r.syntax(err)
	}
	p := &Policy{Path: r.path}
	if err := r.top(p, doc.Content[0]); err != nil {
		return nil, err
	}
	if err := d.Decode(&second); err == nil {
		return nil, r.fail(&second, "a second document begins here; only one is allowed")
	} else if !errors.Is(err, io.EOF) {
		return nil, r.syntax(err)
	}
	return p, nil
}

func (r reader) top(p *Policy, top *yaml.Node) error {
	said := false
	names := []string{"version"}
	for i := range rules {
		names = append(names, rules[i].name)
	}
	err := r.each(top, "the file", func(key, value *yaml.Node) error {
		if key.Value == "version" {
			said = true
			if value.Kind != yaml.ScalarNode || value.Tag != "!!int" || value.Value != "1" {
				return r.fail(value, "version %q is not known; this sso-exec reads version 1", value.Value)
			}
			return nil
		}
		for i := range rules {
			if rules[i].name == key.Value {
				return r.rule(p, &rules[i], value)
			}
		}
		return r.fail(key, "unknown rule %q%s", key.Value, commandline.DidYouMean(key.Value, names))
	})
	if err == nil && !said {
		err = fmt.Errorf("%s: it must begin with: version: 1", r.path)
	}
	return err
}

// each goes through a mapping's entries.
func (r reader) each(n *yaml.Node, what string, do func(key, value *yaml.Node) error) error {
	if err := r.plain(n); err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return r.fail(n, "%s must be a mapping of keys to values", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if err := r.plain(key); err != nil {
			return err
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return r.fail(key, "%s: a key must be a word", what)
		case seen[key.Value]:
			return r.fail(key, "%s: key %q is there twice", what, key.Value)
		}
		seen[key.Value] = true
		if err := r.plain(value); err != nil {
			return err
		}
		if err := do(key, value); err != nil {
			return err
		}
	}
	return nil
}

// plain refuses anchors, aliases and tags.
func (r reader) plain(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return r.fail(n, "anchors and aliases are not allowed here")
	case n.Style&yaml.TaggedStyle != 0:
		return r.fail(n, "tags are not allowed here")
	}
	return nil
}

// text is a value that is a text. A number is one where numbers says so.
func (r reader) text(rule string, n *yaml.Node, numbers bool) (string, error) {
	if err := r.plain(n); err != nil {
		return "", err
	}
	switch {
	case n.Kind != yaml.ScalarNode, n.Tag == "!!null":
		return "", r.fail(n, "%s: a value must be a text", rule)
	case n.Tag != "!!str" && (!numbers || n.Tag != "!!int"):
		return "", r.fail(n, "%s: %q is read as another type: put it in quotes", rule, n.Value)
	}
	return n.Value, nil
}

func (r reader) rule(p *Policy, k *rule, n *yaml.Node) error {
	var values []string
	add := func(n *yaml.Node) error {
		_, ports := k.at(p).(*[]PortRange)
		v, err := r.text(k.name, n, ports)
		values = append(values, v)
		return err
	}
	agents, isAgents := k.at(p).(*Agents)
	switch {
	case isAgents && n.Kind == yaml.MappingNode:
		return r.agents(agents, n)
	case isAgents && (n.Kind != yaml.ScalarNode || n.Value != Deny):
		return r.fail(n, "agents: use deny or {profile: NAME}, or leave the rule out")
	case isAgents:
		agents.Deny = true
		return nil
	case k.list && n.Kind != yaml.SequenceNode:
		return r.fail(n, "%s must be a list: [ … ]", k.name)
	case k.list && len(n.Content) == 0:
		return r.fail(n, "%s has no value: name at least one, or leave the rule out", k.name)
	case k.list:
		for _, item := range n.Content {
			if err := add(item); err != nil {
				return err
			}
		}
	default:
		if err := add(n); err != nil {
			return err
		}
	}
	if err := k.set(p, values); err != nil {
		return r.fail(n, "%v", err)
	}
	return nil
}

func (r reader) agents(a *Agents, n *yaml.Node) error {
	err := r.each(n, "agents", func(key, value *yaml.Node) (err error) {
		if key.Value != "profile" {
			return r.fail(key, "agents: unknown key %q%s", key.Value,
				commandline.DidYouMean(key.Value, []string{"profile"}))
		}
		if a.Profile, err = r.text("agents", value, false); err == nil && a.Profile == "" {
			err = r.fail(value, "agents: the profile has no name")
		}
		return err
	})
	if err == nil && a.Profile == "" {
		err = r.fail(n, "agents: use deny or {profile: NAME}, or leave the rule out")
	}
	return err
}
