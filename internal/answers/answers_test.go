package answers

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func sample() Entry {
	return Entry{Key: Key([]string{"sso-exec", "kube"}, []string{"HOME=/h"}), Written: 5, End: 1 << 62,
		Files: []File{{ID: ID{1, 2}}, {Path: "/etc/sso-exec/policy.yaml"}}, Token: File{"tokens/s/t.json", ID{3: 9, 7: -1}},
		Parts: []Part{{`{"token":"`, 17, 30}, {"\"}\n", 0, 0}}}
}

func TestEncode(t *testing.T) {
	e := sample()
	b := e.Encode()
	if got, ok := decode(b); !ok || !reflect.DeepEqual(got, e) {
		t.Fatalf("%+v, %v", got, ok)
	}
	for n := range b {
		if _, ok := decode(b[:n]); ok {
			t.Errorf("an entry of %d of %d bytes is read", n, len(b))
		}
		for _, c := range []byte{b[n] ^ 1, b[n] ^ 0x80} {
			if _, ok := decode(slices.Replace(slices.Clone(b), n, n+1, c)); ok {
				t.Errorf("an entry whose byte %d is wrong is read", n)
			}
		}
	}
	if _, ok := decode(append(b, b...)); ok {
		t.Error("two entries are read as one")
	}
	for e.Key = strings.Repeat("x", most-1000); e.Encode() != nil; e.Key += "xxxxxxx" {
		if !Whole(e.Encode()) {
			t.Fatalf("an entry with a key of %d bytes is written, and not read", len(e.Key))
		}
	}
}

// TestSettled: a change within a tick of the file system's clock shows in no ID.
func TestSettled(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		content, inode, tick time.Duration
	}{
		{0, 1, 100*time.Millisecond + 1},
		{1, 0, 3*time.Second + 1}, // as touch -d and utimensat set it; the inode's time nobody can set
		{0, 0, 3 * time.Second},
		{-time.Hour, 0, 3 * time.Second},
	} {
		id := ID{timeAt: at.Add(c.content).UnixNano(), timeAt + 1: at.Add(c.inode).UnixNano()}
		if got := id.Settled().Sub(at); got != c.tick {
			t.Errorf("%v, %v: %v later, want %v", c.content, c.inode, got, c.tick)
		}
	}
}

// FuzzDecode: nothing crashes it, and what is read is what is written.
func FuzzDecode(f *testing.F) {
	e := sample()
	f.Add(e.Encode())
	f.Add([]byte("17:sso-exec answer 1"))
	f.Add([]byte("99999999:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := decode(b); ok {
			if again, ok := decode(e.Encode()); !ok || !reflect.DeepEqual(again, e) {
				t.Fatalf("%+v is read again as %+v, %v", e, again, ok)
			}
		}
	})
}

func TestKey(t *testing.T) {
	args := []string{"sso-exec", "kube"}
	plain := Key(args, []string{"HOME=/h"})
	for name, k := range map[string]string{
		"a word more":         Key([]string{"sso-exec", "kube", ""}, []string{"HOME=/h"}),
		"words together":      Key([]string{"sso-exec kube"}, []string{"HOME=/h"}),
		"a word of two":       Key([]string{"sso-exec", "k", "ube"}, []string{"HOME=/h"}),
		"a variable as word":  Key([]string{"sso-exec", "kube", "HOME=/h"}, nil),
		"another value":       Key(args, []string{"HOME=/h2"}),
		"none":                Key(args, nil),
		"a variable more":     Key(args, []string{"HOME=/h", "SSO_EXEC_ISSUER="}),
		"a value less":        Key(args, []string{"HOME=/h", "SSO_EXEC_ISSUER"}),
		"an agent":            Key(args, []string{"HOME=/h", "CLAUDECODE=1"}),
		"not UTF-8":           Key(args, []string{"HOME=/h\xff"}),
		"a secret":            Key(args, []string{"HOME=/h", "SSO_EXEC_CLIENT_SECRET=a"}),
		"an empty secret":     Key(args, []string{"HOME=/h", "SSO_EXEC_CLIENT_SECRET="}),
		"one of two of these": Key(args, []string{"HOME=/h", "HOME=/h2"}),
		"the other":           Key(args, []string{"HOME=/h2", "HOME=/h"}),
	} {
		if k == plain {
			t.Errorf("%s makes no other key", name)
		}
	}
	if Key(args, []string{"PWD=/x", "HOME=/h", "HTTPS_PROXY=p", "XDG_SESSION_ID=7"}) != plain {
		t.Error("what cannot change an answer is part of the key")
	}
	if a := Key(args, []string{"SSO_EXEC_A=1", "AWS_B=2"}); a != Key(args, []string{"AWS_B=2", "SSO_EXEC_A=1"}) {
		t.Error("the order of variables is part of the key")
	}
	for _, name := range []string{"SSO_EXEC_CLIENT_SECRET", "SSO_EXEC_ID_TOKEN", "AWS_SECRET_ACCESS_KEY",
		"AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
		"AWS_BEARER_TOKEN_BEDROCK", "AWS_VAULT_FILE_PASSPHRASE"} {
		if k := Key(args, []string{name + "=hunter2"}); strings.Contains(k, "hunter2") || !strings.Contains(k, name) {
			t.Errorf("a secret is in the key, or nothing of it: %q", k)
		}
	}
}

