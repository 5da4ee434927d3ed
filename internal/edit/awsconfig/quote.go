package awsconfig

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Words that mean themselves to a POSIX shell and to Python's shlex.
var plainPOSIX = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`) })

// Words that mean themselves to cmd.exe and to botocore's splitting on Windows.
var plainWindows = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_@+=:,./\\~-]+$`) })

// Command makes one line of a command and its arguments, for credential_process
// on a system (as runtime.GOOS names it). The SDKs give that line to sh -c or
// to cmd.exe /C, while botocore splits it itself and runs it without a shell,
// so it must mean the same to both; what cannot is an error.
//
// On Windows nothing can be quoted: the SDK for Go escapes quotation marks in a
// way that cmd.exe does not understand (aws-sdk-go-v2 issue 3208).
func Command(goos string, words []string) (string, error) {
	if len(words) == 0 || words[0] == "" {
		return "", errors.New("there is no command")
	}
	out := make([]string, len(words))
	for i, w := range words {
		// A name followed by = is an assignment in a shell, and = and , end the name of a
		// command in cmd.exe.
		oddName := i == 0 && strings.ContainsAny(w, "=,")
		switch {
		case goos == "windows" && (!plainWindows().MatchString(w) || oddName):
			return "", fmt.Errorf("%q cannot be written so that every AWS SDK on Windows understands it: use a path without "+
				"spaces and special characters (a short name such as PROGRA~1, or a program on the PATH)", w)
		case goos == "windows" && i == 0 && strings.Contains(w, "/"):
			return "", fmt.Errorf("%q: cmd.exe takes what follows a / for an option; use \\", w)
		case goos == "windows" || plainPOSIX().MatchString(w) && !oddName:
			out[i] = w
		default:
			out[i] = quote(w)
		}
	}
	// The SDK for Go removes a quotation mark that begins the value and ends it
	// too: then the command's first character stays outside.
	if first := out[0]; first[0] == '\'' && strings.HasSuffix(out[len(out)-1], "'") &&
		plainPOSIX().MatchString(words[0][:1]) {
		out[0] = words[0][:1] + quote(words[0][1:])
	}
	command := strings.Join(out, " ")
	if err := checkValue(command); err != nil {
		return "", fmt.Errorf("the command %s: %w", command, err)
	}
	return command, nil
}

// quote writes a word in single quotes, where neither a shell nor shlex knows a
// special character; a single quote goes into double ones.
func quote(w string) string {
	return "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
}
