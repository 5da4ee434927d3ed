// Package plugin speaks the protocols of the tools that ask for credentials:
// one file a tool, which reads the tool's request and writes its answer. Bytes
// in, bytes out: no network, no files, no questions to a person.
//
// Every Encode function returns one whole document, so that a caller can write
// it to stdout at once or not at all. Nothing is checked about the credential
// itself; whoever calls has it from a source that did.
//
// The package is v0: names may still change between minor versions.
package plugin

import (
	"bytes"
	"encoding/json"
	"time"
)

// encode renders a document without HTML escaping: tokens are copied by people
// and compared by machines, and \u003d helps neither.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// rfc3339 renders a time in whole seconds of UTC.
func rfc3339(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
