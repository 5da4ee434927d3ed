package place

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// A host is all that is looked at, so that a test can lay out any place as a
// directory and a few values.
type host struct {
	os     string // a GOOS
	getenv func(string) string
	root   string // files are looked up below it
	uid    int    // effective; -1 where there are none (Windows)
	ppid   int    // the parent process, at which the line of ancestors begins

	terminal func(stderrSwallowed bool) terminal.Facts
	session  func() (uint32, bool) // Windows: the session of this process

	tmuxLimit time.Duration // how long tmux may take to answer

	alone bool // no variable chooses a program
}

func here() host {
	return host{
		os: runtime.GOOS, getenv: os.Getenv, uid: os.Geteuid(), ppid: os.Getppid(),
		terminal: terminal.Look, session: session, tmuxLimit: tmuxLimit,
	}
}

func (h host) finder() browser.Finder {
	getenv := h.getenv
	if h.alone {
		getenv = func(name string) string {
			if name == "PATH" {
				return browser.SystemPath
			}
			return h.getenv(name)
		}
	}
	return browser.Finder{OS: h.os, Getenv: getenv, Root: h.root}
}

func (h host) path(path string) string {
	if h.root == "" {
		return path
	}
	return filepath.Join(h.root, path)
}

func (h host) exists(path string) bool {
	_, err := os.Stat(h.path(path))
	return err == nil
}

// read returns a file's beginning, as a text. What is read here is short, or is
// not ours and may be of any length.
func (h host) read(path string, max int64) string {
	f, err := os.Open(h.path(path))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, max))
	return string(b)
}

// on reports whether a variable says yes.
func (h host) on(name string) bool {
	v := strings.ToLower(h.getenv(name))
	return v != "" && v != "0" && v != "false"
}

// first returns the first of the variables that is set.
func (h host) first(names ...string) string {
	for _, name := range names {
		if h.getenv(name) != "" {
			return name
		}
	}
	return ""
}

// Caller returns the name of the program that runs this one, as that calls itself;
// empty: not known.
func Caller() string { return nameOf(os.Getppid()) }

// above returns the names of the programs from which a process descends, the
// nearest first: it and its parent, as far as /proc tells. There are at most 15
// characters in each, and a process can choose its own.
func (h host) above(pid int) []string {
	var names []string
	for range 40 { // deeper than people nest shells
		if h.os != "linux" || pid <= 1 {
			break
		}
		// PID (NAME) STATE PPID …; the name may hold anything, so its end is
		// the last parenthesis.
		stat := h.read("/proc/"+strconv.Itoa(pid)+"/stat", 512)
		open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
		if open < 0 || end < open {
			break // another user's, under hidepid; or gone
		}
		names = append(names, stat[open+1:end])
		fields := strings.Fields(stat[end+1:])
		if len(fields) < 2 {
			break
		}
		pid, _ = strconv.Atoi(fields[1])
	}
	return names
}
