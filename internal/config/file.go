package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// version is the format that is understood.
const version = "1"

var topKeys = []string{"version", "default-profile", "profiles"}

// File is a config file. Only what its top says has been checked; a profile is
// checked when it is used.
type File struct {
	Path           string
	Layer          Layer
	DefaultProfile string

	defaultLine int        // 0: the file does not say
	profiles    *yaml.Node // nil: none
	index       map[string][]*yaml.Node
}

// Finding is a fault of a config file.
type Finding struct {
	Path string
	Line int // 0: of the whole file
	Text string
	Err  error // what lies behind it, if that says more; may be nil

	harmless bool // in use: nothing stands there, or what a later version may know
}

func (f Finding) Error() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text)
}

// Unwrap returns what lies behind it.
func (f Finding) Unwrap() error { return f.Err }

// parse reads a file's top. Without a File it cannot be used at all.
func parse(path string, layer Layer, b []byte) (*File, []Finding) {
	f := &File{Path: path, Layer: layer}
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return f, nil // empty
	case err != nil:
		return nil, []Finding{syntaxError(path, err)}
	}
	r := &resolver{limit: maxFindings}
	top := r.mapping(f, doc.Content[0], doc.Content[0].Line, "the file")
	if len(r.findings) > 0 {
		return nil, r.findings
	}
	said := false
	for _, e := range top {
		switch e.key.Value {
		case "version":
			said = true
			if e.value.Value != version {
				return nil,
					[]Finding{f.finding(e.key.Line, "version %q is not known; this sso-exec reads version %s", e.value.Value, version)}
			}
		case "default-profile":
			f.defaultLine = e.key.Line
			switch {
			case e.value.Kind != yaml.ScalarNode:
				r.add(f.finding(e.key.Line, "default-profile must be the name of a profile"))
			case e.value.Tag != "!!null":
				f.DefaultProfile = strings.TrimSpace(e.value.Value)
			}
		case "profiles":
			switch {
			case e.value.Kind == yaml.MappingNode:
				f.profiles = e.value
			case e.value.Tag != "!!null":
				r.add(f.finding(e.key.Line, "profiles must be a mapping of names to profiles"))
			}
		default:
			// A key that is not known may be a newer version's; one that looks like a
			// slip is an error.
			near := commandline.Nearest(e.key.Value, topKeys)
			x := f.finding(e.key.Line, "unknown key %q%s", e.key.Value, commandline.DidYouMean(e.key.Value, topKeys))
			x.harmless = near == ""
			r.add(x)
		}
	}
	if !said {
		return nil, []Finding{{Path: path, Text: "it must begin with: version: " + version}}
	}
	if x, more := f.second(d); more {
		r.add(x)
	}
	return f, r.findings
}

// second says that a second document follows, which nobody would read: profiles
// that stand there would be missing without a word.
func (f *File) second(d *yaml.Decoder) (x Finding, more bool) {
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return x, false
	case err != nil:
		return syntaxError(f.Path, err), true
	}
	x = f.finding(doc.Line, "a second document begins here; only one is allowed")
	x.harmless = doc.Content[0].Tag == "!!null"
	return x, true
}

// syntaxError is what the YAML reader says, with its line where others are.
func syntaxError(path string, err error) Finding {
	x := Finding{Path: path, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if rest, ok := strings.CutPrefix(x.Text, "line "); ok {
		number, text, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			x.Line, x.Text = line, text
		}
	}
	return x
}

func (f *File) finding(line int, format string, args ...any) Finding {
	return Finding{Path: f.Path, Line: line, Text: fmt.Sprintf(format, args...)}
}

// entries goes through the profiles by key and value.
func (f *File) entries() iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		if f.profiles == nil {
			return
		}
		for i := 0; i+1 < len(f.profiles.Content); i += 2 {
			if k := f.profiles.Content[i]; k.Kind == yaml.ScalarNode && !yield(k, resolve(f.profiles.Content[i+1])) {
				return
			}
		}
	}
}

// find returns a profile's key and value, and the key of a second one of that
// name; nil: there is none.
func (f *File) find(name string) (key, value, twice *yaml.Node) {
	if f.index != nil {
		switch nodes := f.index[name]; {
		case len(nodes) > 2:
			return nodes[0], nodes[1], nodes[2]
		case len(nodes) == 2:
			return nodes[0], nodes[1], nil
		}
		return nil, nil, nil
	}
	for k, v := range f.entries() {
		switch {
		case k.Value != name:
		case key == nil:
			key, value = k, v
		default:
			return key, value, k
		}
	}
	return key, value, nil
}

// makeIndex makes find fast, for who looks up every profile.
func (f *File) makeIndex() {
	f.index = map[string][]*yaml.Node{}
	for k, v := range f.entries() {
		f.index[k.Value] = append(f.index[k.Value], k, v)
	}
}

// pair is an entry of a mapping. value is what an alias stands for.
type pair struct{ key, value *yaml.Node }

// mapping returns a mapping's entries. Each key is there once: a second one is a
// finding, and left out.
func (r *resolver) mapping(f *File, n *yaml.Node, line int, what string) []pair {
	if n = resolve(n); n.Kind != yaml.MappingNode {
		r.add(f.finding(line, "%s must be a mapping of keys to values", what))
		return nil
	}
	pairs := make([]pair, 0, len(n.Content)/2)
	var seen map[string]bool // only where looking through all of them takes long
	if len(n.Content) > 100 {
		seen = map[string]bool{}
	}
	for i := 0; i+1 < len(n.Content) && !r.full(); i += 2 {
		key := n.Content[i]
		twice := seen[key.Value]
		if seen == nil {
			twice = slices.ContainsFunc(pairs, func(p pair) bool { return p.key.Value == key.Value })
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			r.add(f.finding(key.Line, "%s: a key must be a word", what))
		case twice:
			r.add(f.finding(key.Line, "%s: key %q is there twice", what, key.Value))
		default:
			if seen != nil {
				seen[key.Value] = true
			}
			pairs = append(pairs, pair{key, resolve(n.Content[i+1])})
		}
	}
	return pairs
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
