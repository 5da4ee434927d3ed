package settings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
)

// toolsOf are commands that together have every setting.
var toolsOf = []string{ToolKube, ToolEKS, ToolGKE, ToolAKS, ToolAWS, ToolToken, ToolRun, ToolGCP, ToolKeyring}

// samples are values of settings that take not just any.
var samples = map[string]string{
	"host": "git.example.com", "for": "https://git.example.com",
	"issuer": "https://login.example.com", "resource": "https://api.example.com",
	"exchange-resource": "https://api.example.com",
	"redirect-uri":      "http://127.0.0.1:8400/callback", "auth-param": "a=b", "exchange-param": "a=b",
	"claims":             `{"a":null}`,
	"assertion-audience": "token-endpoint", "subject-token-from": "env:TOKEN", "actor-token-from": "env:ACTOR",
	"subject-token-type": "jwt", "actor-token-type": "jwt", "sts-endpoint": "https://sts.example.com", "api-key": "acme",
	"role-arn": "arn:aws:iam::123456789012:role/dev", "policy-arn": "arn:aws:iam::123456789012:policy/p",
	"chain-role-arn": "arn:aws:iam::210987654321:role/next", "tag": "team=a", "external-id": "x-1",
	"source-identity": "me",
}

// sample is a value of a setting that is not its default.
func sample(r *Row) string {
	if v, ok := samples[r.Name]; ok {
		return v
	}
	switch r.Kind {
	case Word:
		values := r.Values()
		return values[len(values)-1]
	case Path:
		return filepath.Join(os.TempDir(), "x")
	case Duration:
		return "1m30s"
	case Switch:
		return "true"
	case Number:
		return "5"
	}
	return "x"
}

// settingsOf returns every part of the settings, by its path.
func settingsOf(s *Settings) map[any]string {
	fields := map[any]string{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+"."+v.Type().Field(i).Name
			if field.Kind() == reflect.Struct {
				walk(field, name)
				continue
			}
			fields[field.Addr().Interface()] = name
		}
	}
	walk(reflect.ValueOf(s).Elem(), "")
	return fields
}

// Each part of the settings is one row's, and a row is whole: it has help, is under
// a heading, and its default is one of its values.
func TestTable(t *testing.T) {
	var s Settings
	left := settingsOf(&s)
	names, keys := map[string]bool{}, map[string]bool{}
	for _, r := range Table() {
		if _, ok := left[r.at(&s)]; !ok {
			t.Errorf("%s: its field is another's too, or no setting", r.Name)
		}
		delete(left, r.at(&s))
		if names[r.Name] || r.Key() != "" && keys[r.Key()] {
			t.Errorf("%s: its name or key is there twice", r.Name)
		}
		names[r.Name], keys[r.Key()] = true, true
		if want := [...]any{Text: new(string), Word: new(string), Path: new(string), Command: new(string),
			TokenFrom: new(string),
			Duration:  new(time.Duration), Switch: new(bool), Number: new(int), List: new([]string), Words: new([]string),
			Instead: new(string),
		}[r.Kind]; reflect.TypeOf(r.at(&s)) != reflect.TypeOf(want) {
			t.Errorf("%s: its field is a %T, its kind wants a %T", r.Name, r.at(&s), want)
		}
		if r.Help == "" || strings.Count(r.Help, "`")%2 != 0 || r.Help != strings.TrimSpace(r.Help) {
			t.Errorf("%s: help %q", r.Name, r.Help)
		}
		if r.Group == "" != (len(r.Only) > 0 && r.Group != GroupAWS) || r.Group != "" && !slices.Contains(Groups(), r.Group) {
			t.Errorf("%s: it is under the heading %q, and of %q", r.Name, r.Group, r.Only)
		}
		if r.Group != "" && !slices.Contains(In(r.Group), r) {
			t.Errorf("%s: help does not show it under %q", r.Name, r.Group)
		}
		if r.After != "" && (Find(r.After) == nil || Find(r.After).Group != r.Group) {
			t.Errorf("%s: nothing under its heading is %q", r.Name, r.After)
		}
		if r.AloneFrom != "" && Find(r.AloneFrom) == nil || (r.Alone == nil) != (r.AloneFrom == "") {
			t.Errorf("%s: alone from %q", r.Name, r.AloneFrom)
		}
		if (r.Kind == Word || r.Kind == Instead) && (len(r.Values()) < 2 || r.Default != "" &&
			!slices.Contains(r.Values(), r.Default)) {
			t.Errorf("%s: %q, of which the default %q is none", r.Name, r.Values(), r.Default)
		}
		for _, start := range []string{r.Default, r.Open} {
			if err := r.Set(&s, start); start != "" && err != nil {
				t.Errorf("%s: %q: %v", r.Name, start, err)
			}
		}
		if err := r.check(r.Default); r.Default != "" && r.Default != "0s" && err != nil {
			t.Errorf("%s: its default: %v", r.Name, err)
		}
	}
	for _, field := range left {
		t.Errorf("Settings%s has no row", field)
	}
}

