package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sso-exec/sso-exec/internal/settings"
)

// A check that hangs, and one that panics, costs neither the others nor the run's end.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), most)
		defer cancel()
		never := make(chan struct{})
		defer close(never)
		began := time.Now()
		all := begin(ctx, &doctor{}, []check{
			{"hangs", func(context.Context, *doctor) found { <-never; return found{} }},
			{"breaks", func(context.Context, *doctor) found { panic("oops") }},
			{"works", func(context.Context, *doctor) found { return found{details: []string{"fine"}} }},
		})
		for i, want := range []string{"failure no answer within 20s", "failure the check itself failed: oops", "pass fine"} {
			r := all[i].wait(ctx)
			if got := r.outcome() + " " + strings.Join(r.details, "\n"); got != want {
				t.Errorf("%s: %s, want %s", r.name, got, want)
			}
		}
		if took := time.Since(began); took > most+2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// What -o json prints is what the schema says, and the page explains every check.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/doctor.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []jsonCheck
	for _, c := range checks() {
		r := report{c.name, found{}}
		r.add(warning, "one", "two\x1b[31m\nlines")
		r.fix("do this", "sso-exec that")
		list = append(list, r.json())
		if !bytes.Contains(page, []byte("`"+c.name+"`")) {
			t.Errorf("docs/doctor.md does not explain %s", c.name)
		}
	}
	if got := list[0]; got.Detail != "one\ntwo[31m lines" || got.Fix != "do this\nsso-exec that" {
		t.Errorf("%+v", got)
	}
	valid := func(doc any) bool {
		text, err := json.Marshal(map[string]any{"checks": doc})
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v) == nil
	}
	if !valid(list) || !valid([]jsonCheck{}) {
		t.Error("the schema refuses what is printed")
	}
	for _, bad := range []jsonCheck{{}, {"x", "fine", "y", ""}, {"x", pass, "", ""}} {
		if valid([]jsonCheck{bad}) {
			t.Errorf("the schema takes %+v", bad)
		}
	}
}

// TestOthersOfAGitHost is about the order of git's helpers: an empty one forgets those
// before it.
func TestOthersOfAGitHost(t *testing.T) {
	const host, ours = "git.example.com", "!sso-exec git --profile=corp"
	for _, c := range []struct {
		all  [][2]string
		want string
	}{
		{[][2]string{{"", "store"}, {host, ""}, {host, ours}}, ""},
		{[][2]string{{host, ""}, {host, ours}, {"", "store"}}, "store"},
		{[][2]string{{"", "store"}, {host, ours}, {"", "cache"}}, "store cache"},
		{[][2]string{{host, "!'/opt/a b/sso-exec' git"}, {"other.example", "store"}}, ""},
		{[][2]string{{host, "/usr/bin/git-credential-sso-exec"}}, ""},
		{[][2]string{{host, "!"}, {"", ""}, {host, ours}}, ""},
	} {
		if got := strings.Join(othersOf(c.all, host), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.all, got, c.want)
		}
	}
}

func TestSyncedBy(t *testing.T) {
	for path, want := range map[string]string{
		"/home/a/Dropbox/cache":                       "Dropbox",
		"/home/a/OneDrive - Corp/sso-exec":            "OneDrive",
		"/Users/a/Library/Mobile Documents/x":         "iCloud Drive",
		"/Users/a/Library/CloudStorage/GoogleDrive/x": "a cloud storage",
		"/home/a/.cache/sso-exec":                     "",
		"/home/a/dropboxes/cache":                     "",
	} {
		if got := syncedBy(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// What tools' files may hold costs a warning, never the run.
func TestOddFilesOfTools(t *testing.T) {
	for name, content := range map[string]string{
		".kube/config": "users: 3", ".kube/kuberc": "credentialPluginAllowlist: [[", ".docker/config.json": "[]",
		".docker/config.json ": `{"credHelpers": 3}`, ".cargo/config.toml": "[registries", ".aws/config": "[profile a\nx",
		".terraformrc": "credentials_helper \"x\" {", ".gitconfig": "[credential",
		".config/pip/pip.conf": "[global]\nkeyring-provider = [", ".npmrc": "//:tokenHelper=\n//x/:tokenHelper",
		".bazelrc": "common --credential_helper=\ncommon \"--credential_helper=a",
		".config/gcloud/application_default_credentials.json": `{"type":"external_account","audience":"$(x)",` +
			`"credential_source":{"executable":{"command":"/bin/sh gcp"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			for _, v := range []string{"HOME", "USERPROFILE"} {
				t.Setenv(v, home)
			}
			for _, v := range []string{"KUBECONFIG", "KUBERC", "DOCKER_CONFIG", "CARGO_HOME", "AWS_CONFIG_FILE",
				"TF_CLI_CONFIG_FILE", "PIP_CONFIG_FILE", "NPM_CONFIG_USERCONFIG",
				"GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "AWS_SHARED_CREDENTIALS_FILE", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"} {
				t.Setenv(v, "") // so that it comes back
				_ = os.Unsetenv(v)
			}
			t.Setenv("APPDATA", filepath.Join(home, ".config"))
			path := home + "/" + strings.TrimSpace(name)
			if runtime.GOOS == "windows" {
				path = strings.Replace(path, "/pip.conf", "/pip.ini", 1)
				content = strings.Replace(content, "/bin/sh", `C:\\windows\\system32\\cmd.exe`, 1)
			}
			if err := os.MkdirAll(path[:strings.LastIndex(path, "/")], 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			d := &doctor{o: settings.For(settings.ToolDoctor), programs: map[string]string{}}
			d.find()
			d.programs = map[string]string{"git": d.programs["git"]} // others are slow to start
			warned := false
			for _, c := range checks() {
				switch c.name {
				case "kubectl", "aws", "git", "docker", "cargo", "terraform", "pip", "pnpm", "bazel", "gcp":
					f := c.run(t.Context(), d)
					if f.result == failure {
						t.Errorf("%s: %q", c.name, f.details)
					}
					warned = warned || f.result == warning
				}
			}
			quiet := strings.HasSuffix(name, ".terraformrc") || strings.HasSuffix(name, "kuberc") ||
				strings.HasSuffix(name, ".npmrc") || strings.HasSuffix(name, ".bazelrc") ||
				strings.HasSuffix(name, ".gitconfig") && d.programs["git"] == "" // which reads it
			if !warned && !quiet {
				t.Error("nothing is said of it")
			}
		})
	}
}

// docker runs its helper by a name of its own, which must be on the PATH.
func TestDockerWithoutItsHelper(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir)
	const text = `{"credHelpers": {"r.example.com": "sso-exec"}}`
	if err := os.WriteFile(dir+"/config.json", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := checkDocker(t.Context(), &doctor{o: settings.For(settings.ToolDoctor)})
	if f.result != failure || !strings.Contains(f.fixes[0].paste, "docker-credential-sso-exec") {
		t.Errorf("%+v", f)
	}
}
