package yaml

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var format = Format{Lists: []string{"users"}, Values: 10_000}

// each goes through the keys of all mappings of a text, with the meaning of each
// mapping. What an alias stands for is passed over, and what has an anchor.
func each(n *Node, v *Value, do func(m *Node, v *Value, i int)) {
	for i, c := range n.Content {
		switch {
		case c.Kind == AliasNode || c.Anchor != "":
		case n.Kind == SequenceNode:
			each(c, v.Vals[i], do)
		case i%2 == 1:
			each(c, v.Vals[i/2], do)
			do(n, v, i/2)
		}
	}
}

// Every value of every shape of file can be replaced, and every key removed: the
// text means what was meant then, or the edit is refused, which it seldom is.
func TestEveryKey(t *testing.T) {
	files, err := filepath.Glob("../kubeconfig/testdata/shapes/*")
	if err != nil || len(files) < 20 {
		t.Fatalf("shapes: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(text), "\ufeff" + strings.ReplaceAll(string(text), "\n", "\r\n")} {
			d, err := Parse([]byte(text), format)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if d.Root == nil { // without content
				continue
			}
			edited, refused := 0, 0
			want := d.Tree.Clone()
			check := func(what string, got []byte, err error) {
				t.Helper()
				if errors.Is(err, ErrByHand) {
					refused++
					return
				}
				after, perr := Parse(got, format)
				if edited++; err != nil || perr != nil || !after.Tree.Equal(want) {
					t.Errorf("%s: %s: %v, %v\n%s", file, what, err, perr, got)
				}
			}
			each(d.Root, want, func(m *Node, v *Value, i int) {
				key, val := v.Keys[i], v.Vals[i]
				entry, err := d.Lookup(m, key.Text)
				if err != nil {
					check("find "+key.Text, nil, err)
					return
				}
				if m.Content[2*i+1].Kind == ScalarNode {
					v.Vals[i] = ValueOf("new: #")
					got, err := d.SetText(entry, `"new: #"`)
					check("set "+key.Text, got, err)
				}
				if len(v.Keys) > 1 {
					v.Keys, v.Vals = slices.Delete(slices.Clone(v.Keys), i, i+1), slices.Delete(slices.Clone(v.Vals), i, i+1)
					got, err := d.RemoveKey(m, key.Text)
					check("remove "+key.Text, got, err)
					v.Keys, v.Vals = slices.Insert(v.Keys, i, key), slices.Insert(v.Vals, i, val)
				}
				v.Vals[i] = val
			})
			if refused > edited {
				t.Errorf("%s: %d edits, %d refused", file, edited, refused)
			}
		}
	}
}

// Where a value ends, and how it is written, is found for each style.
func TestSpan(t *testing.T) {
	for in, want := range map[string]string{
		"a: b # c\n":                 "b",
		"a:\n":                       "",
		"a: 'b''s' # c\n":            "'b''s'",
		"a: \"b\\\" # \" # c\n":      "\"b\\\" # \"",
		"a: &x !!str b # c\n":        "&x !!str b",
		"a: |\n  b\n\n  c\n# d\n":    "|\n  b\n\n  c",
		"a: |+\n  b\n\nd: e\n":       "|+\n  b\n",
		"a: >-\n  b\n  c\nd: e\n":    ">-\n  b\n  c",
		"a:\n- b\n- c: d # e\nf: g":  "- b\n- c: d",
		"a: [b, {c: d}, ] # e\n":     "[b, {c: d}, ]",
		"a: b\n  c\nd: e\n":          "b\n  c",
		"x: &x b\na: *x # c\n":       "*x",
		"\"a\" : ü\u00a0ü\u2028d: e": "ü\u00a0ü",
	} {
		d, err := Parse([]byte(in), format)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		l, err := d.Lookup(d.Root, "a")
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if from, to, err := d.Span(l); err != nil || d.Text[from:to] != want {
			t.Errorf("%q: %q, %v, want %q", in, d.Text[from:to], err, want)
		}
	}
}
