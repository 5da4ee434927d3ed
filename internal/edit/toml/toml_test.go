package toml

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	judge "github.com/BurntSushi/toml"
)

const file = "# mine\r\n[net]\r\nretry = 3 # often\r\n\r\n" +
	"[registries.corp]\r\n  index = \"sparse+https://h/i/\" # [x]\r\n" +
	"[registries.\"a.b\"]\r\nindex='https://h/'\r\ncredential-provider = [\r\n  \"x\", # why ]\r\n  'y',\r\n]\r\n" +
	"[[bin]]\r\nname = \"\"\"a\r\n[registries.corp]\r\n\"\"\"\"\r\nd = 1979-05-27 07:32:00Z\r\n" +
	"t = { a.b = [1, [2.5e+3]], c = true }"

func TestParse(t *testing.T) {
	d, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range d.Entries {
		got = append(got, strings.Join(e.Path(), "|")+"="+string(e.Value))
	}
	want := []string{"net|retry=3", `registries|corp|index="sparse+https://h/i/"`, "registries|a.b|index='https://h/'",
		"registries|a.b|credential-provider=[\r\n  \"x\", # why ]\r\n  'y',\r\n]",
		"bin|name=\"\"\"a\r\n[registries.corp]\r\n\"\"\"\"", "bin|d=1979-05-27 07:32:00Z",
		"bin|t={ a.b = [1, [2.5e+3]], c = true }"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if list, ok := d.Entries[3].Strings(); !ok || !slices.Equal(list, []string{"x", "y"}) {
		t.Errorf("%q", list)
	}
	for _, bad := range []string{"a", "a =", "a = \"b", "a = 'b\n'", "[a", "[a]]x", "[]", "= 1", "a = 1 b = 2", "a = [1",
		"a = {b}", "a\r= 1", "a = 1\rb = 2", "\x00", "a = \x00", "a = \"\"\"x", "[[a]", "a.=1",
		"a = " + strings.Repeat("[", 2000)} {
		if d, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, d.Entries)
		}
	}
	for _, odd := range []string{`"""a"""`, `["a", 1]`, "1", "[[]]"} {
		if list, ok := (&Entry{Value: []byte(odd)}).Strings(); ok {
			t.Errorf("%s: %q", odd, list)
		}
	}
}

func TestSet(t *testing.T) {
	for in, want := range map[string]string{
		file:                         strings.Replace(file, "# [x]\r\n", "# [x]\r\n  p = [\"q\"]\r\n", 1),
		"[registries.corp]":          "[registries.corp]\np = [\"q\"]",
		"[registries.corp]\n\n[b]\n": "[registries.corp]\np = [\"q\"]\n\n[b]\n",
		"[ registries . 'corp' ] # x\np=[1, #]\n2] # y\n": "[ registries . 'corp' ] # x\np=[\"q\"] # y\n",
	} {
		d, err := Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Set([]string{"registries", "corp"}, "p", Quote("q"))
		if err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, bad := range []string{"", "registries.corp.a = 1", "[[registries.corp]]",
		"[registries.corp]\n[registries.corp]",
		"[registries.corp]\np.a = 1", "[registries.corp.p]",
		"[registries.corp]\n[registries.corp.p]", "[registries.corp]\n[[registries.corp.p]]",
		"[registries.corp.\"p\".x]\n[registries.corp]", "registries = {corp = {}}"} {
		d, err := Parse([]byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Set([]string{"registries", "corp"}, "p", "1"); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// What a key is set to is what another parser reads there, and nothing else changes for
// it; taken out again, every byte is as it was.
func FuzzSet(f *testing.F) {
	f.Add([]byte(file), `C:\a "b"`)
	f.Add([]byte("[registries.corp]\np = \"\"\"\"a\"\"\"\"\"\n"), "\x00\x7f\u212a")
	f.Add([]byte("[registries.corp]\na = { b = [ 1, ] }\n[registries.corp.x]"), "")
	f.Fuzz(func(t *testing.T, in []byte, word string) {
		word = strings.ToValidUTF8(word, "?")
		var before, after map[string]any
		if judge.Unmarshal(in, &before) != nil || bytes.Contains(in, []byte("nan")) { // which equals nothing
			return // the program whose file it is cannot read it either
		}
		d, err := Parse(in)
		if err != nil {
			return
		}
		out, err := d.Set([]string{"registries", "corp"}, "p", Quote(word))
		if err != nil {
			return
		}
		if err := judge.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		table := func(doc map[string]any) map[string]any {
			registries, _ := doc["registries"].(map[string]any)
			corp, _ := registries["corp"].(map[string]any)
			return corp
		}
		if got := table(after)["p"]; !reflect.DeepEqual(got, []any{word}) {
			t.Fatalf("%q: p is %#v", out, got)
		}
		_, had := table(before)["p"]
		delete(table(before), "p")
		delete(table(after), "p")
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", in, out)
		}
		d, err = Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(d.Entries, func(e Entry) bool { return Name(e.Path()) == "registries.corp.p" })
		list, ok := d.Entries[at].Strings()
		if !ok || !slices.Equal(list, []string{word}) {
			t.Fatalf("%q: %q", out, list)
		}
		if back := d.Remove(&d.Entries[at]); !had && !bytes.Equal(back, in) {
			t.Fatalf("%q became %q, and then %q", in, out, back)
		}
	})
}
