package kubeconfig

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/internal/edit/yaml"
)

// Redact returns a text as it may be shown: without the values that are secret
// or could be, and without long data. Everything else stays in its line. It is
// an error if the text is no kubeconfig, or if the end of a secret is not found.
func Redact(text []byte) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := &redaction{d: d}
	if d.Root != nil {
		r.file(d.Root)
	}
	if r.err != nil {
		return nil, r.err
	}
	// From the end on, so that the places of the others stay right.
	sort.Slice(r.spans, func(i, j int) bool { return r.spans[i].from > r.spans[j].from })
	out, last := d.Text, len(d.Text)
	for _, s := range slices.CompactFunc(r.spans, func(a, b span) bool { return a.from == b.from }) {
		if s.to > last {
			continue
		}
		// A comment behind it may be about it.
		end := len(out)
		if i := strings.IndexAny(out[s.to:], "\r\n"); i >= 0 {
			end = s.to + i
		}
		if at := commentStart().FindStringIndex(out[s.to:end]); at != nil {
			out = out[:s.to+at[0]] + " # " + hidden + out[end:]
		}
		out, last = out[:s.from]+s.show+out[s.to:], s.from
	}
	return []byte(comments().ReplaceAllString(out, "${1}"+hidden)), nil
}

const hidden = "(hidden)"

// longData is how many characters of a value are shown at most.
const longData = 200

// comments are those in which somebody has kept a credential.
var comments = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?im)((?:^|[ \t])#.*(?:token|password|secret|-data)["']?[ \t]*[:=][ \t]*)\S.*$`)
})

// commentStart finds where a comment may begin.
var commentStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[ \t]+#.*`) })

// secretInValue is a parameter within a value that may be secret.
var secretInValue = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(secret|passw|token|credential|api-?key|private-?key|assertion)[a-z_-]*[=: ]`)
})

// secretWords are in the names of flags whose values are secret; a name that
// ends in one of publicEnds has none.
var (
	secretWords = []string{"secret", "password", "passwd", "token", "credential", "apikey", "api-key", "private-key"}
	publicEnds  = []string{"-file", "-type", "-dir", "-storage", "-url", "-endpoint", "-use-access-token"}
)

// What of a cluster, a user, a stanza and an auth provider's config is not secret.
// Addresses among them lose what is secret in them when they are shown.
var (
	publicCluster = []string{"server", "proxy-url", "tls-server-name", "certificate-authority",
		"insecure-skip-tls-verify", "disable-compression"}
	publicExec     = []string{"apiVersion", "command", "interactiveMode", "installHint", "provideClusterInfo"}
	publicUser     = []string{"tokenFile", "client-certificate", "client-key", "username", "as", "as-uid", "as-groups"}
	publicProvider = []string{"idp-issuer-url", "client-id", "extra-scopes", "idp-certificate-authority"}
)

type span struct {
	from, to int
	show     string
}

// redaction collects what is not shown.
type redaction struct {
	d     *document
	spans []span
	err   error
}

func (r *redaction) file(root *yaml.Node) {
	pairs(root, func(key string, val *yaml.Node) {
		switch key {
		case "apiVersion", "kind", "current-context", "contexts", "preferences", "extensions":
			r.anchored(val)
		case "clusters":
			r.entries(val, "cluster", func(key string, val *yaml.Node) {
				if !slices.Contains(publicCluster, key) || strings.Contains(val.Value, "@") {
					r.hide(val)
				}
			})
		case "users":
			r.entries(val, "user", r.user)
		default: // what an alias may stand for
			r.hide(val)
		}
	})
}

// entries goes through the values of a list of named entries.
func (r *redaction) entries(list *yaml.Node, key string, each func(string, *yaml.Node)) {
	for _, item := range list.Content {
		pairs(item, func(k string, val *yaml.Node) {
			switch {
			case k == key && val.Kind == yaml.MappingNode:
				pairs(val, each)
				r.anchored(val)
				r.behind(val)
			case k != "name":
				r.hide(val)
			}
		})
	}
}

func (r *redaction) user(key string, val *yaml.Node) {
	switch {
	case key == "exec" && val.Kind == yaml.MappingNode:
		e := &Exec{}
		if v, err := r.d.Meaning(val); err == nil { // of a part of what was read before
			e = execOf(v)
		}
		isFlag, known := func(name string) bool { return strings.HasPrefix(name, "-") }, isOurs(*e)
		if _, err := kubeloginArgs(*e); err == nil {
			isFlag, known = func(name string) bool { _, is := kubeloginFlags[name]; return is }, true
		}
		pairs(val, func(key string, val *yaml.Node) {
			switch key {
			case "args":
				if known {
					r.args(val, isFlag)
				} else {
					r.unknownArgs(val)
				}
			case "env":
				for _, item := range val.Content {
					pairs(item, func(key string, val *yaml.Node) {
						if key != "name" {
							r.hide(val)
						}
					})
				}
			default:
				if !slices.Contains(publicExec, key) || !known && key == "command" && mayHoldSecret(val.Value) {
					r.hide(val)
				}
			}
		})
	case key == "auth-provider" && val.Kind == yaml.MappingNode:
		pairs(val, func(key string, val *yaml.Node) {
			if key == "name" {
				return
			}
			if val.Kind != yaml.MappingNode {
				r.hide(val)
			}
			pairs(val, func(key string, val *yaml.Node) {
				if !slices.Contains(publicProvider, key) {
					r.hide(val)
				}
			})
		})
	case !slices.Contains(publicUser, key):
		r.hide(val)
	}
}

// mayHoldSecret tells of a command that it is more than a program's name.
func mayHoldSecret(command string) bool { return strings.ContainsAny(command, " \t\n=@") }

// args hides the values of flags that are secret or not known, behind an equals sign
// or in the next argument, tokens anywhere, and what is long.
func (r *redaction) args(list *yaml.Node, known func(name string) bool) {
	next := false
	for _, n := range list.Content {
		name, val, hasVal := strings.Cut(n.Value, "=")
		secret := isSecretFlag(name) || strings.HasPrefix(name, "-") && !known(name) || secretInValue().MatchString(val)
		switch {
		case !hasVal && !next && secretInValue().MatchString(n.Value):
			r.hide(n)
		case n.Kind != yaml.ScalarNode, next && !strings.HasPrefix(n.Value, "-"):
			r.hide(n)
		case secret && hasVal:
			r.coverValue(n, name, hidden)
		case strings.Contains(n.Value, "eyJ"), strings.Contains(strings.ToLower(n.Value), "bearer "):
			r.hide(n)
		case len(n.Value) > longData && hasVal:
			r.coverValue(n, name, fmt.Sprintf("(%d characters)", len(val)))
		case len(n.Value) > longData:
			r.hide(n)
		}
		next = secret && !hasVal
	}
}

// coverValue hides what is behind an option's name, or all if that is not plainly one:
// line breaks are not escaped here as they are in the text.
func (r *redaction) coverValue(n *yaml.Node, name, show string) {
	if !yaml.IsPlain(name) {
		r.hide(n)
		return
	}
	r.cover(n, name+"="+show)
}

// unknownArgs hides the arguments of an unknown program, except the names
// of its options and the words that tell which program it is.
func (r *redaction) unknownArgs(list *yaml.Node) {
	for _, n := range list.Content {
		name, _, hasVal := strings.Cut(n.Value, "=")
		isOption := optionName().MatchString(name)
		switch {
		case n.Kind == yaml.ScalarNode && (isOption && !hasVal || slices.Contains(subcommands, n.Value)):
		case n.Kind == yaml.ScalarNode && isOption:
			r.coverValue(n, name, hidden)
		default:
			r.hide(n)
		}
	}
}

var optionName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-[A-Za-z]|--[a-z][a-z-]{1,40})$`)
})

