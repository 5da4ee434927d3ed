// Package setup is what every setup command does: show a diff, ask, write.
package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Flags are those of every setup command.
type Flags struct {
	Yes, DryRun, Remove bool
}

// Add gives a command the flags.
func (s *Flags) Add(f *pflag.FlagSet) {
	f.BoolVar(&s.DryRun, "dry-run", false, "show what would change, and change nothing")
	f.BoolVarP(&s.Yes, "yes", "y", false, "do not ask")
	f.BoolVar(&s.Remove, "remove", false, "undo what setup has done")
}

// Edit is a change to one file of the user's.
type Edit struct {
	Path     string
	Old, New []byte
	Show     func([]byte) ([]byte, error) // leaves out of a text what nobody should see; nil: all may be seen
	Write    func() error                 // makes the change, if the file is still old
}

// maxPlans is how often a change is planned again, where nobody is prompted about it
// and other processes are at the same file. In each round one gets through.
const maxPlans = 50

// Plan has a change planned and made, again where somebody else changed the file
// meanwhile and there was no question.
func (s *Flags) Plan(once func() error) error {
	for i := 1; ; i++ {
		err := once()
		if !s.Yes || i == maxPlans || !errors.Is(err, userfile.ErrChanged) {
			return err
		}
	}
}

// Apply shows edits as a diff, asks, and makes them. It reports whether they are
// made; with --dry-run they are not. The diff is on stdout under --dry-run, where
// it is all that comes of the run; else on stderr, since what follows may fail.
func (s *Flags) Apply(edits ...Edit) (done bool, err error) {
	edits = slices.DeleteFunc(edits, func(e Edit) bool { return bytes.Equal(e.Old, e.New) })
	if len(edits) == 0 {
		fmt.Fprintln(talk.Out, "Nothing to change.")
		return !s.DryRun, nil
	}
	if !s.DryRun && !s.Yes && !talk.CanAsk() {
		return false, talk.ErrNobody()
	}
	w := io.Writer(talk.Stderr)
	if s.DryRun {
		w = talk.Out
	}
	for _, e := range edits {
		fmt.Fprint(w, e.diff())
	}
	if s.DryRun {
		return false, nil
	}
	if !s.Yes {
		if ok, err := talk.Confirm("Make this change?"); err != nil || !ok {
			return false, err
		}
	}
	var wrote strings.Builder
	for _, e := range edits {
		before, _ := os.Stat(e.Path)
		_ = os.SameFile(before, before) // on Windows, Go asks which file it is at the first comparison
		if err := e.Write(); err != nil {
			fmt.Fprint(talk.Stderr, wrote.String())
			return false, err
		}
		if now, err := os.Stat(e.Path); err == nil && before != nil && os.SameFile(before, now) &&
			!now.ModTime().Equal(before.ModTime()) {
			fmt.Fprintf(talk.Stderr, "sso-exec: warning: %s was written in place: it is a mount of its own or has other "+
				"names, so it could not be replaced\n", talk.Visible(e.Path))
		}
		fmt.Fprintln(&wrote, "Wrote "+talk.OneLine(e.Path)+".")
	}
	fmt.Fprint(talk.Out, wrote.String())
	return true, nil
}

// diff renders the change for a person.
func (e *Edit) diff() string {
	old, new, path := e.Old, e.New, talk.OneLine(e.Path)
	if e.Show != nil {
		var errs [2]error
		if len(old) > 0 {
			old, errs[0] = e.Show(old)
		}
		new, errs[1] = e.Show(new)
		if err := errors.Join(errs[:]...); err != nil {
			return fmt.Sprintf("%s: the change is not shown, since it may have secrets: %v\n", path, err)
		}
	}
	old, new = presentable(old), presentable(new)
	d := diff.Diff(path, old, path+" (new)", new)
	if d == nil {
		return path + ": what changes is not shown, since it may be secret\n"
	}
	if _, lines, ok := bytes.Cut(d, []byte("\n")); ok { // the first one repeats the next two
		d = lines
	}
	return string(d)
}

// presentable gives a text the line ends of a terminal, and its addresses without
// what may be secret in them.
func presentable(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b = urlUser().ReplaceAll(b, []byte("${1}(hidden)@"))
	return urlQuery().ReplaceAll(b, []byte("${1}(hidden)"))
}

// HideSecrets hides what may be secret in lines of key and value: values whose key
// says so, also in comments, to the end of their line, and the arguments of commands.
func HideSecrets(text []byte) ([]byte, error) {
	text = secretValue().ReplaceAllFunc(text, func(line []byte) []byte {
		m := secretValue().FindSubmatch(line)
		if key := strings.ToLower(string(m[2])); publicKey().MatchString(key) {
			return line
		}
		return slices.Concat(m[1], m[2], m[3], []byte("(hidden)"))
	})
	return commandValue().ReplaceAll(text, []byte("${1} (hidden)")), nil
}

var (
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?im)((?:^|[\s{,#"'])["']?)([\w.-]*(?:secret|passw|token|credential|` +
			`api-?key|private-?key|assertion)[\w.-]*)(["']?[ \t]*[=:][ \t]*)\S[^\r\n]*`)
	})
	publicKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`-(file|type|dir|from|audience|endpoint|command|env)$|` +
			`^-*credential[_-](process|source|provider|helper)$|^api-key$`)
	})
	commandValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?im)(\b(?:[\w-]+-command|(?:subject|actor)-token-from["']?` +
			`[ \t]*:[ \t]*["']?command)["']?[ \t]*:[ \t]*["']?[^\s"',}]+)[ \t]+[^\r\n]*`)
	})
)

// The user name and password, and the query, of a URL.
var (
	urlUser  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://)[^\s"'<>]*@`) })
	urlQuery = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://[^\s"'<>?]*[?])[^\s"'<>]+`) })
)

// ConfigEdit is a change to the config file, which must be one that can be made:
// nobody is to sign in for nothing.
func (s *Flags) ConfigEdit(path string, do func([]byte) ([]byte, error)) (Edit, error) {
	e := Edit{Path: path, Show: HideSecrets}
	var err error
	if e.Old, err = userfile.ReadConfig(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	e.New, err = do(e.Old)
	switch {
	case errors.Is(err, config.ErrByHand) && !s.Remove:
		if block, err := do(nil); err == nil {
			fmt.Fprintf(talk.Stderr, "%s needs this:\n%s", talk.OneLine(path), block)
		}
		fallthrough
	case err != nil:
		return e, fault.Usagef("config: %s: %w", path, err)
	}
	e.Write = func() error {
		err := config.EditFile(path, func(now []byte) ([]byte, error) {
			switch {
			case bytes.Equal(now, e.New): // another process has done the same
				return now, nil
			case !bytes.Equal(now, e.Old):
				return nil, userfile.ErrChanged
			}
			return e.New, nil
		})
		return notWritable(err)
	}
	if st, err := os.Stat(path); err == nil && userfile.IsRegular(st) && !s.DryRun && !bytes.Equal(e.Old, e.New) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return e, notWritable(err)
		}
		return e, f.Close()
	}
	return e, nil
}

func notWritable(err error) error {
	if err == nil || errors.Is(err, userfile.ErrChanged) {
		return err
	}
	return fault.Hint(&fault.Error{Kind: fault.Storage, Err: fmt.Errorf("the config file cannot be written: %w", err)},
		"--config FILE writes another one; --dry-run only shows what it would say")
}