// FuzzKey: two calls that differ in a word or in a variable that counts have two keys.
func FuzzKey(f *testing.F) {
	f.Add("kube", "--issuer=x", "/h", "kube --issuer=x", "", "/h")
	f.Add("a\x00", "b", "", "a", "\x00b", "")
	f.Add("5:token", "", "1", "token", "5:", "\xff")
	f.Fuzz(func(t *testing.T, a1, a2, av, b1, b2, bv string) {
		a := Key([]string{a1, a2}, []string{"SSO_EXEC_SCOPE=" + av})
		b := Key([]string{b1, b2}, []string{"SSO_EXEC_SCOPE=" + bv})
		if (a == b) != (a1 == b1 && a2 == b2 && av == bv) {
			t.Fatalf("%q, %q", a, b)
		}
		if c := Key([]string{a1, a2, "SSO_EXEC_SCOPE=" + av}, nil); c == a {
			t.Fatalf("a word counts as a variable: %q", c)
		}
	})
}

// world is a cache directory with one answer in it.
func world(t *testing.T, change func(*Entry)) (args, env []string, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "cache")
	token := filepath.Join(dir, "tokens", "s", "t.json")
	for _, d := range []string{filepath.Dir(token), filepath.Join(dir, "answers")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(token, []byte(`{"accessToken":"secret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(token)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	args, env = []string{"sso-exec", "token"}, []string{"SSO_EXEC_CACHE_DIR=" + dir, homeVariable + "=" + dir}
	id, ok := IDOf(f)
	self, okSelf := Self()
	if !ok || !okSelf {
		t.Fatal("no IDs")
	}
	now := time.Now().UnixNano()
	e := Entry{Key: Key(args, env), Written: now, End: now + int64(time.Hour),
		Files: []File{{ID: self}, {Path: filepath.Join(dir, "absent")},
			{Path: filepath.Join(dir, "none", "file")}}, Token: File{"tokens/s/t.json", id},
		Parts: []Part{{"<", 16, 6}, {">\n", 0, 0}}}
	if change != nil {
		change(&e)
	}
	if err := os.WriteFile(filepath.Join(dir, "answers", Name(e.Key)), e.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return args, env, dir
}

func TestLookup(t *testing.T) {
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	in := func(at time.Duration) int64 { return time.Now().Add(at).UnixNano() }
	args, env, _ := world(t, nil)
	if doc, ok := Lookup(args, env, in(0)); !ok || string(doc) != "<secret>\n" {
		t.Fatalf("%q, %v", doc, ok)
	}
	for name, c := range map[string]struct {
		entry func(*Entry)
		dir   func(string)
		at    time.Duration
	}{
		"the end":                {at: 61 * time.Minute},
		"a clock set back":       {at: -time.Minute},
		"another key":            {entry: func(e *Entry) { e.Key += " " }},
		"another program":        {entry: func(e *Entry) { e.Files[0].ID[1]++ }},
		"a file came":            {dir: func(dir string) { must(os.WriteFile(filepath.Join(dir, "absent"), nil, 0o600)) }},
		"a file that was there":  {entry: func(e *Entry) { e.Files[1].ID[1] = 7 }},
		"another token's file":   {entry: func(e *Entry) { e.Token.ID[2]++ }},
		"a part that is too far": {entry: func(e *Entry) { e.Parts[0].At = 20 }},
		"a path up":              {entry: func(e *Entry) { e.Token.Path = "tokens/../t.json" }},
		"a path of Windows":      {entry: func(e *Entry) { e.Token.Path = `tokens\s\t.json/` }},
		"a stream":               {entry: func(e *Entry) { e.Token.Path = "tokens/s/t.json:x" }},
		"a path too short":       {entry: func(e *Entry) { e.Token.Path = "tokens/t.json" }},
		"a path too long":        {entry: func(e *Entry) { e.Token.Path = "tokens/s/t/t.json" }},
		"an absolute path":       {entry: func(e *Entry) { e.Token.Path = "/tokens/s/t.json" }},
		"a token that is gone":   {dir: func(dir string) { must(os.Remove(filepath.Join(dir, "tokens/s/t.json"))) }},
		"a second name": {dir: func(dir string) {
			must(os.Link(filepath.Join(dir, "tokens/s/t.json"), filepath.Join(dir, "tokens/s/u.json")))
		}},
	} {
		args, env, dir := world(t, c.entry)
		if c.dir != nil {
			c.dir(dir)
		}
		if doc, ok := Lookup(args, env, in(c.at)); ok {
			t.Errorf("%s: answered with %q", name, doc)
		}
	}
}

// TestOneName: an answer to another question, whose key has the same name, is none.
func TestOneName(t *testing.T) {
	args, env, dir := world(t, nil)
	path := filepath.Join(dir, "answers", Name(Key(args, env)))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := decode(b)
	e.Key = Key(append(args, "--force"), env)
	if err := os.WriteFile(path, e.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if doc, ok := Lookup(args, env, e.Written); ok {
		t.Errorf("answered with %q", doc)
	}
}

// TestWatch: each file that was read is noted, or the answer is not remembered.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	Saw(path, nil, os.ErrPermission) // nobody watches
	Watch()
	_, err := os.Open(path)
	Saw(path, nil, err)
	if files, ok := Unwatch(); !ok || len(files) != 1 || files[0] != (File{Path: path}) {
		t.Errorf("%+v, %v", files, ok)
	}
	for name, saw := range map[string]func(){
		"a file that cannot be opened": func() { Saw(path, nil, os.ErrPermission) },
		"a directory": func() {
			f, err := os.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			Saw(dir, f, nil)
		},
	} {
		Watch()
		saw()
		if _, ok := Unwatch(); ok {
			t.Errorf("%s: an answer that hangs on it is remembered", name)
		}
	}
	if _, ok := Unwatch(); ok {
		t.Error("what was not watched is remembered")
	}
}
