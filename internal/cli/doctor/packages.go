package doctor

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is about what Python, JavaScript, Bazel and Google's libraries run.

// checkPip tells whether pip and uv ask the program keyring, and whether that is this one.
func checkPip(ctx context.Context, d *doctor) (f found) {
	path, _ := setup.PipConfig()
	text := f.read(path)
	provider := cmp.Or(os.Getenv("PIP_KEYRING_PROVIDER"), setup.PipKeyring(text))
	for _, name := range []string{"pip", "uv"} {
		if at := d.tool(ctx, name); at != "" {
			f.add(pass, at)
		}
	}
	if len(f.details) == 0 && provider == "" {
		return f
	}
	switch {
	case provider == "" && os.Getenv("UV_KEYRING_PROVIDER") == "":
		f.setupHint(d, settings.ToolKeyring)
		return f
	case provider != "" && provider != "subprocess":
		f.add(warning, "pip's keyring-provider is "+provider+", so it does not run the program keyring")
		f.fix("make that subprocess, in the variable PIP_KEYRING_PROVIDER or in "+path, "")
		return f
	}
	if link := setup.LinkOnPath(settings.ToolKeyring); link != "" {
		other, err := exec.LookPath("keyring")
		if err != nil {
			other = "not there"
		}
		f.add(warning, "the program keyring on the PATH, which pip and uv run, is not sso-exec: "+other)
		f.fix("make it a link, in a directory before that one", link)
		return f
	}
	list, _ := d.hosts()
	f.add(pass, "calls sso-exec for "+orNone(list))
	netrc := strings.Fields(string(f.read(cmp.Or(os.Getenv("NETRC"), below(".netrc")))))
	for i, word := range netrc[:max(len(netrc)-1, 0)] {
		if host := netrc[i+1]; word == "machine" && names(list, host) {
			f.add(warning, "the file .netrc has a password for "+host+", which pip uses first")
			f.fix("take that entry out", "")
		}
	}
	return f
}

// checkPNPM tells for which registries pnpm runs our script.
func checkPNPM(ctx context.Context, d *doctor) (f found) {
	path, _ := setup.NPMConfig()
	f.scripts(d, "pnpm", d.tool(ctx, "pnpm"), string(f.read(path)), "pnpm-", setup.PNPMHelper)
	return f
}

// checkBazel tells for which hosts Bazel runs our script, by the file of the user.
func checkBazel(ctx context.Context, d *doctor) (f found) {
	f.scripts(d, settings.ToolBazel, d.tool(ctx, "bazel"), string(f.read(below(".bazelrc"))), "bazel", setup.BazelHelper)
	return f
}

// scripts looks for lines that name a host and a script, and whether that is ours.
func (f *found) scripts(d *doctor, tool, at, text, script string, read func(string) (string, string, bool)) {
	ours, err := setup.ScriptPath(script)
	if err != nil {
		return
	}
	if at != "" {
		f.add(pass, at)
	}
	var calls []string
	list, _ := d.hosts()
	for line := range strings.Lines(text) {
		host, program, ok := read(line)
		ours := strings.HasPrefix(program, strings.TrimSuffix(ours, ".cmd"))
		switch {
		case !ok:
		case ours && !slices.Contains(calls, host):
			calls = append(calls, host)
			f.runs(program, "sso-exec setup "+tool)
		case !ours && slices.Contains(list, host):
			f.add(warning, "another helper is named for "+host+": "+program)
		}
	}
	if len(calls) == 0 {
		if at != "" {
			f.setupHint(d, tool)
		}
		return
	}
	f.add(pass, "calls sso-exec for "+strings.Join(calls, ", "))
	if tool != settings.ToolBazel { // which goes by names without their ports
		f.unserved(d, calls)
	}
}

// checkGCP tells whether the credentials that Google's libraries find run us.
func checkGCP(ctx context.Context, d *doctor) (f found) {
	usual, _ := setup.GoogleFile()
	path := cmp.Or(os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"), usual)
	at, text := d.tool(ctx, "gcloud"), f.read(path)
	audience, program, ours := setup.ReadGoogle(text)
	switch {
	case !ours && at == "":
		return f
	case at != "":
		f.add(pass, at)
	}
	switch {
	case !ours && len(text) > 0:
		f.add(pass, "Google's libraries use other credentials: "+path)
		fallthrough
	case !ours:
		f.setupHint(d, settings.ToolGCP)
		return f
	}
	f.add(pass, "Google's libraries call sso-exec for "+audience)
	again := "sso-exec setup gcp --gcp-audience " + talk.Quote(audience)
	f.runs(program, again)
	named := func(o *settings.Resolved) bool { return slices.Contains(o.Target.Google, audience) }
	if !slices.ContainsFunc(d.profiles, named) {
		f.add(warning, "no profile's gcp-audiences name it, so it gets no token")
		f.fix("if it is yours", again)
	}
	if os.Getenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES") != "1" {
		f.add(pass, "the libraries run it only where GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 is set")
	}
	return f
}
