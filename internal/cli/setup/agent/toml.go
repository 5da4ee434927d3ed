package agent

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/toml"
)

// tomlFile is a file of TOML. Its servers are those with a header of their own; of an
// inline table nothing is changed.
type tomlFile struct {
	*toml.Document
	bytes []byte
}

func parseTOML(text []byte) (document, error) {
	d, err := toml.Parse(text)
	return tomlFile{d, text}, err
}

func (d tomlFile) text() []byte { return d.bytes }

// find returns the entry of a key right below a header; nil: there is none.
func (d tomlFile) find(table, key []string) *toml.Entry {
	at := slices.IndexFunc(d.Entries, func(e toml.Entry) bool {
		return slices.Equal(e.Table, table) && slices.Equal(e.Key, key)
	})
	if at < 0 {
		return nil
	}
	return &d.Entries[at]
}

func (d tomlFile) servers(h hook) (all []server) {
	for _, e := range d.Entries {
		if len(e.Table) != len(h.server) || e.Table[0] != h.server[0] || !slices.Equal(e.Key, h.url) {
			continue
		}
		s := server{path: e.Table, url: textOf(&e)}
		if have := d.find(e.Table, h.key); have != nil {
			s.have, s.taken = textOf(have), true
		}
		all = append(all, s)
	}
	return all
}

// textOf is the text of a value, or nothing.
func textOf(e *toml.Entry) string {
	if list, ok := e.Strings(); ok && len(list) == 1 && !bytes.HasPrefix(e.Value, []byte("[")) {
		return list[0]
	}
	return ""
}

func (d tomlFile) set(server, key []string, text string) (document, error) {
	if text == "" {
		return parseTOML(d.Remove(d.find(server, key)))
	}
	after, err := d.Set(server, key[0], strings.Trim(toml.Quote(text), "[]"))
	if err != nil {
		return nil, err
	}
	return parseTOML(after)
}
