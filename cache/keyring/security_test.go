package keyring

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This file is a security(1) for systems that have none, as far as keychain uses it. It
// does as Apple's SecurityTool does (apple-oss-distributions/Security,
// SecurityTool/macOS: security.c, readline.c, keychain_find.c, keychain_add.c), with a
// file an entry in place of a keychain.

// fakeDir is the variable that names the directory of the entries: as the real one, this
// command finds its keychain in the home, and is told nothing else. Next to the entries is
// the file state, which is how things are with the keychain; argv and environ have every
// argument and every variable that the command was ever given.
const fakeDir = "HOME"

// Results of commands (SecBase.h, MacErrors.h), which a process returns the low byte of.
const (
	errSecDuplicateItem         = -25299
	errSecItemNotFound          = -25300
	errSecInteractionNotAllowed = -25308
	errSecNoDefaultKeychain     = -25307
	errSecAuthFailed            = -25293
	userCanceled                = -128
)

// states are those in which a keychain's secrets cannot be read or written.
var states = map[string]int{
	"locked":      errSecInteractionNotAllowed, // over SSH: no window can ask
	"denied":      userCanceled,                // "Deny" in the window that asks
	"wrong":       errSecAuthFailed,
	"no keychain": errSecNoDefaultKeychain,
}

// workers are what else this program is, by its first argument.
var workers = map[string]func() int{"worker": worker}

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && workers[os.Args[1]] != nil:
		os.Exit(workers[os.Args[1]]())
	case len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test."):
		// Not os.Exit: under the race detector that takes a second.
		syscall.Exit(security(os.Getenv(fakeDir), os.Args[1:]) & 0xff)
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // nor do workers take it
	os.Exit(m.Run())
}

func security(dir string, args []string) (result int) {
	if _, err := os.Stat(filepath.Join(dir, "state")); err != nil {
		panic(err) // not a place of these tests
	}
	for name, words := range map[string][]string{"argv": args, "environ": os.Environ()} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(f, "%q\n", words)
		_ = f.Close()
	}
	if args[0] != "-i" {
		return run(dir, args)
	}
	for in := bufio.NewReader(os.Stdin); ; {
		line, ok := readline(in)
		if !ok {
			return result
		}
		words := splitLine(line)
		if result = run(dir, words); result != 0 {
			fmt.Fprintf(os.Stderr, "%s: returned %d\n", words[0], result)
		}
	}
}

// readline reads at most 4,095 bytes; what has no line break at its end is not a line.
func readline(in *bufio.Reader) (string, bool) {
	var line []byte
	for len(line) < 4096-1 {
		c, err := in.ReadByte()
		if err != nil {
			return "", false
		}
		if c == '\n' {
			break
		}
		line = append(line, c)
	}
	return string(line), true
}

// splitLine is security.c's split_line: a quote counts at a word's beginning alone, ends
// the word, and in both kinds a backslash takes the next character as it is.
func splitLine(line string) (words []string) {
	var word []byte
	in, quote, escaped := false, byte(0), false
	end := func() { words, word, in = append(words, string(word)), nil, false }
	for _, c := range []byte(line) {
		switch {
		case !in && strings.IndexByte(" \t\n\v\f\r", c) >= 0:
		case !in && (c == '"' || c == '\''):
			in, quote = true, c
		case escaped:
			word, escaped = append(word, c), false
		case c == '\\':
			in, escaped = true, true
		case !in:
			in, quote, word = true, 0, append(word, c)
		case quote != 0 && c == quote, quote == 0 && strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			end()
		default:
			word = append(word, c)
		}
	}
	if in {
		end()
	}
	return words
}

// run is execute_command, for the three commands.
func run(dir string, words []string) int {
	if len(words) == 0 {
		return 0
	}
	takes, ok := map[string]string{"find-generic-password": "as", "delete-generic-password": "as",
		"add-generic-password": "asw"}[words[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "security: unknown command %q\n", words[0])
		return 1
	}
	options := map[byte]string{}
	for i := 1; i < len(words); i++ {
		if len(words[i]) != 2 || words[i][0] != '-' {
			return 2
		}
		if c := words[i][1]; strings.IndexByte(takes, c) < 0 {
			options[c] = "yes"
		} else if i++; i < len(words) {
			options[c] = words[i]
		} else {
			return 2
		}
	}
	state, _ := os.ReadFile(filepath.Join(dir, "state"))
	if string(state) == "hangs" { // a window asks, and nobody answers
		time.Sleep(time.Minute)
	}
	for ; string(state) == "waits"; state, _ = os.ReadFile(filepath.Join(dir, "state")) { // somebody answers soon
		_ = os.WriteFile(filepath.Join(dir, "waiting"), nil, 0o600)
		time.Sleep(5 * time.Millisecond)
	}
	e := entry{dir, entryFile(dir, options['s'], options['a']), states[string(state)]}
	return e.do(words[0], options)
}

func entryFile(dir, service, account string) string {
	return filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256([]byte(service+"\n"+account))))
}

// entry is a file; refused is what its secret being read or written ends with.
type entry struct {
	dir, path string
	refused   int
}

func (e entry) do(command string, options map[byte]string) int {
	value, err := os.ReadFile(e.path)
	switch {
	case command == "add-generic-password":
		if options['U'] != "" && e.update(options['w']) == 0 {
			return 0
		}
		return e.create(options['w']) // also where the update was refused
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(os.Stderr, "security: SecKeychainSearchCopyNext: "+
			"The specified item could not be found in the keychain.")
		return errSecItemNotFound
	case e.refused != 0:
		return e.refused
	case command == "delete-generic-password":
		if err := os.Remove(e.path); err != nil {
			return errSecItemNotFound
		}
		fmt.Println("attributes:")
		fmt.Fprintln(os.Stderr, "password has been deleted.")
		return 0
	}
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if bytes.ContainsFunc(value, unprintable) {
		value = []byte(hex.EncodeToString(value))
	}
	fmt.Printf("%s\n", value)
	return 0
}

func (e entry) update(value string) int {
	if _, err := os.Stat(e.path); err != nil {
		return errSecItemNotFound
	}
	if e.refused != 0 {
		return e.refused
	}
	return e.write(value, os.Rename)
}

func (e entry) create(value string) int {
	if e.refused != 0 && e.refused != userCanceled { // which is about an entry that is there
		return e.refused
	}
	if _, err := os.Stat(e.path); err == nil {
		return errSecDuplicateItem
	}
	return e.write(value, os.Link)
}

func (e entry) write(value string, into func(from, to string) error) int {
	f, err := os.CreateTemp(e.dir, "new-")
	if err != nil {
		panic(err)
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, value)
	if err = errors.Join(err, f.Close()); err != nil {
		panic(err)
	}
	if into(f.Name(), e.path) != nil {
		return errSecDuplicateItem
	}
	return 0
}
