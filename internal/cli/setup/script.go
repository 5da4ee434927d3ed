package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is for tools that run a helper by its path alone: a script of one line
// has the arguments. It is next to the config file of this program.

const scriptMark = "written by sso-exec setup"

// ScriptPath is where the script of a name is.
func ScriptPath(name string) (string, error) {
	if config.DefaultPath() == "" {
		return "", settings.NoHome("no place for a script", "set XDG_CONFIG_HOME")
	}
	if commandline.Here == commandline.Windows {
		name += ".cmd"
	}
	return filepath.Join(filepath.Dir(config.DefaultPath()), name), nil
}

// Script plans a script that runs these words and what it is called with, or with no
// words takes it away. What is there and is none of setup's stays.
func Script(path string, words ...string) (e Edit, err error) {
	e.Path = path
	if e.Old, err = userfile.ReadRegular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, fault.Usagef("%w", err)
	}
	if len(e.Old) > 0 && !bytes.Contains(e.Old, []byte(scriptMark)) {
		if len(words) == 0 {
			e.New = e.Old
			return e, nil
		}
		return e, fault.InUsage(fmt.Errorf("%s exists, and was not made by setup", path),
			"move it away, then run this again")
	}
	switch {
	case len(words) == 0:
	case commandline.Here == commandline.Windows:
		e.New = []byte("@rem " + scriptMark + "\r\n@" + commandline.Line(commandline.Windows, words...) + " %*\r\n")
	default:
		e.New = []byte("#!/bin/sh\n# " + scriptMark + "\nexec " + commandline.Line(commandline.POSIX, words...) + " \"$@\"\n")
	}
	was := append([]byte{}, e.Old...)
	e.Write = func() error {
		if len(words) == 0 {
			return os.Remove(path)
		}
		return userfile.WriteAtomic(path, e.New, userfile.WriteOptions{Perm: 0o700, Was: was})
	}
	return e, nil
}

// EditLines takes the lines out of a text that drop names, and adds more at its end.
// Lines that are there as they are to be stay where they are.
func EditLines(text []byte, drop func(line string) bool, more ...string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(text)) {
		bare := strings.TrimRight(line, "\r\n")
		if at := slices.Index(more, bare); at >= 0 {
			more = slices.Delete(slices.Clone(more), at, at+1)
		} else if drop(bare) {
			continue
		}
		b.WriteString(line)
	}
	if b.Len() > 0 && len(more) > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
		b.WriteString("\n")
	}
	for _, line := range more {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}
