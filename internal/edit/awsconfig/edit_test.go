package awsconfig

import (
	"errors"
	"strings"
	"testing"
)

const command = "sso-exec aws --profile aws-dev"

var wanted = []KV{{"credential_process", command}, {"region", "eu-central-1"}}

// set does it twice, undoes it, and fails if either is not exact.
func set(t *testing.T, text, profile string, kvs []KV) string {
	t.Helper()
	out, err := Set(text, profile, kvs)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if again, err := Set(out, profile, kvs); err != nil || again != out {
		t.Errorf("twice: %q became %q, %v", out, again, err)
	}
	back, ours, err := Remove(out, profile)
	if err != nil || back != text || ours != (out != text) {
		t.Errorf("undone: %q became %q, not %q; %v, %v", out, back, text, ours, err)
	}
	return out
}

func TestSet(t *testing.T) {
	ours := "# added by sso-exec: [profile dev] credential_process region\n[profile dev]\ncredential_process = " +
		"" + command + "\nregion = eu-central-1\n"
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, c := range map[string]struct{ before, after string }{
		"no file":         {"", ours},
		"another profile": {"[default]\nregion = us-east-1\n", "[default]\nregion = us-east-1\n\n" + ours},
		"blank lines":     {"\n\n", "\n\n\n" + ours},
		"CRLF":            {"[default]\r\nregion = us-east-1\r\n", crlf("[default]\nregion = us-east-1\n\n" + ours)},
		"no line break": {"[default]\nregion = us-east-1",
			"[default]\nregion = us-east-1\n\n" + strings.TrimSuffix(ours, "\n")},
		"only spaces":  {"  ", "  \n\n" + strings.TrimSuffix(ours, "\n")},
		"one line":     {"[default]", "[default]\n\n" + strings.TrimSuffix(ours, "\n")},
		"a nested key": {"[default]\ns3 =\n  region = x\n", "[default]\ns3 =\n  region = x\n\n" + ours},
		"other names": {"[profile devel]\n[dev]\n[profile de]\n[sso-session dev]\n[services dev]\n",
			"[profile devel]\n[dev]\n[profile de]\n[sso-session dev]\n[services dev]\n\n" + ours},
		"a header's case":  {"[Profile dev]\na = b\n", "[Profile dev]\na = b\n\n" + ours},
		"a comment header": {"# [profile dev]\n", "# [profile dev]\n\n" + ours},

		"its section": {
			"[profile dev]\noutput = json\n\n# b is another\n[profile b]\n",
			"[profile dev]\noutput = json\n# added by sso-exec: credential_process region\ncredential_process = " +
				"" + command + "\nregion = eu-central-1\n\n# b is another\n[profile b]\n"},
		"its empty section": {
			"[profile dev]",
			"[profile dev]\n# added by sso-exec: credential_process region\ncredential_process = " + command + "\nregion = " +
				"eu-central-1"},
		"after a nested key": {
			"[profile dev]\ns3 =\n  region = x\n  max = 1\n\n[profile b]\n",
			"[profile dev]\ns3 =\n  region = x\n  max = 1\n# added by sso-exec: credential_process region\ncredential_process " +
				"= " + command + "\nregion = eu-central-1\n\n[profile b]\n"},
		"one of two keys": {
			"[profile dev] ; mine\r\nregion=eu-central-1\r\n",
			"[profile dev] ; mine\r\nregion=eu-central-1\r\n# added by sso-exec: credential_process\r\ncredential_process = " +
				"" + command + "\r\n"},
		"both keys, in capitals": {
			"[profile dev]\nREGION : eu-central-1\ncredential_process=" + command,
			"[profile dev]\nREGION : eu-central-1\ncredential_process=" + command},
		"other values": {
			"[profile dev]\ncredential_process = old # one\nregion = eu-west-1",
			"[profile dev]\n# kept by sso-exec: credential_process = old # one\ncredential_process = " + command + "\n# kept " +
				"by sso-exec: region = eu-west-1\nregion = eu-central-1"},
		"a value of several lines": {
			"[profile dev]\r\nregion =\r\n\r\n  # why\r\n  a = b\r\n # end\r\ncredential_process = " + command + "\r\n",
			"[profile dev]\r\n# kept by sso-exec: region =\r\n# kept by sso-exec: \r\n# kept by sso-exec:   # why\r\n# kept " +
				"by sso-exec:   a = b\r\nregion = eu-central-1\r\n # end\r\ncredential_process = " + command + "\r\n"},
		"quoted": {
			"[profile \"dev\"]\n",
			"[profile \"dev\"]\n# added by sso-exec: credential_process region\ncredential_process = " + command + "\nregion " +
				"= eu-central-1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := set(t, c.before, "dev", wanted); got != c.after {
				t.Errorf("got\n%q, want\n%q", got, c.after)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	for profile, header := range map[string]string{
		"default": "[default]", "a/b.c-d_e%f@g:h+i": "[profile a/b.c-d_e%f@g:h+i]", "my dev": `[profile "my dev"]`,
		"Prod (EU)": `[profile "Prod (EU)"]`, "a'b": `[profile "a'b"]`, "a=b": `[profile "a=b"]`, "Köln & Bonn, " +
			"$5": `[profile "Köln & Bonn, $5"]`, "a  b": `[profile "a  b"]`,
	} {
		if got := set(t, "", profile, wanted); !strings.Contains(got, "\n"+header+"\n") {
			t.Errorf("%s: %s", profile, got)
		}
		if got := set(t, header+"\nregion = x\n", profile, wanted); strings.Count(got, "\n[")+1 != 1 {
			t.Errorf("%s: its section was not found: %s", profile, got)
		}
	}
	if got := set(t, "[profile default]\n", "default", wanted); strings.Contains(got, "[default]") {
		t.Error(got)
	}
	for _, bad := range []string{"", " dev", "dev ", "a]b", "a[b", "a\nb", `a"b`, `a\b`, "a#b", "a;b", "a\tb", "a\x00",
		"a\xff", "a\u200b", "DEFAULT"} {
		if _, err := Set("", bad, wanted); err == nil {
			t.Errorf("the profile %q was written", bad)
		}
	}
}

// What the CLI and the SDKs read differently is refused, with its line.
func TestRefused(t *testing.T) {
	for text, line := range map[string]int{
		"[profile dev]\n[profile dev]\n":               2,
		"[profile \"dev\"]\n\n[profile dev]\n":         3,
		"[ profile dev ]\n":                            1,
		"[a]\nx = y\n  [profile dev]\n":                3,
		"[profile dev] # see [1]\n":                    1,
		"[profile dev] junk\n":                         1,
		"[profilex dev]\n":                             1,
		"[default\nregion = a\n":                       1,
		"a = b\n[default] x\n":                         2,
		"[]\n":                                         1,
		"[profile dev]\nx = y\n [b]\n":                 3,
		"[profile dev]\nregion = a\nRegion = b\n":      3,
		"[profile dev]\n  region = a\n":                2,
		"[profile dev]\nx = y\n\tregion = a\n":         3,
		"\ufeff[profile dev]\n":                        1,
		"[a]\nx = y\r[profile dev]\r":                  2,
		"[a]\nx = y\r\r\n":                             2,
		"[\x00p\x00":                                   0,
		strings.Repeat("# large\n", maxText/8) + "#\n": 0,
	} {
		out, err := Set(text, "dev", wanted)
		var refused *TextError
		if !errors.As(err, &refused) || refused.Line != line || out != "" {
			t.Errorf("%.60q: %q, %v; want line %d", text, out, err, line)
		}
	}
	if _, err := Set("[default]\n[profile default]\n", "default", wanted); err == nil {
		t.Error("two default profiles")
	}
	// What is not about this profile is nobody's business here.
	set(t, "nothing\n[b]\n[b]\n[ c ]\nx\n y\n", "dev", wanted)
}

func TestValues(t *testing.T) {
	for _, bad := range []string{
		"", " x", "x ", "a\nb", "a\rb", "a\x00b", "a\x1bb", "a\tb", "a #b", "a ;b", "#a", ";a", `"a" --b "c"`, "'a b'",
		`C:\new`, `a\"b`, `a\'b`, "a\u2028b", "a\xffb", "a\u202eb",
	} {
		if _, err := Set("", "dev", []KV{{"region", bad}}); err == nil {
			t.Errorf("the value %q was written", bad)
		}
	}
	for _, good := range []string{"x", `C:\tools\x.exe a`, "a#b;c", "%(x)s $y", "a = b : c", "[x]", "'a' b", `"a" 'b'`,
		"ü"} {
		set(t, "[profile dev]\nregion = old\n", "dev", []KV{{"region", good}})
	}
	for _, kvs := range [][]KV{{{"", "x"}}, {{"a b", "x"}}, {{"a=b", "x"}}, {{"A", "x"}}, {{"[a", "x"}},
		{{"a", "x"}, {"a", "y"}}} {
		if _, err := Set("", "dev", kvs); err == nil {
			t.Errorf("%v was written", kvs)
		}
	}
}

// Somebody goes on working with the file between the setup and its removal.
func TestRemoveLeavesWhatIsNotOurs(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"a key in our section": {
			"[a]\n\n# added by sso-exec: [profile dev] credential_process\n[profile dev]\ncredential_process = x\nregion = y\n",
			"[a]\n\n[profile dev]\nregion = y\n"},
		"a section behind ours": {
			"[a]\n\n# added by sso-exec: [profile dev] credential_process\n[profile dev]\ncredential_process = x\n\n# " +
				"mine\n[b]\n",
			"[a]\n\n# mine\n[b]\n"},
		"our mark of another header": {
			"# added by sso-exec: [profile old] credential_process\n[profile dev]\ncredential_process = x\n",
			"# added by sso-exec: [profile old] credential_process\n[profile dev]\ncredential_process = x\n"},
		"a key that is not ours": {
			"[profile dev]\ncredential_process = sso-exec aws\n",
			"[profile dev]\ncredential_process = sso-exec aws\n"},
		"a key that was removed": {
			"[profile dev]\na = b\n# added by sso-exec: credential_process\n[b]\ncredential_process = x\n",
			"[profile dev]\na = b\n[b]\ncredential_process = x\n"},
		"another key below what was kept": {
			"[profile dev]\n# kept by sso-exec: region = a\noutput = json\n",
			"[profile dev]\n# kept by sso-exec: region = a\noutput = json\n"},
		"our value changed": {
			"[profile dev]\n# kept by sso-exec: region = a\nregion = b\n# added by sso-exec: output\noutput = c\n",
			"[profile dev]\nregion = a\n"},
		"a key of somebody's that we changed in our section": {
			"# added by sso-exec: [profile dev] credential_process\n[profile dev]\ncredential_process = x\n# kept by " +
				"sso-exec: region = a\nregion = b\n",
			"[profile dev]\nregion = a\n"},
		"no such profile": {"[a]\n", "[a]\n"},
	} {
		got, ours, err := Remove(c.before, "dev")
		if err != nil || got != c.after || ours != (c.before != c.after) {
			t.Errorf("%s: %q, %v, %v", name, got, ours, err)
		}
	}
}

// The second setup has other values: its removal goes back to before the first.
func TestSetAnew(t *testing.T) {
	for _, before := range []string{"", "[default]\r\n", "[profile dev]\nregion = a\n  b\n\n[x]",
		"[profile dev]\ncredential_process = a"} {
		first := set(t, before, "dev", wanted)
		second, err := Set(first, "dev", []KV{{"credential_process", "other"}, {"output", "json"}})
		if err != nil {
			t.Fatal(err)
		}
		if value, ok := Get(second, "dev", "credential_process"); !ok || value != "other" {
			t.Errorf("%q: %q", second, value)
		}
		if back, _, err := Remove(second, "dev"); err != nil || back != before {
			t.Errorf("%q became %q, not %q: %v", second, back, before, err)
		}
	}
	// A line of the person's below what was kept of another key is kept too.
	text := "[profile dev]\n# kept by sso-exec: output = json\nregion = a\n"
	if out := set(t, text, "dev", wanted); !strings.Contains(out, "# kept by sso-exec: region = a\n") {
		t.Errorf("%q", out)
	}
}

// Whatever the text is: the edit is refused, or it disturbs nothing, has the
// values, is the same when done twice, and can be undone.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{
		"", "[default]\nregion = x", "[profile dev]\r\nregion=y # z\r\n s3 =\r\n  a = b\r\n", "[profile " +
			"\"dev\"]\n\n\n", "[profile dev]\nregion =\n a=b\n#c\n d\n[x",
		"# added by sso-exec: [profile dev] region\n[profile dev]\nregion = x\n", "[profile dev]\n# kept by sso-exec: " +
			"region = x\nregion = y",
		"[profile dev]\n# added by sso-exec: region\nregion = x\n",
	} {
		f.Add(seed, "eu-central-1")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		kvs := []KV{{"credential_process", command}, {"region", value}}
		out, err := Set(text, "dev", kvs)
		if err != nil {
			return
		}
		for _, kv := range kvs {
			if got, ok := Get(out, "dev", kv.Key); !ok || got != kv.Value {
				t.Fatalf("%q: %s is %q", out, kv.Key, got)
			}
		}
		if again, err := Set(out, "dev", kvs); err != nil || again != out {
			t.Fatalf("%q became %q, %v", out, again, err)
		}
		// All old lines are there in their order, be it in our comments.
		rest := strings.NewReplacer(keptMark, "").Replace(out)
		for _, l := range strings.Split(strings.NewReplacer(keptMark, "").Replace(text), "\n") {
			_, after, ok := strings.Cut(rest, strings.TrimSuffix(l, "\r"))
			if !ok && !strings.Contains(text, "by sso-exec") {
				t.Fatalf("%q lost %q: %q", text, l, out)
			}
			rest = after
		}
		back, _, err := Remove(out, "dev")
		if err != nil {
			t.Fatalf("%q cannot be undone: %v", out, err)
		}
		if !strings.Contains(text, "by sso-exec") && back != text {
			t.Fatalf("%q became %q, and undone %q", text, out, back)
		}
	})
}
