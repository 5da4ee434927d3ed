package config

import (
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// word is a name for a message: as it is, unless something in it cannot be seen.
func word(name string) string {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !commandline.Seen(c) }) {
		return strconv.Quote(name)
	}
	return name
}
