package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

// checkNPM tells what is wrong with the registry's URL, or that no token may go there.
func (r *runner) checkNPM() error {
	if r.npm == "" && r.npmNamed {
		return fault.InUsage(errors.New("--npm: which registry is it?"), "give its URL: --npm https://npm.example.com/")
	}
	if r.npm == "" {
		return nil
	}
	o := *r.o
	o.Tool, o.For = settings.ToolToken, r.npm
	if named, err := o.NamesHosts(); err != nil || !named {
		return cmp.Or(err, o.HostError())
	}
	_, at, _ := strings.Cut(r.npm, "://")
	_, dir, _ := strings.Cut(strings.TrimSuffix(at, "/"), "/")
	if strings.ContainsAny(at, "?#=;\"'$\\ \t\r\n") || strings.ContainsAny(dir, "%[]") || // what npm would read otherwise
		dir != "" && path.Clean("/"+dir) != "/"+dir {
		return fault.Usagef("--npm %s: a registry's URL has only a host and a path", r.npm)
	}
	return nil
}

// setNPM gives npm, pnpm and yarn 1 a user config with the token of a registry: what
// the user's own has, and a line for it. It lasts as long as the command.
func (r *runner) setNPM(ctx context.Context, env *environ.Environment) (func(), error) {
	o := *r.o
	o.Tool, o.For = settings.ToolToken, r.npm
	if !o.From.Said("token-type") {
		o.Target.TokenType = o.UsualTokenType()
	}
	by := acquire.Caller{}
	own, err := acquire.ForHost(ctx, &o, by)
	if err != nil {
		return nil, err
	}
	s, err := acquire.Open(own, by)
	if err != nil {
		return nil, err
	}
	need := acquire.Need(own, s, false)
	need.MinTTL.Most, need.MinTTL.Part = runTTL.Most, runTTL.Part
	c, _, err := acquire.Obtain(ctx, s, need)
	if err != nil {
		return nil, err
	}
	token, err := plugin.EncodeToken(plugin.TokenRaw, false, c)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(token), "${") { // npm would put a variable there
		return nil, errors.New("the token has ${ in it, which npm's config cannot carry")
	}
	text, err := userConfig(env)
	if err != nil {
		return nil, err
	}
	host, _ := hosts.OfURL(r.npm) // as npm spells it: in lower case, without the usual port
	_, at, _ := strings.Cut(r.npm, "://")
	_, below, _ := strings.Cut(at, "/")
	key := "//" + host.String() + strings.TrimSuffix("/"+below, "/") + "/:_authToken="
	dir, err := fileFor(o.Storage.CacheDir, withLine(text, key+string(token)))
	if err != nil {
		return nil, err
	}
	env.Set("npm_config_userconfig", filepath.Join(dir.path, tokenFile))
	return dir.remove, nil
}

// withLine adds a line at the end, or before the first section: npm would read it as the
// section's.
func withLine(text, line string) string {
	at := 0
	for have := range strings.Lines(text) {
		if strings.HasPrefix(have, "[") {
			break
		}
		at += len(have)
	}
	return text[:at] + line + "\n" + text[at:]
}

// userConfig is what the user's own config of npm says, with a line's end behind it.
func userConfig(env *environ.Environment) (string, error) {
	file := ""
	for _, name := range []string{"NPM_CONFIG_USERCONFIG", "npm_config_userconfig"} { // the later one counts
		if value := os.Getenv(name); value != "" {
			file = value
		}
		env.Unset(name)
	}
	if file == "" {
		home, err := userfile.Home()
		if err != nil {
			return "", nil //nolint:nilerr // npm has none then
		}
		file = filepath.Join(home, ".npmrc")
	}
	text, err := userfile.ReadRegular(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fault.Usagef("npm's user config: %w", err)
	}
	return fmt.Sprintf("%s\n", strings.TrimRight(string(text), "\n")), nil
}
