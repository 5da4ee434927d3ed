package settings

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file makes the commands of our own that hints name. Pasted as they stand into a
// new shell, which has none of our variables and another working directory, they do
// what the hint says.

// LoginCommand is the command that signs in to the same session.
func LoginCommand(o *Resolved, without ...string) string {
	return talk.Paste(append([]string{"sso-exec", ToolLogin}, o.SessionWords(without...)...)...)
}

// Command is another command about the same session.
func (o *Resolved) Command(words ...string) string {
	return talk.Paste(slices.Concat([]string{"sso-exec"}, words, o.SessionWords())...)
}

// Ours is one of our commands about what is stored, whatever the session.
func (o *Resolved) Ours(words ...string) string {
	return talk.Paste(slices.Concat([]string{"sso-exec"}, words, o.whereabouts())...)
}

// SessionWords are the flags that name a session and how it is signed in to: those of
// a stored session's sign-in, else those that were given, by flag or variable.
func (o *Resolved) SessionWords(without ...string) (words []string) {
	if o.SignedInBy != nil {
		words = slices.DeleteFunc(slices.Clone(o.SignedInBy), func(word string) bool {
			return slices.ContainsFunc(without, func(name string) bool { return strings.HasPrefix(word, "--"+name+"=") })
		})
	} else {
		for _, r := range table {
			if o.From.Given(r.Name) && r.Is(Keeps) && !r.Is(Here) && r.Of(o.Tool) && !slices.Contains(without, r.Name) {
				words = append(words, o.words(r)...)
			}
		}
	}
	for _, word := range o.whereabouts() {
		name, _, _ := strings.Cut(word, "=")
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, name+"=") }) {
			words = append(words, word)
		}
	}
	return words
}

// words is a setting as flags that mean the same in every directory.
func (o *Resolved) words(r *Row) (words []string) {
	for _, v := range r.Get(&o.Settings) {
		if abs, err := r.Anywhere(v); err == nil {
			v = abs
		}
		words = append(words, "--"+r.Name+"="+v)
	}
	return words
}

// whereabouts are the flags that lead to this run's config file and cache, where a new
// shell would look elsewhere: what was given, and what the variables of the XDG Base
// Directory Specification say.
func (o *Resolved) whereabouts() (words []string) {
	if o.empty() {
		return nil
	}
	home, err := userfile.Home()
	moved := func(path, usual string) bool {
		return userfile.AppData() == "" && err == nil && path != "" && path != filepath.Join(home, usual)
	}
	switch path := config.DefaultPath(); {
	case o.From.Given("config"):
		words = o.words(Find("config"))
	case o.Source.Profile != "" && moved(path, ".config/sso-exec/config.yaml"):
		words = []string{"--config=" + path}
	}
	switch path := defaultCacheDir(); {
	case o.From.Given("cache-dir"):
		words = append(words, o.words(Find("cache-dir"))...)
	case moved(path, ".cache/sso-exec"):
		words = append(words, "--cache-dir="+path)
	}
	return words
}

// WithSecret adds to hints with a login command what that cannot have in it.
func (o *Resolved) WithSecret(lines []string) []string {
	needs := !o.empty() && (o.SecretInVariable() != "" || o.Client.SecretFD >= 0)
	if needs && strings.Contains(strings.Join(lines, "\n"), "sso-exec login") {
		lines = append(lines, "a new shell also needs the client's secret: set "+SecretVariable+
			", or use --client-secret-file")
	}
	return lines
}

// ToKeep is how to have the next sign-in be for an organization too.
func (o *Resolved) ToKeep(id string) string {
	if o.Source.Profile == "" {
		return "add " + talk.Quote("--organization="+id)
	}
	words := []string{"org", "use"}
	if o.From.Given("profile") {
		words = append(words, "--profile="+o.Source.Profile)
	}
	return "run: " + o.Ours(append(words, talk.Positional(id)...)...)
}