// A row is all that a setting takes: it is a flag, a variable and a key, and the
// schema and the documents have it.
func TestRowsAreEverywhere(t *testing.T) {
	var schema struct {
		Defs struct {
			Profile struct {
				Properties map[string]struct {
					Description string
					Properties  map[string]struct{ Description string }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(ProfileKeys()), &schema); err != nil {
		t.Fatal(err)
	}
	docs := ""
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs += string(b)
	}
	for _, r := range Table() {
		tool := toolsOf[slices.IndexFunc(toolsOf, r.Of)]
		want := For(tool)
		if err := want.Set(r.Name, ByFlag, sample(r)); err != nil || reflect.DeepEqual(want.Settings, For(tool).Settings) {
			t.Errorf("%s: %q: %v, or it changes nothing", r.Name, sample(r), err)
		}
		is := func(how string, o *Resolved, err error, by By) {
			if t.Helper(); err != nil || !reflect.DeepEqual(o.Settings, want.Settings) || o.From[r.Name].By != by {
				t.Errorf("%s: %s: %+v, by %d, %v", r.Name, how, o.Settings, o.From[r.Name].By, err)
			}
		}
		if !r.Is(KeyOnly) {
			o, err := Parse(tool, []string{"--" + r.Name + "=" + sample(r)})
			is("a flag", o, err, ByFlag)
		}
		if !r.Is(NoVariable) {
			o := For(tool)
			t.Setenv(r.Variable(), sample(r))
			err := o.FillFromEnvironment()
			os.Unsetenv(r.Variable())
			is("a variable", o, err, ByVariable)
		}
		if key := r.Key(); key != "" {
			o := For(tool)
			err := o.FillFromProfile(map[string]config.Value{key: {Values: []string{sample(r)}}})
			o.ProfileHold = nil
			if r.Name == "flow" { // by which it is a service's
				want.Provider.Identity = o.Provider.Identity
			}
			is("a key", o, err, ByProfile)
			section, name, ok := strings.Cut(key, ".")
			about := schema.Defs.Profile.Properties[section].Description
			if ok {
				about = schema.Defs.Profile.Properties[section].Properties[name].Description
			}
			if about != strings.ReplaceAll(r.Help, "`", "") {
				t.Errorf("%s: the schema says %q", r.Name, about)
			}
		}
		if !regexp.MustCompile("--"+r.Name+`\b[^-]`).MatchString(docs) && !r.Is(KeyOnly) {
			t.Errorf("no document in docs names --%s", r.Name)
		}
	}
}

// A new setting is one row: one that is made up works as a flag, as a variable and in
// a profile, and the schema and hints have it.
func TestOneMoreRow(t *testing.T) {
	value := false
	row := &Row{Name: "made-up", Group: GroupTarget, Kind: Switch, KeyName: "madeup", Traits: Keeps, Help: "made up",
		at: func(*Settings) any { return &value }}
	before := table
	table = append(slices.Clone(table), row)
	defer func() { table = before }()

	o, err := readWith(t, "    madeup: true\n")
	if err != nil || !value || !strings.HasSuffix(o.From.Where("made-up"), ":7") {
		t.Errorf("a profile: %v, %v, %s", err, value, o.From.Where("made-up"))
	}
	_, err = readWith(t, "    madeup: maybe\n")
	if err == nil || !strings.Contains(err.Error(), `profile p: madeup: "maybe" is neither true nor false`) {
		t.Errorf("a profile that is wrong: %v", err)
	}
	t.Setenv("SSO_EXEC_MADE_UP", "false")
	o, err = readWith(t, "    madeup: true\n")
	if err != nil || value || o.From.Where("made-up") != "variable SSO_EXEC_MADE_UP" {
		t.Errorf("a variable: %v, %v", err, value)
	}
	o, err = readWith(t, "", "--made-up")
	if err != nil || !value || o.From.Where("made-up") != "flag --made-up" ||
		!slices.Contains(o.SessionWords(), "--made-up=true") {
		t.Errorf("a flag: %v, %v, %q", err, value, o.SessionWords())
	}
	if rows := In(GroupTarget); rows[len(rows)-1] != row {
		t.Error("it is not under its heading")
	}
	if schema := string(config.Schema(ProfileKeys())); !strings.Contains(schema, `"description": "made up"`) {
		t.Error("the schema does not have it")
	}
	if !slices.Contains(Variables(), "SSO_EXEC_MADE_UP") {
		t.Error("its variable is not known")
	}
}

// What a flag is for a shell: its value is read as pflag reads that type.
func TestBind(t *testing.T) {
	o := For(ToolToken)
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.Bind(f)
	for _, args := range [][]string{
		{"--acr", "a,b", "--acr", "c"}, {"--scope", `a,"b,c"`, "--scope", ""}, {"-v", "--force=false"}, {"-o", "json"},
	} {
		if err := f.Parse(args); err != nil {
			t.Error(args, err)
		}
	}
	if got := o.Settings; !slices.Equal(got.SignIn.ACR, []string{"a,b", "c"}) ||
		!slices.Equal(got.Target.Scopes, []string{"a", "b,c"}) ||
		!got.Report.Verbose || got.Target.Force || got.Output != "json" {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"acr", "scope", "verbose", "force", "output"} {
		if !o.From.Typed(name) {
			t.Errorf("%s was not typed", name)
		}
	}
	if o.From.Said("issuer") || len(o.From) != 5 {
		t.Errorf("%v", o.From)
	}
	for arg, says := range map[string]string{
		"--min-ttl=5": `"5" is not a duration`, "--force=maybe": `"maybe" is neither true nor false`,
		"--client-secret-fd=x": `"x" is not a whole number`, `--scope=a"b`: `bare "`, "--role-arn=x": "unknown flag",
		"extra": "takes no arguments",
	} {
		if _, err := Parse(ToolKube, []string{arg}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", arg, err)
		}
	}

	for name, want := range map[string]string{"scope": `a,"b,c"`, "acr": "a,b,c", "verbose": "true", "max-age": "-1ns"} {
		if got := f.Lookup(name).Value.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}

	only := pflag.NewFlagSet("", pflag.ContinueOnError)
	For(ToolLogin).Bind(only, "config", "profile")
	var names []string
	only.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if !slices.Equal(names, []string{"config", "profile"}) {
		t.Errorf("%q", names)
	}
	other := For(ToolLogin)
	other.TakeFlags(f, "scope", "issuer", "output")
	if !slices.Equal(other.Target.Scopes, []string{"a", "b,c"}) || !other.From.Typed("scope") || len(other.From) != 1 {
		t.Errorf("%+v, %v", other.Settings, other.From)
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.String("scope", "", "")
	if RowOf(own.Lookup("scope")) != nil || RowOf(f.Lookup("scope")) != Find("scope") {
		t.Error("a command's own flag is taken for a setting, or a setting is not")
	}
}
