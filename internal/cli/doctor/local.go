package doctor

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is about this program and what it is told.

func checkVersion(_ context.Context, d *doctor) (f found) {
	f.add(pass, fmt.Sprintf("sso-exec %s, %s, %s/%s", d.version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	self, err := os.Executable()
	if err != nil {
		return f
	}
	switch at, err := environ.LookPath("sso-exec"); {
	case err != nil:
		f.add(warning, "sso-exec is not on the PATH, so tools that call it by name do not find it")
		f.fix(pathLine(self))
	case !sameFile(at, self):
		f.add(warning, "the PATH leads to another sso-exec: "+at, "this one is "+self)
		f.fix("see which one is newer", talk.Paste(at, "version"))
	}
	if a := agents.Seen(); a.Name != "" {
		f.add(pass, fmt.Sprintf("run by a coding agent: %s (variable %s)", a.Name, a.Variable))
	}
	return f
}

func sameFile(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

func checkConfig(_ context.Context, d *doctor) (f found) {
	paths := d.o.ConfigPaths()
	layers, all := paths.Each()
	for i, path := range all {
		f.add(pass, fmt.Sprintf("%s: %s: %s", layers[i], path, lookup.FoundAt(layers[i], path)))
	}
	if len(all) == 0 {
		f.add(warning, "no config file can be found: the home directory is not known")
		f.fix("set "+userfile.HomeVariable+", or name a file", "sso-exec doctor --config FILE")
	}
	for i, x := range paths.Validate(settings.ProfileKeys()) {
		if i == 5 {
			f.add(warning, "and more")
			break
		}
		if fault.Holds[*userfile.UnsafeError](x) {
			f.fail(failure, d.o, x)
		} else {
			f.add(warning, x.Error())
		}
	}
	if f.result == warning && len(f.fixes) == 0 {
		words := []string{"sso-exec", "config", "validate"}
		if d.o.Source.Config != "" {
			words = append(words, "--config="+d.o.Source.Config)
		}
		f.fix("correct the lines named above; to check them again", talk.Paste(words...))
	}
	return f
}

func checkSettings(_ context.Context, d *doctor) (f found) {
	o := d.o
	who := o.Provider.Issuer
	if o.Center() != nil {
		who = o.Center().StartURL
	}
	say := "no profile"
	if o.Source.Profile != "" {
		say = "profile " + o.Source.Profile
	}
	if who != "" {
		say += ", issuer " + who
	}
	if o.Provider.ClientID != "" {
		say += ", client ID " + o.Provider.ClientID
	}
	none := d.readErr == nil && who == "" && o.Source.Profile == ""
	switch {
	case d.readErr != nil:
		f.fail(failure, o, d.readErr)
	case none:
		f.add(warning, "no provider: no profile and no --issuer is given")
		f.fix("set one up, with the host of your company's provider", "sso-exec setup provider login.example.com")
	default:
		f.add(pass, say)
		if d.checkErr != nil {
			f.fail(failure, o, d.checkErr)
		}
	}
	return f
}

func checkPolicy(_ context.Context, d *doctor) (f found) {
	path, err := policy.Path()
	if err != nil {
		return f
	}
	p, err := policy.Load()
	switch {
	case err != nil:
		f.fail(failure, d.o, err)
		f.add(failure, "nothing is allowed until it is fixed")
		return f
	case p == nil:
		f.add(pass, "no policy: "+path+" does not exist")
		return f
	}
	f.add(pass, fmt.Sprintf("%s: %s", path, counted(len(p.Said()), "rule")))
	for _, e := range d.bound.Effects() {
		if !e.Forbids {
			continue
		}
		result := failure
		if e.Rule == "agents" {
			result = warning
		}
		f.add(result, e.Rule+": "+e.Here)
	}
	if f.result != pass {
		f.fix("change the settings, or ask the administrator; each rule is explained by",
			d.o.Command("policy", "explain"))
	}
	return f
}

// profilesOf are the profiles that can be read; what is wrong with others is the check
// of the config's to tell.
func profilesOf(o *settings.Resolved) []*settings.Resolved {
	all, _, err := lookup.Profiles(o)
	if err != nil {
		return nil
	}
	return all
}

// pathLine is what a shell's startup file needs to find a program. Windows has no line
// for that: setx would copy the whole PATH into the user's part of it, and cut it off.
func pathLine(program string) (say, paste string) {
	dir := program[:max(0, strings.LastIndexAny(program, `/\`))]
	if commandline.Here == commandline.Windows {
		return "add this directory to the PATH, in Windows' settings under \"environment variables\"", dir
	}
	return "add its directory to the PATH", "export PATH=" + talk.Quote(dir) + `:"$PATH"`
}

// anotherCacheDir is a line that moves the cache.
func anotherCacheDir() string {
	if commandline.Here == commandline.Windows {
		return `setx SSO_EXEC_CACHE_DIR C:\another\directory`
	}
	return "export SSO_EXEC_CACHE_DIR=/another/directory"
}

// isAbsent reports whether a file is not there.
func isAbsent(err error) bool { return config.IsAbsent(err) }
