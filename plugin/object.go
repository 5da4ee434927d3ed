package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// object reads a JSON object in the one way that it can be read: its names as they are
// written, each once, and nothing behind it.
func object(in []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(in) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(in))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		name, _ := key.(string)
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		switch _, twice := members[name]; {
		case err != nil:
			return nil, errors.New("it is not JSON")
		case twice:
			return nil, fmt.Errorf("%q is there twice", name)
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("it is not complete")
	}
	if len(bytes.TrimSpace(in[d.InputOffset():])) > 0 {
		return nil, errors.New("something follows it")
	}
	return members, nil
}

// text is a member that is a string; empty where there is none.
func text(members map[string]json.RawMessage, name string) (s string, err error) {
	if raw, ok := members[name]; ok && json.Unmarshal(raw, &s) != nil {
		err = fmt.Errorf("%s is not a string", name)
	}
	return s, err
}

// texts is a member that is a list of strings.
func texts(members map[string]json.RawMessage, name string) (list []string, err error) {
	if raw, ok := members[name]; ok && json.Unmarshal(raw, &list) != nil {
		err = fmt.Errorf("%s is not a list of strings", name)
	}
	return list, err
}
