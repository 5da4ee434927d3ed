// Package agents tells whether a coding agent runs this program, by the variables
// that agents set for the commands that they run. Whoever can set variables can
// unset them: it is a guard rail, not a boundary.
package agents

import (
	"os"
	"strings"
)

// Agent is a coding agent that was seen. The zero Agent is none.
type Agent struct {
	Name     string `json:"name"`     // a word for it: lower case letters, digits, and -._@
	Variable string `json:"variable"` // that shows it
}

// Seen returns the agent that this program runs under.
func Seen() Agent { return seen(os.Getenv) }

func seen(getenv func(string) string) Agent {
	for _, r := range table {
		if v := getenv(r.Variable); said(v) && (r.value == "" || v == r.value) {
			return r.Agent
		}
	}
	for _, variable := range anyAgent {
		if v := getenv(variable); said(v) {
			return Agent{word(v), variable}
		}
	}
	return Agent{}
}

// said reports whether a variable's value says that something is so.
func said(v string) bool {
	switch strings.ToLower(v) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}

// word is a name that somebody else gave, fit for a line of a log.
func word(v string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._@", r) {
			return r
		}
		return -1
	}, strings.ToLower(v[:min(len(v), 64)]))
	if name == "" || name == "1" || name == "true" {
		return "unknown"
	}
	return name
}
