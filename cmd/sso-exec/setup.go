package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// newSetup makes the commands that write another tool's configuration. Each
// shows what it would change, asks, keeps a backup, and changes nothing when it
// is run again.
func newSetup() *cobra.Command {
	c := &cobra.Command{
		Use:   "setup",
		Short: "have a tool call sso-exec",
		Long: `Write another tool's configuration, or a profile of sso-exec's own. Each command
shows what it would change, asks, keeps a backup, and changes nothing when it is
run again; --dry-run only shows it, --remove undoes it.`,
		Example: "  sso-exec setup provider corp\n  sso-exec setup kube --profile corp --user corp\n  sso-exec setup aws --profile corp --aws-profile corp",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknown(cmd, "tool", args[0])
		},
	}
	c.AddCommand(newSetupKube(), newSetupAWS(), newSetupProvider())
	return c
}

// setupFlags are those of every setup command.
type setupFlags struct {
	yes, dryRun, remove bool
}

func (s *setupFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&s.dryRun, "dry-run", false, "show what would change, and change nothing")
	f.BoolVarP(&s.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&s.remove, "remove", false, "undo what setup has done")
}

// edit is a change to one file of the user's.
type edit struct {
	path     string
	old, new []byte
	show     func([]byte) ([]byte, error) // leaves out of a text what nobody should see; nil: all may be seen
	write    func() error                 // makes the change, if the file is still old
}

// maxPlans is how often a change is planned again, where nobody is asked about it
// and other processes are at the same file. In each round one gets through.
const maxPlans = 50

// plan has a change planned and made, again where somebody else changed the file
// meanwhile and nobody was asked.
func (s *setupFlags) plan(once func() error) error {
	for i := 1; ; i++ {
		err := once()
		if !s.yes || i == maxPlans || !errors.Is(err, userfile.ErrChanged) {
			return err
		}
	}
}

// apply shows edits as a diff, asks, and makes them. It reports whether they are
// made; with --dry-run they are not. The diff is on stdout under --dry-run, where
// it is all that comes of the run; else on stderr, since what follows may fail.
func (s *setupFlags) apply(edits ...edit) (done bool, err error) {
	edits = slices.DeleteFunc(edits, func(e edit) bool { return bytes.Equal(e.old, e.new) })
	if len(edits) == 0 {
		fmt.Fprintln(out, "Nothing to change.")
		return !s.dryRun, nil
	}
	if !s.dryRun && !s.yes && !canAsk() {
		return false, errNobody()
	}
	w := io.Writer(stderr)
	if s.dryRun {
		w = out
	}
	for _, e := range edits {
		fmt.Fprint(w, e.diff())
	}
	if s.dryRun {
		return false, nil
	}
	if !s.yes {
		if ok, err := confirm("Make this change?"); err != nil || !ok {
			return false, err
		}
	}
	var wrote strings.Builder
	for _, e := range edits {
		before, _ := os.Stat(e.path)
		if err := e.write(); err != nil {
			fmt.Fprint(stderr, wrote.String())
			return false, err
		}
		if now, err := os.Stat(e.path); err == nil && before != nil && os.SameFile(before, now) && !now.ModTime().Equal(before.ModTime()) {
			fmt.Fprintf(stderr, "sso-exec: warning: %s was written in place: it is a mount of its own or has other names, so it could not be replaced\n", visible(e.path))
		}
		fmt.Fprintln(&wrote, "Wrote "+oneLine(e.path)+".")
	}
	fmt.Fprint(out, wrote.String())
	return true, nil
}

// diff renders the change for a person.
func (e *edit) diff() string {
	old, new, path := e.old, e.new, oneLine(e.path)
	if e.show != nil {
		var errs [2]error
		if len(old) > 0 {
			old, errs[0] = e.show(old)
		}
		new, errs[1] = e.show(new)
		if err := errors.Join(errs[:]...); err != nil {
			return fmt.Sprintf("%s: the change cannot be shown without what may be secret: %v\n", path, err)
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

// hideSecrets hides what may be secret in lines of key and value: values whose key
// says so, also in comments, to the end of their line, and the arguments of commands.
func hideSecrets(text []byte) ([]byte, error) {
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
		return regexp.MustCompile(`(?im)((?:^|[\s{,#"'])["']?)([\w.-]*(?:secret|passw|token|credential|api-?key|private-?key|assertion)[\w.-]*)(["']?[ \t]*[=:][ \t]*)\S[^\r\n]*`)
	})
	publicKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`-(file|type|dir|from|audience|endpoint|command|env)$|^credential[_-](process|source)$|^api-key$`)
	})
	commandValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?im)(\b(?:[\w-]+-command|(?:subject|actor)-token-from["']?[ \t]*:[ \t]*["']?command)["']?[ \t]*:[ \t]*["']?[^\s"',}]+)[ \t]+[^\r\n]*`)
	})
)

// The user name and password, and the query, of a URL.
var (
	urlUser  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://)[^\s"'<>]*@`) })
	urlQuery = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://[^\s"'<>?]*[?])[^\s"'<>]+`) })
)

// confirm asks on the terminal; only yes is yes.
func confirm(question string) (bool, error) {
	answer, err := ask(question + " [y/N] ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	fmt.Fprintln(stderr, "Nothing was changed.")
	return false, nil
}

func canAsk() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

func errNobody() error {
	return fault.InUsage(errors.New("nobody can be asked: stdin is not a terminal"), "give --yes, or --dry-run to look first")
}

// ask asks for a line. Where nobody is there to answer, that is a usage error.
func ask(question string) (string, error) {
	if !canAsk() {
		return "", errNobody()
	}
	fmt.Fprint(stderr, question)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // until the process ends, if nobody answers
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		answered <- answer{line, err}
	}()
	interrupted := make(chan os.Signal, 1)
	notify(interrupted)
	defer signal.Stop(interrupted)
	select {
	case a := <-answered:
		if a.err != nil {
			fmt.Fprintln(stderr)
			return "", fmt.Errorf("no answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	case sig := <-interrupted:
		fmt.Fprintln(stderr)
		return "", &signalError{sig.(syscall.Signal)}
	}
}
