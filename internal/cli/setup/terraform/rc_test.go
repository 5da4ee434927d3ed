package terraform

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	judge "github.com/hashicorp/hcl"
)

const list = `["--profile=corp"]`

func TestPut(t *testing.T) {
	block := block(list)
	theirs := "# mine } \"\nplugin_cache_dir = \"$HOME/x\" // {\n/* credentials_helper \"x\" { */\n" +
		"host \"a.example\" {\n" +
		"  services = { \"modules.v1\" = \"https://a/\" }\n}\ncredentials \"b.example\" { token = \"t}\" }"
	for in, want := range map[string]string{
		"": block + "\n", "\n": "\n" + block + "\n", theirs: theirs + "\n" + block,
		theirs + "\n": theirs + "\n" + block + "\n",
		"a = 1\r\n":   "a = 1\r\n" + strings.ReplaceAll(block, "\n", "\r\n") + "\r\n",
		"x = 1\n credentials_helper sso-exec { args = [\"}\", # ]\n] } # why\ny = [1, true]": "x = 1\n" +
			" credentials_helper sso-exec { args = " + list + " } # why\ny = [1, true]",
		"credentials_helper sso-exec { # mine\r\n}": "credentials_helper sso-exec {\r\n  args = " + list +
			"\r\n # mine\r\n}",
		"credentials_helper sso-exec { args = [] Args = [] }": block,
	} {
		got, err := put([]byte(in), list)
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
		if again, err := put(got, list); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%q: again it is %q, %v", in, again, err)
		}
	}
	for in, says := range map[string]string{
		`{"credentials_helper": {}}`: "JSON", "\ufeffa = 1": "byte order mark",
		`credentials_helper "theirs" {}`: `"theirs" already exists`,
		block + "\n" + block:             "more than one", `a = "${b}"`: "read", "a = <<E\nE\n": "read", "a {": "read",
		"a":                        "read",
		`credentials_helper = "x"`: "read", `credentials_helper {}`: "read", `a = "b`: "read", "= 1": "read", "\x00": "read",
		"a = " + strings.Repeat("[", 2000): "read",
	} {
		if got, err := put([]byte(in), list); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %q, %v", in, got, err)
		}
	}
}

// Another parser reads our block there, and all else as before; taken out again, every
// byte is as it was.
func FuzzPut(f *testing.F) {
	f.Add([]byte("a = 1 # b\ncredentials \"h\" { token = \"x\" }\n"))
	f.Add([]byte("/* { */ host \"h\" {\n services = { a = [1, \"}\"] }\n}"))
	f.Add([]byte(" credentials_helper \"sso-exec\" {}\r\n"))
	f.Add([]byte("\"\\555\" {}"))
	f.Add([]byte("Credentials_Helper \"sso-exec\" { Args = [] }"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after map[string]any
		out, err := put(in, list)
		if err != nil || unmarshal(in, &before) != nil {
			return // in the second case Terraform cannot read it either
		}
		if err := unmarshal(out, &after); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		want := []map[string]any{{"sso-exec": []map[string]any{{"args": []any{"--profile=corp"}}}}}
		if got, _ := takeOut(after); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q: %#v", in, out, got)
		}
		_, had := takeOut(before)
		if len(before)+len(after) > 0 && !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", in, out)
		}
		if back, err := without(out); err != nil || !had && !bytes.Equal(back, in) {
			t.Fatalf("%q became %q, and then %q, %v", in, out, back, err)
		}
	})
}

// unmarshal is the judge's word, who panics at some texts.
func unmarshal(text []byte, config *map[string]any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return judge.Unmarshal(text, config)
}

// takeOut takes the credentials helpers out of a configuration. HCL 1 goes by keys in
// whatever case, but keeps them as they are written.
func takeOut(config map[string]any) (blocks []map[string]any, ok bool) {
	for key, value := range config {
		if strings.EqualFold(key, "credentials_helper") {
			delete(config, key)
			blocks, ok = value.([]map[string]any)
		}
	}
	for _, block := range blocks {
		for _, value := range block {
			list, _ := value.([]map[string]any)
			for _, settings := range list {
				for key, args := range settings {
					if strings.EqualFold(key, "args") {
						delete(settings, key)
						settings["args"] = args
						break
					}
				}
			}
		}
	}
	return blocks, ok
}