// subcommands are those of the usual exec plugins.
var subcommands = []string{"aws", "eks", "get-token", "token", "get", "kubeconfig", "exec-credential", "kubernetes",
	"cluster", "oidc-login", "login", "auth", "oidc"}

// isOurs tells whether a stanza runs sso-exec for a cluster, maybe by another name: with
// nothing but flags of the form --name=value, one of which names the provider.
func isOurs(e Exec) bool {
	if len(e.Args) == 0 || !slices.Contains([]string{"kube", "eks", "gke", "aks"}, e.Args[0]) {
		return false
	}
	names := false
	for _, a := range e.Args[1:] {
		name, _, _ := strings.Cut(a, "=")
		if !optionName().MatchString(name) {
			return false
		}
		names = names || name == "--issuer" || name == "--profile"
	}
	return names || program(e.Command) == "sso-exec"
}

func isSecretFlag(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "-") &&
		slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(name, w) }) &&
		!slices.ContainsFunc(publicEnds, func(e string) bool { return strings.HasSuffix(name, e) })
}

// anchored hides what an alias elsewhere may stand for.
func (r *redaction) anchored(n *yaml.Node) {
	if n.Anchor != "" {
		r.hide(n)
	}
	for _, c := range n.Content {
		r.anchored(c)
	}
}

// hide hides all words below a node.
func (r *redaction) hide(n *yaml.Node) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value != "" && n.ShortTag() != yaml.NullTag && n.ShortTag() != yaml.BoolTag:
		r.cover(n, hidden)
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			r.hide(c)
		}
	case n.Kind == yaml.MappingNode:
		pairs(n, func(_ string, val *yaml.Node) { r.hide(val) })
	}
}

// behind hides a comment behind what is in braces: it stays when a secret in them goes.
func (r *redaction) behind(n *yaml.Node) {
	if !yaml.IsFlow(n) {
		return
	}
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	if to, err := r.d.End(n); err == nil {
		r.spans = append(r.spans, span{from: to, to: to})
	}
}

func (r *redaction) cover(n *yaml.Node, show string) {
	from, err := r.d.Start(n)
	to := 0
	if err == nil {
		to, err = r.d.End(n)
	}
	if err != nil {
		r.err = err
		return
	}
	r.spans = append(r.spans, span{from, to, show})
}

// pairs goes through a mapping; through anything else it does not.
func pairs(m *yaml.Node, each func(key string, val *yaml.Node)) {
	if m.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		each(m.Content[i].Value, m.Content[i+1])
	}
}
