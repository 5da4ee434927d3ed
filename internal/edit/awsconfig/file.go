package awsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// ConfigPath is the file that the AWS CLI and the SDKs read: AWS_CONFIG_FILE,
// else config in ~/.aws. lookup is as os.LookupEnv.
func ConfigPath(lookup Lookup, home string) string {
	return pathOf("AWS_CONFIG_FILE", "config", lookup, home)
}

// CredentialsPath is that of the credentials: AWS_SHARED_CREDENTIALS_FILE, else
// credentials in ~/.aws.
func CredentialsPath(lookup Lookup, home string) string {
	return pathOf("AWS_SHARED_CREDENTIALS_FILE", "credentials", lookup, home)
}

// Lookup returns a variable of an environment, and whether it is set.
type Lookup func(name string) (string, bool)

func pathOf(variable, name string, lookup Lookup, home string) string {
	if named, _ := lookup(variable); named != "" {
		return expand(named, lookup, home)
	}
	return filepath.Join(home, ".aws", name)
}

// expand expands a path as botocore does, which has Python's expandvars and
// expanduser do it: $NAME and ${NAME}, on Windows %NAME% too, then ~ and ~USER.
// What is not set, or nobody's name, stays as it is written.
func expand(path string, lookup Lookup, home string) string {
	path = variable().ReplaceAllStringFunc(path, func(found string) string {
		if value, ok := lookup(strings.Trim(found, "${}%")); ok {
			return value
		}
		return found
	})
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	end := strings.IndexAny(rest, `/`+string(filepath.Separator))
	if end < 0 {
		end = len(rest)
	}
	if name := rest[:end]; name != "" {
		other, err := user.Lookup(name)
		if err != nil {
			return path
		}
		home = other.HomeDir
	}
	if home == "" {
		return path
	}
	return strings.TrimRight(home, "/") + rest[end:]
}

var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(variablePattern)
})

// notWritten says that a file is not, or cannot be, written.
func notWritten(path string, err error) error {
	return &fault.Error{Kind: fault.Storage, Err: fmt.Errorf("%s: %w", path, err)}
}

// File is a config file as it was read.
type File struct {
	Path   string // as it was named
	Text   string // empty if there is no file
	Exists bool

	target string // Path with links followed
	stat   os.FileInfo
}

// Open reads a file of at most a mebibyte, through links. A file that does not
// exist is an empty one; a link to nothing is an error.
func Open(path string) (*File, error) {
	f := &File{Path: path, target: path}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		answers.Saw(path, nil, err)
		return f, nil
	} else if err != nil {
		return nil, err
	}
	var err error
	if f.target, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("%s is a link that leads to no file: %w", path, err)
	}
	if f.stat, err = os.Stat(f.target); err != nil {
		return nil, err
	}
	if !userfile.IsRegular(f.stat) {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := userfile.Read(path)
	if err != nil {
		return nil, err
	}
	f.Text, f.Exists = string(b), true
	return f, nil
}

// Writable tells whether the file may be written: a failure where it is
// read-only, belongs to somebody else, or has a second name that would keep the
// old text.
func (f *File) Writable() error {
	if !f.Exists {
		return nil
	}
	if f.stat.Mode().Perm()&0o222 == 0 {
		return notWritten(f.Path, errors.New("it is read-only"))
	}
	w, err := os.OpenFile(f.target, os.O_WRONLY, 0)
	if err != nil {
		if why, ok := errors.AsType[*fs.PathError](err); ok {
			err = why.Err
		}
		return notWritten(f.Path, fmt.Errorf("it cannot be written: %w", err))
	}
	_ = w.Close()
	if err := onlyOurs(f.stat); err != nil {
		return notWritten(f.Path, err)
	}
	return nil
}

// Write replaces the file as [userfile.WriteAtomic] does, and keeps what was
// there as FILE.bak; a new file has 0600. It errs, and leaves everything as it
// was, where the file is not writable, or was changed since it
// was read ([userfile.ErrChanged]).
func (f *File) Write(text string) error {
	now, err := Open(f.Path)
	if err != nil {
		return err
	}
	if now.target != f.target || now.Exists != f.Exists {
		return fmt.Errorf("%s: %w", f.Path, userfile.ErrChanged)
	}
	if err := now.Writable(); err != nil {
		return err
	}
	err = userfile.WriteAtomic(f.Path, []byte(text), userfile.WriteOptions{Perm: 0o600, Backup: true, Was: []byte(f.Text)})
	if errors.Is(err, userfile.ErrChanged) {
		return fmt.Errorf("%s: %w", f.Path, userfile.ErrChanged)
	}
	if err != nil {
		return notWritten(f.Path, err)
	}
	return nil
}

// What words may have next to letters and digits that mean themselves to a POSIX shell
// and to Python's shlex, and to cmd.exe and to botocore's splitting on Windows.
const (
	plainPOSIX   = "_@%+=:,./-"
	plainWindows = `_@+=:,./\~-`
)

// Command makes one line of a command and its arguments, for credential_process
// on a system with these shells. The SDKs give that line to sh -c or
// to cmd.exe /C, while botocore splits it itself and runs it without a shell,
// so it must mean the same to both; what cannot is an error.
//
// On Windows nothing can be quoted: the SDK for Go escapes quotation marks in a
// way that cmd.exe does not understand (aws-sdk-go-v2 issue 3208).
func Command(shell string, words []string) (string, error) {
	if len(words) == 0 || words[0] == "" {
		return "", errors.New("no command")
	}
	out := make([]string, len(words))
	for i, w := range words {
		// A name followed by = is an assignment in a shell, and = and , end the name of a
		// command in cmd.exe.
		oddName := i == 0 && strings.ContainsAny(w, "=,")
		switch {
		case shell == commandline.Windows && (!commandline.IsPlain(w, plainWindows) || oddName):
			return "", fmt.Errorf("%q cannot be written so that every AWS SDK on Windows understands it: use a path without "+
				"spaces and special characters (a short name such as PROGRA~1, or a program on the PATH)", w)
		case shell == commandline.Windows && i == 0 && strings.Contains(w, "/"):
			return "", fmt.Errorf("%q: cmd.exe takes what follows a / for an option; use \\", w)
		case shell == commandline.Windows || commandline.IsPlain(w, plainPOSIX) && !oddName:
			out[i] = w
		default:
			out[i] = quote(w)
		}
	}
	// The SDK for Go removes a quotation mark that begins the value and ends it
	// too: then the command's first character stays outside.
	if first := out[0]; first[0] == '\'' && strings.HasSuffix(out[len(out)-1], "'") &&
		commandline.IsPlain(words[0][:1], plainPOSIX) {
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
